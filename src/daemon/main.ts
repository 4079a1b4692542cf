/** `strata daemon`: the engine and its API in one process. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';
import { createApi } from '../api/index.ts';
import {
  createEngine,
  defaultConfigFile,
  type EngineConfig,
  loadConfig,
  mergeConfig,
  sweepFailedSteps,
} from '../engine/index.ts';
import { formatError, StrataError, toStrataError } from '../errors/index.ts';
import { type Proxies, proxiesOf } from '../registry/index.ts';
import { returnFreedMemory } from '../sys/index.ts';
import { surviveErrors } from './last-resort.ts';
import { areOnOneDisk, isStore, prepareRoot, toRootError } from './roots.ts';
import { settleWhenIdle } from './settle-when-idle.ts';

export interface DaemonFlags {
  readonly config: EngineConfig;
  readonly socketPath: string;
  /** Group that may use the socket, by name or id; root alone where absent. */
  readonly group?: string;
}

const usage = `Usage:  strata daemon [OPTIONS]

Start the engine and serve its API on a unix socket. The command line starts it by itself when it is needed.

Options:
      --config string       Configuration file (default "${defaultConfigFile}")
      --data-root string    Folder of images, layers and the cache (default "/var/lib/strata")
      --state-root string   Folder of sockets, mounts and process state (default "/run/strata")
      --socket string       Socket to listen on (default "<state root>/strata.sock")
      --group string        Group that may use the socket
      --bridge string       Name of the default bridge (default "strata0")
      --subnet string       Subnet of the default bridge (default: the first free one)
      --default-address-pool pool  Where networks get their subnets from, e.g. base=10.90.0.0/16,size=24 (repeatable)
      --insecure-registry string   Host or CIDR that may be spoken to over http (repeatable)
      --registry-mirror string     Mirror of docker.io (repeatable)
`;

