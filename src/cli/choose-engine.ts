/** Which engine the words of a command are meant for: flags, variables and docker's contexts, in docker's order. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Endpoint, parseEndpoint, type TlsFiles } from '../client/index.ts';
import { loadDockerConfig } from '../docker-config/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Session } from './session.ts';

export interface TlsFlags {
  readonly tls: boolean;
  readonly tlsverify: boolean;
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
}

/** For who only asks which engine it is. */
export const noTls: TlsFlags = { tls: false, tlsverify: false, tlscacert: '', tlscert: '', tlskey: '' };

export type EngineChoice =
  /** The daemon of this machine, by its socket. */
  { readonly kind: 'own'; readonly path: string } | { readonly kind: 'other'; readonly endpoint: Endpoint };

type Asking = Pick<Session, 'env' | 'configDir' | 'hosts' | 'context'>;

/**
 * `--context`, else `--host`, else `STRATA_HOST` or `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the current context of
 * docker's configuration, else the daemon of this machine. Throws where they contradict each other, or name a context
 * that cannot be used: a command that is meant for one engine never goes to another.
 */
export function chooseEngine(session: Asking, tls: TlsFlags): EngineChoice {
  const { env, configDir, hosts = [], context = '' } = session;
  if (hosts.length > 0 && context !== '')
    throw new StrataError('invalid_argument', 'conflicting options: cannot specify both --host and --context');
  if (hosts.length > 1) throw unusable('Specify only one -H');
  const host = hosts[0] || env['STRATA_HOST'] || env['DOCKER_HOST'] || '';
  const named = context || (host === '' ? env['DOCKER_CONTEXT'] || currentContext(configDir) : '');
  if (named !== '' && named !== 'default') return engineOfContext(named, configDir, env);
  return host === '' ? own(env) : choiceOf(parseEndpoint(host, tlsFiles(session, tls)), env);
}

function own(env: Session['env']): EngineChoice {
  return { kind: 'own', path: join(env['STRATA_STATE_ROOT'] || '/run/strata', 'strata.sock') };
}

/** The own daemon by another name is still one that is started where it is not there, unless `--host` says so. */
function choiceOf(endpoint: Endpoint, env: Session['env']): EngineChoice {
  const mine = own(env);
  const isMine = endpoint.kind === 'unix' && mine.kind === 'own' && endpoint.path === mine.path;
  return isMine ? mine : { kind: 'other', endpoint };
}

function currentContext(configDir: string): string {
  const { currentContext: name } = loadDockerConfig(join(configDir, 'config.json')).document;
  return typeof name === 'string' ? name : '';
}

/** Most bytes of a file about a context. */
const limit = 1 << 20;

function engineOfContext(name: string, configDir: string, env: Session['env']): EngineChoice {
  const id = createHash('sha256').update(name).digest('hex');
  const path = join(configDir, 'contexts/meta', id, 'meta.json');
  const context = `context ${JSON.stringify(name)}`;
  const { Host: host = '', SkipTLSVerify: skip = false } = endpointOf(readMeta(path, context), context);
  if (host === '') return own(env);
  if (host.startsWith('ssh://'))
    throw new StrataError('unsupported', `${context} is reached by ssh (${host}), which this client does not speak`, {
      code: 'ssh_context',
      hint: 'forward its socket (ssh -L) and name that with -H, or choose another context with --context',
    });
  return choiceOf(parseEndpoint(host, tlsOf(join(configDir, 'contexts/tls', id, 'docker'), skip)), env);
}

function readMeta(path: string, context: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const missing = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
    if (!missing) throw unusable(`${context}: cannot read ${path}: ${(cause as Error).message}`, cause);
    throw unusable(`${context}: context not found: open ${path}: no such file or directory`, cause);
  }
  try {
    if (text.length > limit) throw new Error('the file is too large');
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(`${context}: parsing ${path}: ${(cause as Error).message}`, cause);
  }
}

interface ContextEndpoint {
  readonly Host?: string;
  readonly SkipTLSVerify?: boolean;
}

function endpointOf(meta: unknown, context: string): ContextEndpoint {
  const docker = member(member(meta, 'Endpoints'), 'docker');
  const [host, skip] = [member(docker, 'Host'), member(docker, 'SkipTLSVerify')];
  if (typeof docker !== 'object' || docker === null)
    throw unusable(`${context}: cannot find docker endpoint in context`);
  if (host !== undefined && typeof host !== 'string') throw unusable(`${context}: its host is no text`);
  return { ...(host !== undefined && { Host: host }), SkipTLSVerify: skip === true };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function unusable(message: string, cause?: unknown): StrataError {
  return new StrataError('invalid_argument', `Failed to initialize: unable to resolve docker endpoint: ${message}`, {
    code: 'bad_engine',
    cause,
  });
}

/** The keys that a context has for its engine; without any and nothing said about checks there is no TLS. */
function tlsOf(folder: string, skip: boolean): TlsFiles | undefined {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readPem(join(folder, name), false));
  if (!ca && !cert && !key && !skip) return undefined;
  return { verify: !skip, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function tlsFiles({ configDir, env }: Pick<Session, 'configDir' | 'env'>, flags: TlsFlags): TlsFiles | undefined {
  const verify = flags.tlsverify || Boolean(env['DOCKER_TLS_VERIFY']);
  if (!flags.tls && !verify && !env['DOCKER_TLS']) return undefined;
  const folder = env['DOCKER_CERT_PATH'] || configDir;
  const ca = readPem(flags.tlscacert || join(folder, 'ca.pem'), flags.tlscacert !== '');
  const cert = readPem(flags.tlscert || join(folder, 'cert.pem'), flags.tlscert !== '');
  const key = readPem(flags.tlskey || join(folder, 'key.pem'), flags.tlskey !== '');
  return { verify, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function readPem(path: string, required: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (!required) return undefined;
    throw new StrataError('invalid_argument', `cannot read ${path}`, { cause });
  }
}
