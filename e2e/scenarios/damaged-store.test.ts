/** A store that a disk or a hand has damaged: the engine starts, says what is damaged, has the rest, and lets all of it go. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

/** A group that nobody else has. */
const group = '54321';
let engine: TestEngine;
before(async () => {
  engine = await startEngine({ daemonArgs: ['--group', group] });
});
after(() => engine?.stop());

/** An answer of the engine's, which is never an internal error. */
async function call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath: engine.socket, method, path, headers }, async (answer) => {
      const text = (await answer.toArray()).join('');
      if (answer.statusCode! < 500) resolve({ status: answer.statusCode!, text });
      else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
    });
    asked.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function json<T>(path: string): Promise<T> {
  const { status, text } = await call('GET', path);
  assert.equal(status, 200, `${path}: ${text}`);
  return JSON.parse(text) as T;
}

const filters = (value: unknown) => `filters=${encodeURIComponent(JSON.stringify(value))}`;
const names = {
  containers: async () => (await json<{ Id: string }[]>('/containers/json?all=1')).map(({ Id }) => Id),
  networks: async () => (await json<{ Id: string; Name: string }[]>('/networks')).filter(isOwn).map(({ Id }) => Id),
  volumes: async () => (await json<{ Volumes: { Name: string }[] }>('/volumes')).Volumes.map(({ Name }) => Name),
  images: async () => (await json<{ Id: string }[]>('/images/json?all=1')).map(({ Id }) => Id),
};
const isOwn = ({ Name }: { Name: string }) => !['bridge', 'host', 'none'].includes(Name);

/** What people look at the store with. */
const listings = [
  '/containers/json?all=1&size=1',
  `/containers/json?all=1&${filters({ network: ['fine'], volume: ['fine'], label: ['x'], ancestor: ['busybox'] })}`,
  `/networks?${filters({ label: ['x'], dangling: ['true'] })}`,
  `/volumes?${filters({ label: ['x'], dangling: ['true'] })}`,
  `/images/json?all=1&shared-size=1&${filters({ label: ['x'] })}`,
  '/system/df',
  '/info',
];

/** Enough of everything that each column of each table can be damaged in a row of its own. */
const count = 10;

async function fill(): Promise<void> {
  await engine.load('busybox');
  const labels = { x: 'y' };
  const create = (name: string, body: object) =>
    call('POST', `/containers/create?name=${name}`, { Image: 'busybox', Cmd: ['top'], ...body });
  await call('POST', '/networks/create', { Name: 'fine' });
  for (let n = 0; n < count; n++) {
    await call('POST', '/networks/create', { Name: `net${n}`, Labels: labels });
    await call('POST', '/volumes/create', { Name: `vol${n}`, Labels: labels });
    await create(`con${n}`, { Labels: labels, HostConfig: { NetworkMode: `net${n}`, Binds: [`vol${n}:/v`] } });
    await call('POST', `/commit?container=con${n}&repo=img${n}&comment=${n}`, {});
  }
  for (const name of ['running', 'other']) {
    const ports = { '80/tcp': [{ HostPort: '' }] };
    await create(name, { HostConfig: { NetworkMode: 'fine', Binds: ['fine:/v'], PortBindings: ports } });
    await call('POST', `/containers/${name}/start`);
  }
  const steps = Array.from({ length: count }, (_, n) => `RUN --mount=type=cache,id=c${n},target=/c echo ${n} > /f`);
  const context = makeContext(engine.work, { Dockerfile: ['FROM busybox', ...steps, 'COPY x /'].join('\n'), x: 'x' });
  await engine.strata(['build', '-q', '-t', 'built', context]);
}

async function clear(): Promise<void> {
  for (const id of await names.containers())
    assert.equal((await call('DELETE', `/containers/${id}?force=1`)).status, 204);
  for (const id of await names.networks()) assert.equal((await call('DELETE', `/networks/${id}`)).status, 204, id);
  for (const name of await names.volumes()) assert.equal((await call('DELETE', `/volumes/${name}`)).status, 204, name);
  // What others are made from goes after them.
  for (let left = await names.images(), before = -1; left.length !== before; left = await names.images()) {
    before = left.length;
    for (const id of left) await call('DELETE', `/images/${id}?force=1`);
  }
  await call('POST', '/build/prune?all=1');
}

