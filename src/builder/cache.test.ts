import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildHost, type Built, startBuildHost } from './testing/host.ts';

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

const instructions = ({ ran }: Built) => ran.map(({ instruction }) => instruction);
const reasons = ({ ran }: Built) => ran.map(({ reason }) => reason.code);

test('a build that was done before runs nothing and gives the same image', async () => {
  const dir = host.context({
    Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f > /g\nWORKDIR /w\nLABEL a=b\n',
    f: 'one',
  });
  const first = await host.build(dir);
  assert.deepEqual(reasons(first), ['first_build', 'first_build', 'first_build']);
  const second = await host.build(dir);
  assert.deepEqual(second.ran, []);
  assert.equal(second.result.imageID, first.result.imageID);
});

test('a changed file runs its COPY and what follows, and the file is named', async () => {
  const dockerfile = 'FROM busybox\nRUN echo before\nCOPY d /d\nRUN echo after\n';
  const dir = host.context({ Dockerfile: dockerfile, 'd/x': '1', 'd/y': '2' });
  await host.build(dir);
  writeFileSync(join(dir, 'd/x'), 'changed');
  writeFileSync(join(dir, 'd/new'), '');
  const again = await host.build(dir);
  assert.deepEqual(instructions(again), ['COPY d /d', 'RUN echo after']);
  assert.deepEqual(reasons(again), ['files_changed', 'parent_changed']);
  assert.deepEqual(again.ran[0]?.reason.paths, ['d/new', 'd/x']);
});

test('times of files decide nothing, their modes do', async () => {
  const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY f /times\n', f: 'same' });
  await host.build(dir);
  utimesSync(join(dir, 'f'), 1, 1);
  assert.deepEqual(instructions(await host.build(dir)), []);
  chmodSync(join(dir, 'f'), 0o755);
  assert.deepEqual(reasons(await host.build(dir)), ['files_changed']);
});

test('a file that grows within the resolution of its times is noticed', async () => {
  const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY f /racy\n', f: 'one' });
  const date = new Date();
  for (const [round, text] of ['one', 'two', 'six'].entries()) {
    writeFileSync(join(dir, 'f'), text);
    utimesSync(join(dir, 'f'), date, date);
    const { ran, result } = await host.build(dir);
    assert.equal(ran.length, 1, `round ${round}`);
    await host.withFiles(result, (root) => assert.equal(readFileSync(join(root, 'racy'), 'utf8'), text));
  }
});

test('a step that failed is where the next build begins', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo resume\nCOPY f /f\nRUN sh /f\n', f: 'exit 1' });
  await assert.rejects(host.build(dir), /did not complete successfully: exit code: 1/);
  writeFileSync(join(dir, 'f'), 'exit 0');
  assert.deepEqual(instructions(await host.build(dir)), ['COPY f /f', 'RUN sh /f']);
});

test('an edited instruction is told with its old text, and so is what it depends on', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nENV A=1\nRUN echo old\n' });
  await host.build(dir);
  writeFileSync(join(dir, 'Dockerfile'), 'FROM busybox\nENV A=1\nRUN echo new\n');
  const edited = await host.build(dir);
  assert.deepEqual(reasons(edited), ['instruction_changed']);
  assert.match(edited.ran[0]!.reason.text, /it was: RUN echo old$/);
  writeFileSync(join(dir, 'Dockerfile'), 'FROM busybox\nENV A=2\nRUN echo new\n');
  assert.deepEqual(reasons(await host.build(dir)), ['instruction_changed']);
});

test('an instruction that no file depends on makes nothing run again', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nLABEL v=1\nRUN echo labelled\n' });
  await host.build(dir);
  writeFileSync(join(dir, 'Dockerfile'), 'FROM busybox\nLABEL v=2\nHEALTHCHECK NONE\nRUN echo labelled\n');
  const { ran, result } = await host.build(dir);
  assert.deepEqual(ran, []);
  const { config } = await host.images.get(result.imageID!);
  assert.deepEqual([config.config?.Labels, config.config?.Healthcheck?.Test], [{ v: '2' }, ['NONE']]);
});

test('an argument counts where it is declared, and only there', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo before arg\nARG V\nRUN echo after arg\n' });
  await host.build(dir, { buildArgs: { V: '1' } });
  assert.deepEqual(instructions(await host.build(dir, { buildArgs: { V: '2' } })), ['RUN echo after arg']);
  assert.deepEqual(instructions(await host.build(dir, { buildArgs: { V: '2', OTHER: 'x' } })), []);
});

