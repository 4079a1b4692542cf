import { answersAt, type Client, createClient, type Endpoint, ensureDaemon } from '../client/index.ts';
import { chooseEngine, noTls, type TlsFlags } from './choose-engine.ts';
import type { Session } from './session.ts';

/** The engine that the command is meant for; the daemon of this machine is started where it does not answer. */
export async function connect(session: Session, tls: TlsFlags): Promise<Client> {
  const choice = chooseEngine(session, tls);
  if (choice.kind === 'other') return createClient(choice.endpoint);
  return createClient(
    session.resident ? { kind: 'unix', path: session.resident.socket } : await ownDaemon(choice.path, session),
  );
}

/** Whether another engine was named, or that of this machine answers: without either, `connect` would start it. */
export async function hasEngine(session: Session): Promise<boolean> {
  const choice = chooseEngine(session, noTls);
  return choice.kind === 'other' || (await answersAt(choice.path));
}

async function ownDaemon(path: string, { env }: Session): Promise<Endpoint> {
  const stateRoot = env['STRATA_STATE_ROOT'] || '/run/strata';
  const dataRoot = env['STRATA_DATA_ROOT'];
  await ensureDaemon({
    socketPath: path,
    stateRoot,
    command: [
      process.execPath,
      // SIGUSR1 must not open Node's inspector in a process of root's.
      ...new Set(['--disable-sigusr1', ...process.execArgv]),
      process.argv[1]!,
      'daemon',
      '--state-root',
      stateRoot,
      ...(dataRoot ? ['--data-root', dataRoot] : []),
    ],
    env,
  });
  return { kind: 'unix', path };
}