/** Damages each column of each table in a row of its own; returns what was damaged. */
function damage(text: string, number: number): string[] {
  const db = new DatabaseSync(join(engine.dataRoot, 'strata.db'));
  const done: string[] = [];
  try {
    db.exec('PRAGMA foreign_keys = OFF');
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    for (const { name: table } of tables as { name: string }[]) {
      if (['migrations', 'engine', 'sqlite_sequence', 'sqlite_stat1'].includes(table)) continue;
      const columns = db.prepare(`SELECT name, type, pk FROM pragma_table_info('${table}')`).all();
      const order = (columns as { name: string; pk: number }[]).filter(({ pk }) => pk > 0).map(({ name }) => name);
      const keys = order.length > 0 ? order : ['rowid'];
      const rows = db.prepare(`SELECT ${keys.join()} FROM ${table}`).all();
      let at = 0;
      for (const { name: column, type } of columns as { name: string; type: string }[]) {
        const row = rows[at++] as Record<string, string | number> | undefined;
        if (!row) break;
        const where = keys.map((key) => `${key} = ?`).join(' AND ');
        const value = type === 'INTEGER' ? number : text;
        try {
          db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(value, ...keys.map((key) => row[key]!));
          done.push(`${table}.${column}`);
        } catch (error) {
          // Two keys cannot be the same.
          assert.match(String(error), /UNIQUE/);
        }
      }
    }
  } finally {
    db.close();
  }
  return done;
}

for (const [text, number] of [
  ['', 0],
  ['../canary', 8.7e15],
  ['{"id":null,"subnets":[null],"networks":{"a":1}}', -1],
] as const)
  test(`each column of each table is ${JSON.stringify(text)} in one row`, async () => {
    const top = dirname(engine.dataRoot);
    const canaries = [top, engine.dataRoot, join(engine.dataRoot, 'build')].map((folder) => join(folder, 'canary'));
    for (const canary of canaries) {
      mkdirSync(canary, { recursive: true });
      writeFileSync(join(canary, 'alive'), '');
    }
    await fill();
    const logged = engine.log().length;
    let damaged: string[] = [];
    await engine.restart('SIGTERM', () => {
      damaged = damage(text, number);
    });
    assert.ok(damaged.length > 60, damaged.join());
    for (const listing of listings) await json(listing);
    for (const [what, list] of Object.entries(names)) assert.ok((await list()).length > count / 2, what);
    const log = engine.log().slice(logged);
    for (const what of ['container', 'network', 'volume']) assert.match(log, new RegExp(`${what} .*(damaged|dropped)`));
    assert.doesNotMatch(log, /internal error|TypeError|^ {4}at /m);
    await clear();
    assert.doesNotMatch(engine.log().slice(logged), /internal error|TypeError|^ {4}at /m);
    for (const canary of canaries) assert.ok(existsSync(join(canary, 'alive')), canary);
    await engine.restart();
    for (const [what, list] of Object.entries(names)) assert.deepEqual(await list(), [], what);
  });