test('proxies and secrets are seen by a RUN and decide nothing', async () => {
  const dir = host.context({
    Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=s echo "$http_proxy $(cat /run/secrets/s)"\n',
  });
  const secret = (text: string) => [{ id: 's', value: Buffer.from(text).toString('base64') }];
  const first = await host.build(dir, { buildArgs: { HTTP_PROXY: 'http://p:1' }, secrets: secret('canary-one') });
  assert.equal(first.output, 'http://p:1 canary-one\n');
  const second = await host.build(dir, { buildArgs: { HTTP_PROXY: 'http://p:2' }, secrets: secret('canary-two') });
  assert.deepEqual(second.ran, []);
});

test('without cache everything runs; a filter names the stages for which that holds', async () => {
  const dockerfile = 'FROM busybox AS one\nRUN echo 1 > /1\nFROM busybox AS two\nRUN echo 2\nCOPY --from=one /1 /1\n';
  const dir = host.context({ Dockerfile: dockerfile });
  await host.build(dir);
  const none = await host.build(dir, { noCache: true });
  assert.deepEqual(reasons(none), ['no_cache', 'no_cache', 'no_cache']);
  const some = await host.build(dir, { noCacheFilter: ['Two'] });
  assert.deepEqual(instructions(some).sort(), ['COPY --from=one /1 /1', 'RUN echo 2']);
});

test('a COPY from a stage that ran again and gave the same files is found', async () => {
  const dockerfile =
    'FROM busybox AS make\nARG V\nRUN echo $V > /version; echo fixed > /out\nFROM scratch\nCOPY --from=make /out /out\n';
  const dir = host.context({ Dockerfile: dockerfile });
  await host.build(dir, { buildArgs: { V: '1' } });
  const again = await host.build(dir, { buildArgs: { V: '2' } });
  assert.deepEqual(instructions(again), ['RUN echo 2 > /version; echo fixed > /out']);
});

test('a RUN that mounts files of a stage is found by what it mounts', async () => {
  for (const mount of ['type=bind,from=one,src=out,target=/m', 'type=bind,from=one,src=out,target=/m,rw']) {
    const dockerfile = `FROM busybox AS one\nWORKDIR /out\nRUN echo same > f; date +%N > /other # ${mount}\nFROM busybox\nRUN --mount=${mount} cat /m/f > /got\n`;
    const dir = host.context({ Dockerfile: dockerfile });
    await host.build(dir);
    const again = await host.build(dir, { noCacheFilter: ['one'] });
    assert.ok(!instructions(again).some((text) => text.includes('--mount')), instructions(again).join());
    assert.deepEqual((await host.build(dir)).ran, []);
    writeFileSync(join(dir, 'Dockerfile'), dockerfile.replace('echo same', 'echo other'));
    const changed = await host.build(dir);
    assert.ok(instructions(changed).some((text) => text.includes('--mount')));
    assert.equal(changed.ran.at(-1)?.reason.code, 'files_changed');
    await host.withFiles(changed.result, (root) => assert.equal(readFileSync(join(root, 'got'), 'utf8'), 'other\n'));
  }
});

test('without cache a cache mount begins empty, and the steps of one build share it', async () => {
  const mount = 'RUN --mount=type=cache,target=/c';
  const dockerfile = `FROM busybox\n${mount} ls /c; touch /c/one; : 1\n${mount} ls /c; touch /c/two; : 2\n`;
  const dir = host.context({ Dockerfile: dockerfile });
  assert.equal((await host.build(dir)).output, 'one\n');
  assert.equal((await host.build(dir, { noCache: true })).output, 'one\n');
  const other = host.context({ Dockerfile: `FROM busybox\n${mount} ls /c; : other\n` });
  assert.equal((await host.build(other)).output, 'one\ntwo\n');
});

test('a folder that a step has is left to it when another build begins anew', async () => {
  const mount = 'RUN --mount=type=cache,id=renewed,target=/c';
  const holder = host.context({ Dockerfile: `FROM busybox\n${mount} touch /c/kept; sleep 1; ls /c\n` });
  const fresh = host.context({ Dockerfile: `FROM busybox\n${mount} ls /c; touch /c/new\n` });
  const holding = host.build(holder);
  await sleep(500);
  assert.equal((await host.build(fresh, { noCache: true })).output, '');
  assert.equal((await holding).output, 'kept\n');
  const third = host.context({ Dockerfile: `FROM busybox\n${mount} ls /c; : third\n` });
  assert.equal((await host.build(third)).output, 'new\n');
});

