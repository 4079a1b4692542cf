import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Client,
  createClient,
  type Endpoint,
  ensureDaemon,
  parseEndpoint,
  type TlsFiles,
} from '../client/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Session } from './session.ts';

export interface TlsFlags {
  readonly tls: boolean;
  readonly tlsverify: boolean;
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
}

/**
 * The engine that this process talks to: `--host`, else `STRATA_HOST`, else the daemon of this machine, which is
 * started where it does not answer.
 */
export async function connect(session: Session, tls: TlsFlags): Promise<Client> {
  const named = session.host ?? session.env['STRATA_HOST'];
  if (named !== undefined && named !== '') return createClient(parseEndpoint(named, tlsFiles(session, tls)));
  return createClient(await ownDaemon(session));
}

async function ownDaemon(session: Session): Promise<Endpoint> {
  const stateRoot = session.env['STRATA_STATE_ROOT'] || '/run/strata';
  const dataRoot = session.env['STRATA_DATA_ROOT'];
  const path = join(stateRoot, 'strata.sock');
  await ensureDaemon({
    socketPath: path,
    stateRoot,
    command: [
      process.execPath,
      ...process.execArgv,
      process.argv[1]!,
      'daemon',
      '--state-root',
      stateRoot,
      ...(dataRoot ? ['--data-root', dataRoot] : []),
    ],
    env: session.env,
  });
  return { kind: 'unix', path };
}

function tlsFiles({ configDir }: Session, flags: TlsFlags): TlsFiles | undefined {
  if (!flags.tls && !flags.tlsverify) return undefined;
  const ca = readPem(flags.tlscacert || join(configDir, 'ca.pem'), flags.tlscacert !== '');
  const cert = readPem(flags.tlscert || join(configDir, 'cert.pem'), flags.tlscert !== '');
  const key = readPem(flags.tlskey || join(configDir, 'key.pem'), flags.tlskey !== '');
  return { verify: flags.tlsverify, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function readPem(path: string, required: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (!required) return undefined;
    throw new StrataError('invalid_argument', `cannot read ${path}`, { cause });
  }
}