test('folders, bridges and blobs that somebody took away: the rest works, and what lacks them is told of and removed', async () => {
  await engine.load('busybox');
  await engine.load('debian');
  const make = (name: string, body: object = {}) =>
    call('POST', `/containers/create?name=${name}`, { Image: 'busybox', Cmd: ['top'], ...body });
  await call('POST', '/networks/create', { Name: 'bridgeless' });
  const [{ Id: network }] = await json<[{ Id: string }]>(`/networks?${filters({ name: ['bridgeless'] })}`);
  await make('user', { HostConfig: { NetworkMode: 'bridgeless' } });
  await make('volumeless', { HostConfig: { Binds: ['gone:/v'] } });
  await call('POST', '/containers/user/start');
  await call('POST', '/containers/user/stop?t=0');
  for (const name of ['folderless', 'rootless', 'fine']) await make(name);
  const { Id: folderless } = await json<{ Id: string }>('/containers/folderless/json');
  const root = await json<{ GraphDriver: { Data: { UpperDir: string } } }>('/containers/rootless/json');
  await call('POST', '/commit?container=fine&repo=blobless&comment=1', {});
  const { Id: blobless } = await json<{ Id: string }>('/images/blobless/json');
  const debian = await json<{ Id: string; GraphDriver: { Data: { UpperDir: string } } }>('/images/debian/json');
  await engine.restart('SIGKILL', () => {
    for (const path of [
      join(engine.dataRoot, 'volumes/gone'),
      join(engine.dataRoot, 'containers', folderless),
      dirname(root.GraphDriver.Data.UpperDir),
      dirname(debian.GraphDriver.Data.UpperDir),
      join(engine.dataRoot, 'oci/blobs/sha256', blobless.slice(7)),
    ]) {
      assert.ok(existsSync(path), path);
      rmSync(path, { recursive: true });
    }
    spawnSync('ip', ['link', 'delete', `br-${network.slice(0, 12)}`]);
  });
  for (const listing of listings) await json(listing);
  assert.match(engine.log(), /the data of volume gone is missing: \S+volumes\/gone\/_data/);
  // What can be made anew is: bridges, logs.
  for (const name of ['user', 'folderless', 'fine']) {
    assert.deepEqual(await call('POST', `/containers/${name}/start`), { status: 204, text: '' }, name);
    assert.equal((await call('GET', `/containers/${name}/logs?stdout=1`)).status, 200);
  }
  const told = async (method: string, path: string, body?: unknown) =>
    await call(method, path, body).catch(({ message }: Error) => ({ status: 500, text: message }));
  assert.match((await told('POST', '/containers/volumeless/start')).text, /volumes\/gone\/_data/);
  assert.match((await told('POST', '/containers/rootless/start')).text, /missing|damaged/);
  for (const image of ['debian', 'blobless'])
    assert.match((await told('POST', '/containers/create', { Image: image, Cmd: ['true'] })).text, /is damaged: /);
  await clear();
  for (const [what, list] of Object.entries(names)) assert.deepEqual(await list(), [], what);
});

test('who is not root gets nothing of the roots, and a member of the group its socket alone', async () => {
  await engine.load('busybox');
  const Binds = ['open:/v'];
  await call('POST', '/containers/create?name=worked', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'echo secret > /v/file; chmod 777 /v /v/file; echo; top'],
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9 },
    HostConfig: { Binds, PortBindings: { '80/tcp': [{ HostPort: '' }] } },
  });
  await call('POST', '/containers/worked/start');
  await engine.docker(['exec', 'worked', 'true']);
  await engine.docker(['cp', 'worked:/etc/hosts', '-']);
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c date > /c/f\nCOPY x /',
    x: 'x',
  });
  await engine.strata(['build', '-q', '-t', 'made', context]);
  const roots = [engine.dataRoot, engine.stateRoot];
  const paths = roots.flatMap((root) => execFileSync('find', [root, '-printf', '%y %p\\n'], { encoding: 'utf8' }));
  const tries = (groups: string) =>
    execFileSync('setpriv', ['--reuid=65533', '--regid=65533', groups, 'perl', '-MSocket', '-e', tryAll], {
      input: paths.join(''),
      encoding: 'utf8',
    });
  assert.ok(paths.join('').split('\n').length > 200);
  assert.equal(tries('--clear-groups'), '');
  assert.equal(tries(`--groups=${group}`), `enter ${engine.stateRoot}\nconnect ${engine.socket}\n`);
});

/** Tries all that can be done with a path, and prints what can. */
const tryAll = `
while (<STDIN>) {
  chomp; my ($type, $path) = split / /, $_, 2; my @may;
  if ($type eq 'd') {
    push @may, 'list' if opendir my $folder, $path;
    push @may, 'enter' if -x $path;
    push @may, 'write' if -w $path;
  } elsif ($type eq 's') {
    socket my $socket, PF_UNIX, SOCK_STREAM, 0;
    push @may, 'connect' if connect $socket, sockaddr_un($path);
  } elsif ($type eq 'f' || $type eq 'p') {
    push @may, 'write' if -w $path;
    push @may, 'read' if -r $path;
    push @may, 'lock' if $type eq 'f' && open(my $file, '<', $path) && flock($file, 2 | 4);
  }
  print "@may $path\n" if @may;
}`;