test('a step that ran again and gave the very same layer keeps what follows', async () => {
  const dockerfile = 'FROM scratch AS files\nCOPY f /f\nFROM files\nCOPY g /g\n';
  const dir = host.context({ Dockerfile: dockerfile, f: '1', g: '2' });
  utimesSync(join(dir, 'f'), 5, 5);
  await host.build(dir);
  const again = await host.build(dir, { noCacheFilter: ['files'] });
  assert.deepEqual(instructions(again), ['COPY f /f']);
});

test('what was pruned runs again and says why', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo prune me > /p\n' });
  const { result } = await host.build(dir);
  await host.images.remove(result.imageID!, { force: true, prune: true, uses: [] });
  const { deleted } = await host.builder.cache.prune({ all: true });
  assert.ok(deleted.length > 0);
  assert.deepEqual(await host.builder.cache.list(), []);
  const again = await host.build(dir);
  assert.deepEqual(reasons(again), ['pruned']);
});

test('pruning leaves images whole and, without all, what they share', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo shared > /s\n' });
  const { result } = await host.build(dir, { tags: ['keep:1'] });
  await host.builder.cache.prune({ all: false });
  assert.deepEqual((await host.build(dir)).ran, []);
  await host.builder.cache.prune({ all: true });
  await host.withFiles(result, (root) => assert.equal(readFileSync(join(root, 's'), 'utf8'), 'shared\n'));
});

test('an image that was removed does not take the cache with it', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo outlives > /o\n' });
  const { result } = await host.build(dir, { tags: ['gone:1'] });
  await host.images.remove('gone:1', { force: true, prune: true, uses: [] });
  assert.equal(await host.images.find(result.imageID!), undefined);
  assert.deepEqual((await host.build(dir)).ran, []);
});

test('an image that only looks as if this step had made it is no cache', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo honest > /h\n' });
  const [base] = await host.images.list({ references: ['busybox'] });
  const history = [
    ...base!.config.history!,
    { created_by: 'RUN /bin/sh -c echo honest > /h # buildkit', empty_layer: true },
  ];
  const forged = { ...base!.config, history };
  await host.images.create({ config: forged, snapshot: base!.snapshot, parent: base!.id });
  assert.deepEqual(reasons(await host.build(dir)), ['first_build']);
});

test('two builds of the same at the same time do the work once', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nCOPY f /f\nRUN sleep 0.3; date +%N > /n\n', f: 'twice' });
  const both = await Promise.all([host.build(dir), host.build(dir)]);
  assert.equal(both[0].result.imageID, both[1].result.imageID);
  assert.equal(both.flatMap((one) => instructions(one)).filter((text) => text.startsWith('COPY')).length, 1);
});

test('a linked copy stands on a new base without being made again, where it looks the same', async () => {
  const dockerfile = (before: string) =>
    `FROM busybox\nRUN ${before}\nCOPY --link d /usr/linked/\nRUN ls /usr/linked\n`;
  const dir = host.context({ Dockerfile: dockerfile('echo 1'), 'd/x': '1' });
  await host.build(dir);
  writeFileSync(join(dir, 'Dockerfile'), dockerfile('echo another'));
  const moved = await host.build(dir);
  assert.deepEqual(instructions(moved), ['RUN echo another', 'RUN ls /usr/linked']);
  assert.equal(moved.output, 'another\nx\n');
  for (const inTheWay of ['mkdir /real; ln -s /real /usr/linked', 'mkdir -m 700 /usr/linked']) {
    writeFileSync(join(dir, 'Dockerfile'), dockerfile(inTheWay));
    const { ran, output } = await host.build(dir);
    assert.equal(ran.length, 3, inTheWay);
    assert.equal(output, 'x\n');
  }
});

test('a cache that was written by one builder serves another', async () => {
  const other = await startBuildHost();
  try {
    const dockerfile =
      'FROM busybox AS make\nRUN echo made > /m\nFROM busybox\nCOPY --from=make /m /m\nRUN cat /m > /n\n';
    const dir = host.context({ Dockerfile: dockerfile });
    const dest = join(host.top, 'cache-out');
    const first = await host.build(dir, { cacheTo: [{ type: 'local', dest, mode: 'max' }] });
    assert.equal(first.ran.length, 3);
    const second = await other.build(dir, { cacheFrom: [{ type: 'local', src: dest }] });
    assert.deepEqual(second.ran, []);
    assert.equal(second.result.imageID, first.result.imageID);
    assert.deepEqual((await other.build(dir, { cacheFrom: [{ type: 'local', src: '/no/such' }] })).ran, []);
  } finally {
    await other.stop();
  }
});

