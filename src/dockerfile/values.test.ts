import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseBytes, parseDuration, parseInt32 } from './go-numbers.ts';
import { quote, quoteRune } from './go-text.ts';
import { isImageName } from './image-name.ts';
import { parsePorts } from './ports.ts';
import { parseRunMounts } from './run-mounts.ts';

import { suggestion, withSuggestion } from './suggest.ts';

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

test('durations are read and printed as Go does', () => {
  assert.equal(parseDuration('1h2m3.5s'), 3_723_500_000_000);
  assert.equal(parseDuration('1.5us'), 1500);
  assert.equal(parseDuration('-1ms'), -1_000_000);
  assert.equal(parseDuration('0'), 0);
  assert.equal(
    messageOf(() => parseDuration('')),
    'time: invalid duration ""',
  );
  assert.equal(
    messageOf(() => parseDuration('1d')),
    'time: unknown unit "d" in duration "1d"',
  );
  assert.equal(
    messageOf(() => parseDuration('.s')),
    'time: invalid duration ".s"',
  );
  const texts = [0, 1, 1500, 1_500_000, 90e9, 3600e9, 3_723_500_000_000, -1e9].map(formatDuration);
  assert.deepEqual(texts, ['0s', '1ns', '1.5µs', '1.5ms', '1m30s', '1h0m0s', '1h2m3.5s', '-1s']);
});

test('numbers and sizes are read as Go does', () => {
  assert.equal(parseInt32('+3'), 3);
  assert.equal(
    messageOf(() => parseInt32('99999999999')),
    'strconv.ParseInt: parsing "99999999999": value out of range',
  );
  assert.deepEqual(['5', '5k', '1.5GiB', '2 MB', 'x', '5x'].map(parseBytes), [
    5,
    5120,
    1610612736,
    2097152,
    undefined,
    undefined,
  ]);
});

test('texts are quoted as Go does', () => {
  assert.equal(quote('a"\\\n\t\x07\x7fü\u200b世🎉'), '"a\\"\\\\\\n\\t\\a\\x7fü\\u200b世🎉"');
  assert.deepEqual([0, 3, 7, 39, 65].map(quoteRune), ["'\\x00'", "'\\x03'", "'\\a'", "'\\''", "'A'"]);
});

test('ports become single entries with a protocol', () => {
  assert.deepEqual(parsePorts(['80', '81-83/UDP', '127.0.0.1:1:90', '[::1]:1:2/sctp', '1-3:80']), [
    ...['80/tcp', '81/udp', '82/udp', '83/udp', '90/tcp', '2/sctp', '80/tcp'],
  ]);
  const table: readonly (readonly [string, string])[] = [
    ['notaport', 'invalid containerPort: notaport'],
    ['65536', 'invalid containerPort: 65536'],
    ['5-3', 'invalid containerPort: 5-3'],
    ['80/xyz', 'invalid port: "80/xyz": invalid proto: xyz'],
    ['/tcp', 'invalid port: "/tcp": no port specified'],
    ['1.2.3:1:80', 'invalid IP address: 1.2.3'],
    ['a:80', 'invalid hostPort: a'],
    ['1-3:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 1-3'],
  ];
  for (const [spec, message] of table)
    assert.equal(
      messageOf(() => parsePorts([spec])),
      message,
    );
});

test('mounts have a type, their fields and the defaults of the type', () => {
  const [bind, cache, secret, tmpfs, ssh] = parseRunMounts([
    'target=/a,from=b,source=/c,rw',
    'type=cache,dst=/d,id=x,sharing=locked,mode=0700,uid=1,gid=2',
    'type=secret,id=s,env=TOKEN,required',
    'type=tmpfs,target=/t,size=64m',
    'type=ssh,required=true,"target=/run/a,b"',
  ]);
  assert.deepEqual(bind, { type: 'bind', target: '/a', from: 'b', source: '/c', readOnly: false, required: false });
  assert.deepEqual(cache, {
    ...{ type: 'cache', target: '/d', id: 'x', sharing: 'locked', mode: 0o700, uid: 1, gid: 2 },
    ...{ readOnly: false, required: false },
  });
  assert.deepEqual(secret, { type: 'secret', id: 's', env: 'TOKEN', required: true, readOnly: true });
  assert.deepEqual(tmpfs, { type: 'tmpfs', target: '/t', sizeLimit: 64 << 20, readOnly: false, required: false });
  assert.deepEqual(ssh, { type: 'ssh', target: '/run/a,b', required: true, readOnly: true });
});

test('mounts that make no sense are refused in the words of the reference', () => {
  const table: readonly (readonly [string, string])[] = [
    ['type=foo', 'unsupported mount type "foo"'],
    ['type=secre,target=a', 'unsupported mount type "secre" (did you mean secret?)'],
    ['foo', "invalid field 'foo' must be a key=value pair"],
    ['type=tmpfs,target=/a,szie=1', "unexpected key 'szie' in 'szie=1' (did you mean size?)"],
    ['target=/a,ttl=1', "unexpected key 'ttl' in 'ttl=1'"],
    ['type=cache,target=/a,size=5k', "unexpected key 'size' for mount type 'cache'"],
    ['type=tmpfs,target=/a,size=5x', 'invalid value for size: 5x'],
    ['type=cache,target=/a,mode=9', 'invalid value 9 for mode'],
    ['type=bind,target=/a,mode=7', 'mode not allowed for "bind" type mounts'],
    ['type=bind,target=/a,sharing=locked', 'invalid cache sharing set for bind mount'],
    ['type=cache,target=/a,sharing=x', 'unsupported sharing value "x"'],
    ['type=cache,target=/a,required', "unexpected key 'required' for mount type 'cache'"],
    ['type=secret,env=A', 'invalid secret mount. one of source, target required'],
    ['type=secret,id=a,source=x', "both source and id can't be set"],
    ['type=secret,target=a,ro=z', 'invalid value for ro: z'],
  ];
  for (const [spec, message] of table)
    assert.equal(
      messageOf(() => parseRunMounts([spec])),
      message,
    );
});

test('values of mounts are expanded one by one', () => {
  assert.equal(parseRunMounts(['target=$T'], (value) => value.replace('$T', '/x'))[0]!.target, '/x');
});

test('a suggestion is at most two edits away and keeps the case of what was typed', () => {
  assert.equal(suggestion('CPOY', ['COPY', 'ADD'], false), 'COPY');
  assert.equal(suggestion('cpoy', ['COPY'], false), 'copy');
  assert.equal(suggestion('exact', ['exact', 'exacts']), undefined);
  assert.equal(suggestion('zzz', ['COPY']), undefined);
  assert.equal(withSuggestion('no', 'flg', ['flag']), 'no (did you mean flag?)');
});

test('names of images are told from other texts', () => {
  for (const name of [
    'a',
    'a/b:c',
    'localhost/x',
    'h.io:5000/a_b/c-d:T_1',
    `a@sha256:${'0'.repeat(64)}`,
    '[::1]:5000/a',
  ]) {
    assert.equal(isImageName(name), true, name);
  }
  for (const name of ['', 'A', 'a:', 'a/B', 'a:b:c', 'a b', '-a', 'a@x', 'a//b', '0'.repeat(64)]) {
    assert.equal(isImageName(name), false, name);
  }
});
