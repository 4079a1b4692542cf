import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { chooseEngine, noTls } from './choose-engine.ts';

const configDir = mkdtempSync(join(tmpdir(), 'strata-contexts-'));
after(() => rmSync(configDir, { recursive: true }));

const idOf = (name: string) => createHash('sha256').update(name).digest('hex');
const metaOf = (name: string) => join(configDir, 'contexts/meta', idOf(name), 'meta.json');

function context(name: string, meta: unknown): void {
  mkdirSync(join(configDir, 'contexts/meta', idOf(name)), { recursive: true });
  writeFileSync(metaOf(name), typeof meta === 'string' ? meta : JSON.stringify(meta));
}
const hosted = (Host: string, more: object = {}) => ({ Name: 'x', Endpoints: { docker: { Host, ...more } } });

context('away', hosted('unix:///away.sock'));
context('far', hosted('tcp://10.0.0.1:2376', { SkipTLSVerify: true }));
context('shell', hosted('ssh://ann@far'));
context('broken', '{');
context('bare', { Name: 'bare', Endpoints: {} });
const keys = join(configDir, 'contexts/tls', idOf('sealed'), 'docker');
context('sealed', hosted('tcp://10.0.0.1:2376'));
mkdirSync(keys, { recursive: true });
writeFileSync(join(keys, 'ca.pem'), 'CA');

interface Asked {
  readonly hosts?: readonly string[];
  readonly context?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly current?: string;
}

function choose({ hosts, context: named, env = {}, current }: Asked) {
  writeFileSync(join(configDir, 'config.json'), JSON.stringify({ currentContext: current }));
  return chooseEngine(
    { configDir, env, ...(hosts && { hosts }), ...(named !== undefined && { context: named }) },
    noTls,
  );
}

const own = { kind: 'own', path: '/run/strata/strata.sock' };
const socket = (path: string) => ({ kind: 'other', endpoint: { kind: 'unix', path } });

test('flags, variables and the current context have docker’s order', () => {
  const rows: readonly (readonly [Asked, unknown])[] = [
    [{}, own],
    [{ hosts: ['unix:///a'] }, socket('/a')],
    [
      { hosts: ['unix:///a'], env: { DOCKER_HOST: 'unix:///b', DOCKER_CONTEXT: 'away' }, current: 'away' },
      socket('/a'),
    ],
    [{ context: 'away', env: { DOCKER_HOST: 'unix:///b', STRATA_HOST: 'unix:///c' } }, socket('/away.sock')],
    [{ env: { DOCKER_HOST: 'unix:///b', DOCKER_CONTEXT: 'away' }, current: 'away' }, socket('/b')],
    [{ env: { DOCKER_HOST: 'unix:///b', STRATA_HOST: 'unix:///c' } }, socket('/c')],
    [{ env: { DOCKER_CONTEXT: 'away' }, current: 'nope' }, socket('/away.sock')],
    [{ current: 'away' }, socket('/away.sock')],
    [{ current: 'default' }, own],
    [{ context: '', current: 'away' }, socket('/away.sock')],
    [{ context: 'default', current: 'away' }, own],
    [{ context: 'default', env: { DOCKER_HOST: 'unix:///b' } }, socket('/b')],
    [{ env: { DOCKER_CONTEXT: 'default' }, current: 'away' }, own],
    [{ env: { DOCKER_HOST: 'unix:///run/strata/strata.sock' } }, own],
    [{ env: { STRATA_STATE_ROOT: '/else' } }, { kind: 'own', path: '/else/strata.sock' }],
  ];
  for (const [asked, expected] of rows) assert.deepEqual(choose(asked), expected, JSON.stringify(asked));
});

test('an engine that cannot be reached as asked is refused, never replaced by the own one', () => {
  const start = 'Failed to initialize: unable to resolve docker endpoint: ';
  const missing = `${start}context "nope": context not found: open ${metaOf('nope')}: no such file or directory`;
  const rows: readonly (readonly [Asked, string | RegExp])[] = [
    [{ context: 'nope' }, missing],
    [{ env: { DOCKER_CONTEXT: 'nope' } }, missing],
    [{ current: 'nope' }, missing],
    [{ context: '../../etc' }, /context not found/],
    [{ context: 'broken' }, /^Failed to initialize: unable to resolve docker endpoint: context "broken": parsing /],
    [{ context: 'bare' }, `${start}context "bare": cannot find docker endpoint in context`],
    [{ context: 'shell' }, 'context "shell" is reached by ssh (ssh://ann@far), which this client does not speak'],
    [{ hosts: ['unix:///a'], context: 'away' }, 'conflicting options: cannot specify both --host and --context'],
    [{ hosts: ['unix:///a', 'unix:///b'] }, `${start}Specify only one -H`],
    [{ hosts: ['ssh://far'] }, /^unable to parse daemon host/],
    [{ env: { DOCKER_HOST: 'npipe://x' } }, /^unable to parse daemon host/],
  ];
  for (const [asked, message] of rows) assert.throws(() => choose(asked), { message }, JSON.stringify(asked));
  writeFileSync(join(configDir, 'config.json'), '{');
  assert.throws(() => chooseEngine({ configDir, env: {} }, noTls), { message: /config.json is not valid JSON/ });
});

test('a context brings its keys along', () => {
  const endpoint = { kind: 'tcp', host: '10.0.0.1', port: 2376 };
  const sealed = { kind: 'other', endpoint: { ...endpoint, tls: { verify: true, ca: 'CA' } } };
  assert.deepEqual(choose({ context: 'sealed' }), sealed);
  assert.deepEqual(choose({ context: 'far' }), { kind: 'other', endpoint: { ...endpoint, tls: { verify: false } } });
  const env = { DOCKER_HOST: 'tcp://10.0.0.1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: keys };
  assert.deepEqual(choose({ env }), sealed);
});