test('a stage that is not in the image runs elsewhere only when something needs its files', async () => {
  const other = await startBuildHost();
  try {
    const dir = host.context({
      Dockerfile: `FROM busybox AS make
ARG WHERE=private.example
RUN echo $WHERE > /where; cat /proc/sys/kernel/random/uuid > /random
WORKDIR /src
COPY f .
RUN cat f /random > /out
FROM busybox
COPY --from=make /out /out
RUN wc -l < /out > /lines
`,
      f: 'one\n',
    });
    const dest = join(host.top, 'cache-min');
    const first = await host.build(dir, { cacheTo: [{ type: 'local', dest }] });
    assert.equal(first.ran.length, 6);
    const told = readdirSync(join(dest, 'blobs/sha256')).map((name) =>
      readFileSync(join(dest, 'blobs/sha256', name), 'latin1'),
    );
    assert.ok(!told.some((text) => text.includes('private.example')), 'a stage that is not in the image is not told');

    const cacheFrom = [{ type: 'local', src: dest }];
    const same = await other.build(dir, { cacheFrom });
    assert.deepEqual(same.ran, []);
    assert.equal(same.result.imageID, first.result.imageID);
    const onward = join(host.top, 'cache-onward');
    const handed = await other.build(dir, { cacheTo: [{ type: 'local', dest: onward, mode: 'max' }] });
    assert.deepEqual(handed.ran, [], 'nothing runs for the cache alone');

    writeFileSync(join(dir, 'f'), 'one\ntwo\n');
    const changed = await other.build(dir);
    assert.deepEqual(
      changed.ran.map(({ instruction, reason }) => `${instruction.split(' ')[0]} ${reason.code}`),
      [
        'RUN layers_absent',
        'WORKDIR layers_absent',
        'COPY files_changed',
        'RUN parent_changed',
        'COPY files_changed',
        'RUN parent_changed',
      ],
    );
    writeFileSync(join(dir, 'f'), 'one\n');
    // What ran again goes by its old name: everything behind it is found once more.
    const back = await other.build(dir);
    assert.deepEqual(back.ran, []);
    assert.equal(back.result.imageID, first.result.imageID);

    await other.builder.cache.prune({ all: true });
    const third = await other.build(dir, { cacheFrom: [{ type: 'local', src: onward }] });
    assert.deepEqual(third.ran, []);
    await other.builder.cache.prune({ all: true });
    assert.notEqual((await other.build(dir)).ran.length, 0, 'pruned names are forgotten');
  } finally {
    await other.stop();
  }
});

test('layers of a cache come here once a step works on them, and a cache that is gone is a warning', async () => {
  const other = await startBuildHost();
  try {
    const dockerfile = `FROM busybox AS make
RUN cat /proc/sys/kernel/random/uuid > /m
FROM busybox AS test
COPY --from=make /m /t
FROM busybox
COPY --from=make /m /m
`;
    const dir = host.context({ Dockerfile: dockerfile });
    const dest = join(host.top, 'cache-lazy');
    const first = await host.build(dir, { cacheTo: [{ type: 'local', dest, mode: 'max' }] });
    const cacheFrom = [{ type: 'local', src: dest }];
    const count = () => other.db.get<{ n: number }>('SELECT count(*) AS n FROM build_results')!.n;

    const same = await other.build(dir, { cacheFrom });
    assert.deepEqual(same.ran, []);
    assert.equal(same.result.imageID, first.result.imageID);
    assert.equal(count(), 1, 'only the layer of the image came');

    writeFileSync(join(dir, 'Dockerfile'), dockerfile.replace('/t', '/other'));
    const tested = await other.build(dir, { cacheFrom, target: 'test' });
    assert.deepEqual(instructions(tested), ['COPY --from=make /m /other']);
    assert.equal(count(), 3);

    await other.builder.cache.prune({ all: true });
    const blobs = join(dest, 'blobs/sha256');
    for (const name of readdirSync(blobs)) {
      // Layers are gzip.
      if (readFileSync(join(blobs, name)).subarray(0, 2).toString('hex') === '1f8b') rmSync(join(blobs, name));
    }
    const gone = await other.build(dir, { cacheFrom, target: 'test' });
    assert.equal(gone.ran.length, 2);
    const warnings = gone.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    assert.deepEqual(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0]!, /^cache source is not used: the OCI layout .* blob sha256:[0-9a-f]{64} is missing$/);
  } finally {
    await other.stop();
  }
});