export function parseDaemonFlags(args: readonly string[]): DaemonFlags | 'help' {
  const text = { type: 'string' } as const;
  const texts = { type: 'string', multiple: true } as const;
  let values: Record<string, string | string[] | boolean | undefined>;
  try {
    values = parseArgs({
      args: [...args],
      options: {
        config: text,
        'data-root': text,
        'state-root': text,
        socket: text,
        group: text,
        bridge: text,
        subnet: text,
        'default-address-pool': texts,
        'insecure-registry': texts,
        'registry-mirror': texts,
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw new StrataError('invalid_argument', (cause as Error).message, {
      cause,
      hint: "see 'strata daemon --help'",
      exitCode: 125,
    });
  }
  if (values['help']) return 'help';
  const flag = (name: string) => values[name] as string | undefined;
  const base = loadConfig(flag('config') ?? defaultConfigFile, flag('config') !== undefined);
  const config = mergeConfig(
    base,
    {
      ...(flag('data-root') && { dataRoot: flag('data-root') }),
      ...(flag('state-root') && { stateRoot: flag('state-root') }),
      bridge: { ...(flag('bridge') && { name: flag('bridge') }), ...(flag('subnet') && { subnet: flag('subnet') }) },
      ...(values['default-address-pool'] && {
        addressPools: (values['default-address-pool'] as string[]).map(parsePool),
      }),
      registries: {
        insecure: [...base.registries.insecure, ...((values['insecure-registry'] as string[] | undefined) ?? [])],
        mirrors: [...base.registries.mirrors, ...((values['registry-mirror'] as string[] | undefined) ?? [])],
      },
    },
    'command line',
  );
  const group = flag('group');
  return {
    config,
    socketPath: flag('socket') ?? join(config.stateRoot, 'strata.sock'),
    ...(group !== undefined && { group }),
  };
}

/** `base=10.90.0.0/16,size=24`, as dockerd takes it. */
function parsePool(text: string): { readonly base: string; readonly size: number } {
  const fields = new Map(text.split(',').map((field) => field.split('=', 2) as [string, string]));
  const [base, size] = [fields.get('base'), fields.get('size')];
  if (fields.size === 2 && base && size && /^\d{1,2}$/.test(size)) return { base, size: Number(size) };
  throw new StrataError('invalid_argument', `invalid address pool ${JSON.stringify(text)}`, {
    hint: 'write it as base=10.90.0.0/16,size=24',
    exitCode: 125,
  });
}

/** What else is served for as long as the API is, which listens on the socket of that path. */
export type ServedBeside = (apiSocket: string) => Promise<{ close(): void }>;

/** Serves until SIGTERM, SIGINT or the API's shutdown; resolves with the exit code. */
export async function runDaemon(args: readonly string[], beside: ServedBeside): Promise<number> {
  try {
    const flags = parseDaemonFlags(args);
    if (flags === 'help') {
      process.stdout.write(usage);
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new StrataError('permission_denied', 'the engine needs root rights to mount layers and start containers', {
        hint: 'start it with sudo; clients only need access to its socket (see --group)',
      });
    }
    await serve(flags, beside);
    return 0;
  } catch (error) {
    process.stderr.write(`strata daemon: ${formatError(toStrataError(error))}\n`);
    return 1;
  }
}

/** For what is fetched from elsewhere than registries: sources of ADD and of import. Loopback is never proxied. */
function useProxies({ http, https, no = '' }: Proxies): void {
  if (http === undefined && https === undefined) return;
  const noProxy = [no, 'localhost', '127.0.0.1', '::1'].filter((part) => part !== '').join(',');
  setGlobalDispatcher(new EnvHttpProxyAgent({ httpProxy: http ?? '', httpsProxy: https ?? '', noProxy }));
}

/** Lines for whoever runs the daemon. That nobody can take them (a full disk, a closed pipe) is no reason to end. */
function openLog(): (line: string) => void {
  process.stderr.on('error', () => {});
  return (line) => {
    try {
      process.stderr.write(`strata daemon: ${line}\n`);
    } catch {
      // There is no other place to say it.
    }
  };
}

async function serve(flags: DaemonFlags, beside: ServedBeside): Promise<void> {
  // Node.js opens its inspector for it otherwise.
  process.on('SIGUSR1', () => {});
  // Whatever a caller's umask was: layers carry exact modes, and state folders are private by their own mode.
  process.umask(0o022);
  returnFreedMemory();
  const { dataRoot, stateRoot } = flags.config;
  const mayBeFull = isStore(dataRoot);
  const data = { what: 'data root', option: '--data-root', path: dataRoot, mode: 0o700, mayBeFull };
  prepareRoot(data);
  prepareRoot({
    what: 'state root',
    option: '--state-root',
    path: stateRoot,
    mode: 0o700,
    mayBeFull: mayBeFull && areOnOneDisk(dataRoot, stateRoot),
  });
  const stop = Promise.withResolvers<void>();
  const log = openLog();
  const proxies = proxiesOf(process.env);
  useProxies(proxies);
  const engine = await createEngine(flags.config, { proxies, log }).catch((error: unknown) => {
    throw toRootError(error, data);
  });
  const api = createApi({ ...engine, shutdown: () => stop.resolve() });
  let more: { close(): void };
  try {
    await sweepFailedSteps(engine);
    await api.listen({
      socketPath: flags.socketPath,
      mode: flags.group === undefined ? 0o600 : 0o660,
      ...(flags.group !== undefined && { group: flags.group }),
      ownFolder: stateRoot,
      warn: log,
    });
    more = await beside(flags.socketPath);
  } catch (error) {
    // Nobody can reach this engine: it must not stay behind.
    await api.close();
    await engine.close();
    throw error;
  }
  log(`listening on unix://${flags.socketPath}`);
  settleWhenIdle();
  surviveErrors(log, () => stop.resolve());
  process.on('SIGTERM', () => stop.resolve());
  process.on('SIGINT', () => stop.resolve());
  await stop.promise;
  more.close();
  await api.close();
  await engine.close();
}
