/**
 * Builds without daemon and API, for working on the builder: `serve` keeps one process with a fresh store, any other
 * call hands its arguments to it. Used by the conformance check while nothing else is there to run it with.
 */
import { createReadStream, createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { buildMigrations, createBuilder } from '../src/builder/index.ts';
import { createContentStore } from '../src/content/index.ts';
import { openDatabase } from '../src/db/index.ts';
import { formatError, toStrataError } from '../src/errors/index.ts';
import { createImages, imageMigrations } from '../src/image/index.ts';
import { createLayers } from '../src/layer/index.ts';
import { createNetworks, networkMigrations } from '../src/network/index.ts';
import { probeRuntime } from '../src/runtime/runtime.ts';
import { createStepExecutor } from '../src/runtime/step.ts';
import { createSnapshots, snapshotMigrations } from '../src/snapshot/index.ts';
import type { BuildRequest, NamedContext } from '../src/wire/index.ts';

const socket = process.env['DEV_BUILD_SOCKET'] ?? '/tmp/w/dev-build.sock';
const root = process.env['DEV_BUILD_ROOT'] ?? '/tmp/w/dev-store';

interface Order {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

if (process.argv[2] === 'serve') await serve();
else await ask();

async function ask(): Promise<void> {
  const client = connect(socket);
  const order: Order = { args: process.argv.slice(2), cwd: process.cwd(), env: process.env as Record<string, string> };
  client.end(JSON.stringify(order));
  let text = '';
  for await (const chunk of client) text += chunk;
  const { output, code } = JSON.parse(text) as { output: string; code: number };
  process.stdout.write(output);
  process.exitCode = code;
}

async function serve(): Promise<void> {
  const stateRoot = join(root, 'run');
  mkdirSync(stateRoot, { recursive: true });
  const db = openDatabase(join(root, 'strata.db'), [
    ...snapshotMigrations,
    ...imageMigrations,
    ...networkMigrations,
    ...buildMigrations,
  ]);
  const layers = createLayers();
  const content = await createContentStore({ root: join(root, 'oci'), ingestRoot: join(root, 'ingest') });
  const snapshots = createSnapshots({ root: join(root, 'layers'), mountRoot: join(stateRoot, 'mounts'), db, layers });
  mkdirSync(join(root, 'work'), { recursive: true });
  const images = createImages({ db, content, snapshots, layers, workRoot: join(root, 'work') });
  const networks = createNetworks({ db, stateRoot, bridge: { name: 'devbr0', subnet: '10.99.0.0/16' } } as never);
  const runtime = probeRuntime(stateRoot);
  const executor = createStepExecutor({ stateRoot, runtime: () => runtime, networks });
  const builder = createBuilder({
    db,
    content,
    layers,
    snapshots,
    images,
    executor,
    networks,
    parallelism: 2,
    stateRoot,
    dataRoot: root,
  });
  for (const base of ['busybox', 'debian']) {
    const loaded = await images.load(createReadStream(`/tmp/w/bases/${base}.tar`));
    console.log(loaded);
  }
  for (const [from, to] of (process.env['DEV_BUILD_TAGS'] ?? '')
    .split(',')
    .filter(Boolean)
    .map((x) => x.split('='))) {
    const { parseReference } = await import('../src/oci/index.ts');
    await images.tag(from!, parseReference(to!));
  }
  rmSync(socket, { force: true });
  createServer({ allowHalfOpen: true }, async (client) => {
    // Iterating would destroy the socket at the end of what it reads.
    const parts: Buffer[] = [];
    await new Promise((end) => client.on('data', (chunk: Buffer) => parts.push(chunk)).on('end', end));
    const text = Buffer.concat(parts).toString('utf8');
    let output = '';
    let code = 0;
    try {
      const order = JSON.parse(text) as Order;

      if (order.args[0] === 'save') {
        const [, out, tag] = order.args;
        await pipeline(await images.save([tag!]), createWriteStream(out!));
      } else {
        const started = performance.now();
        const result = await builder.build(requestOf(order), {
          signal: new AbortController().signal,
          progress: (event) => {
            if (event.type === 'log') output += event.text;
            else if (event.type === 'started' || event.type === 'status') return;
            else if (event.type === 'vertex') output += `# ${event.id.slice(-4)} ${event.name}\n`;
            else if (event.type === 'miss')
              output += `# ${event.id.slice(-4)} ${event.reason.code}: ${event.reason.text}\n`;
            else if (event.type === 'warning')
              output += ` - ${event.rule}: ${event.message} (line ${event.location?.line})\n`;
            else
              output += `# ${event.id.slice(-4)} ${event.type} ${'cached' in event && event.cached ? 'CACHED' : ''}\n`;
          },
        });
        output += `${JSON.stringify(result.imageID ?? result)} ${(performance.now() - started).toFixed(1)} ms\n`;
        if (result.report) output += result.report.text;
      }
    } catch (error) {
      const strata = toStrataError(error);
      output += `ERROR: ${formatError(strata)}\n`;
      if (strata.kind === 'internal')
        output += `${(error as Error).stack}\n${((error as Error).cause as Error)?.stack}\n`;
      code = 1;
    }
    client.end(JSON.stringify({ output, code }));
  }).listen(socket);
  console.log('serving');
}

function requestOf({ args, cwd, env }: Order): BuildRequest {
  const many = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: [...args.slice(1)],
    allowPositionals: true,
    options: {
      tag: { ...many, short: 't' },
      file: { type: 'string', short: 'f' },
      'build-arg': many,
      label: many,
      secret: many,
      'build-context': many,
      target: { type: 'string' },
      platform: { type: 'string' },
      network: { type: 'string' },
      allow: many,
      call: { type: 'string' },
      output: { ...many, short: 'o' },
      ssh: many,
      'no-cache': { type: 'boolean' },
      'no-cache-filter': many,
      'shm-size': { type: 'string' },
      ulimit: many,
      'add-host': many,
    },
  });
  const pair = (text: string) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const;
  const buildArgs = Object.fromEntries(
    (values['build-arg'] ?? []).map((text) => (text.includes('=') ? pair(text) : [text, env[text] ?? null])),
  );
  const contexts = (values['build-context'] ?? []).map((text): [string, NamedContext] => {
    const [name, value] = pair(text);
    if (value.startsWith('docker-image://')) return [name, { kind: 'image', name: value.slice(15) }];
    return [name, { kind: 'local', dir: resolve(cwd, value) }];
  });
  const secrets = (values.secret ?? []).map((text) => {
    const fields = Object.fromEntries(text.split(',').map(pair));
    const bytes =
      fields['env'] !== undefined
        ? Buffer.from(env[fields['env']] ?? '')
        : readFileSync(resolve(cwd, fields['src'] ?? fields['source'] ?? ''));
    return { id: fields['id'] ?? '', value: bytes.toString('base64') };
  });
  return {
    context: { kind: 'local', dir: resolve(cwd, positionals[0] ?? '.') },
    ...(values.file && { dockerfile: { path: resolve(cwd, values.file) } }),
    tags: values.tag ?? [],
    buildArgs,
    labels: Object.fromEntries((values.label ?? []).map(pair)),
    namedContexts: Object.fromEntries(contexts),
    secrets,
    ...(values.target && { target: values.target }),
    ...(values.platform && { platforms: values.platform.split(',') }),
    ...(values.network && { network: values.network }),
    ...(values.allow && { allow: values.allow }),
    ...(values['no-cache'] && { noCache: true }),
    ...(values['no-cache-filter'] && { noCacheFilter: values['no-cache-filter'] }),
    ...(values['shm-size'] && { shmSize: Number.parseInt(values['shm-size'], 10) << 20 }),
    ...(values['add-host'] && { extraHosts: values['add-host'] }),
    ...(values.call && { call: values.call as 'check' }),
    outputs: (values.output ?? []).map((text) => {
      const fields = text.includes('=') ? Object.fromEntries(text.split(',').map(pair)) : { type: 'local', dest: text };
      const { type, dest, ...attributes } = fields as Record<string, string>;
      return { type: type as 'local', ...(dest && { dest: resolve(cwd, dest) }), attributes };
    }),
  };
}