test('what is not to come from the cache does not come from one that was brought in, nor what follows from it', async () => {
  const other = await startBuildHost();
  try {
    const dir = host.context({
      Dockerfile: 'FROM busybox AS fresh\nRUN cat /proc/sys/kernel/random/uuid > /a\nFROM fresh\nRUN cp /a /b\n',
    });
    const dest = join(host.top, 'cache-renewed');
    await host.build(dir, { cacheTo: [{ type: 'local', dest, mode: 'max' }] });
    const stamps = ({ result }: Built) =>
      other.withFiles(result, (root) => ['a', 'b'].map((name) => readFileSync(join(root, name), 'utf8')));
    const cacheFrom = [{ type: 'local', src: dest }];
    const renewed = await other.build(dir, { cacheFrom, noCacheFilter: ['fresh'] });
    assert.deepEqual(reasons(renewed), ['no_cache', 'parent_changed']);
    const [a, b] = await stamps(renewed);
    assert.equal(a, b);
    assert.deepEqual(await stamps(await other.build(dir)), [a, b], 'the next build goes on from it');
  } finally {
    await other.stop();
  }
});

test('a cache tells nothing of other projects, and absurd numbers in one are refused', async () => {
  const other = await startBuildHost();
  try {
    await host.build(host.context({ Dockerfile: 'FROM busybox\nARG TOKEN\nRUN : $TOKEN\n' }), {
      buildArgs: { TOKEN: 'of-another-project' },
    });
    const dir = host.context({ Dockerfile: 'FROM busybox\nRUN true\n' });
    const dest = join(host.top, 'cache-told');
    await host.build(dir, {});
    await host.build(dir, { noCache: true, cacheTo: [{ type: 'local', dest }] });
    const blobs = join(dest, 'blobs/sha256');
    const texts = readdirSync(blobs).map((name) => readFileSync(join(blobs, name), 'latin1'));
    assert.ok(!texts.some((text) => text.includes('of-another-project')));

    const rewrite = <T extends object>(descriptor: { digest: string; size: number }, change: (value: T) => void) => {
      const value = JSON.parse(readFileSync(join(blobs, descriptor.digest.slice(7)), 'utf8')) as T;
      change(value);
      const bytes = Buffer.from(JSON.stringify(value));
      descriptor.digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      descriptor.size = bytes.length;
      writeFileSync(join(blobs, descriptor.digest.slice(7)), bytes);
    };
    type Entry = { digest: string; size: number };
    const top = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as { manifests: Entry[] };
    rewrite<{ manifests: Entry[] }>(top.manifests[0]!, ({ manifests }) =>
      rewrite<{ config: Entry }>(manifests[0]!, ({ config }) =>
        rewrite<Record<string, { created: number }[]>>(config, (image) => {
          for (const result of image['strata.cache.v0']!) result.created = 9_000_000_000_000_000;
        }),
      ),
    );
    writeFileSync(join(dest, 'index.json'), JSON.stringify(top));
    const { events, ran } = await other.build(dir, { cacheFrom: [{ type: 'local', src: dest }] });
    assert.equal(ran.length, 1);
    assert.ok(
      events.some(
        (event) => event.type === 'warning' && /cache that the image brings cannot be read/.test(event.message),
      ),
    );
    assert.equal((await other.builder.cache.list()).length, 1);
  } finally {
    await other.stop();
  }
});

test('an inline cache travels in the image', async () => {
  const other = await startBuildHost();
  try {
    const dir = host.context({
      Dockerfile: `FROM busybox AS slow
RUN sleep 0.3; echo > /slow
FROM busybox AS quick
RUN echo > /quick
RUN echo >> /quick
FROM busybox
COPY --from=slow /slow /
COPY --from=quick /quick /
RUN echo inline > /i
ENV A=1
RUN echo more > /j
`,
    });
    const dest = join(host.top, 'inline.tar');
    const outputs = [{ type: 'docker' as const, dest, attributes: { name: 'inline:1' } }];
    const first = await host.build(dir, { cacheTo: [{ type: 'inline' }], outputs });
    const again = await host.build(dir, { cacheTo: [{ type: 'inline' }], outputs });
    assert.equal(again.result.imageID, first.result.imageID, 'the image is the same, in whatever order stages end');
    await other.images.load(createReadStream(dest));
    const { ran } = await other.build(dir, { cacheFrom: [{ type: 'registry', ref: 'inline:1' }] });
    assert.deepEqual(ran, []);
  } finally {
    await other.stop();
  }
});
