import type { Client, ExecConfig } from '../../../client/index.ts';
import { messageOf, StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { readEnvironment } from '../../create/env.ts';
import { bool, list, text } from '../../flags/flag.ts';
import { savedFormat } from '../../saved-format.ts';
import type { Session } from '../../session.ts';
import { followSize } from '../../terminal/follow-size.ts';
import { joinStreams, leftTheStream } from '../../terminal/join-streams.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  args: { min: 2 },
  interspersed: false,
  flags: {
    detach: bool('d', 'Detached mode: run command in the background'),
    'detach-keys': text('', 'Override the key sequence for detaching a container'),
    env: list('e', 'Set environment variables'),
    'env-file': list('', 'Read in a file of environment variables'),
    interactive: bool('i', 'Keep STDIN open even if not attached'),
    privileged: bool('', 'Give extended privileges to the command'),
    tty: bool('t', 'Allocate a pseudo-TTY'),
    user: text('u', 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    workdir: text('w', 'Working directory inside the container'),
  },
  isResident: ({ flags }) => flags['env-file'].length === 0 && (flags.detach || (!flags.interactive && !flags.tty)),
  async run({ flags, args, session, client }) {
    const [container = '', ...words] = args;
    const detachKeys = flags['detach-keys'] || savedFormat(session, 'detachKeys');
    const attach = !flags.detach;
    const config: ExecConfig = {
      AttachStdin: attach && flags.interactive,
      AttachStdout: attach,
      AttachStderr: attach,
      Tty: flags.tty,
      Cmd: words,
      Env: environmentOf(flags, session),
      User: flags.user,
      WorkingDir: flags.workdir,
      Privileged: flags.privileged,
      DetachKeys: detachKeys,
    };
    const engine = await client();
    // A container that is not there is told as such, before a missing terminal.
    await engine.containers.inspect(container);
    if (config.AttachStdin && config.Tty && !session.stdin.isTTY) {
      throw new StrataError('invalid_argument', 'the input device is not a TTY', { code: 'no_tty' });
    }
    const { Id } = await engine.containers.exec.create(container, config);
    if (flags.detach) {
      await engine.containers.exec.startDetached(Id);
      return 0;
    }
    return await joined(engine, session, Id, config, detachKeys);
  },
});

/** A file that cannot be read is an ordinary failure here; `run` and `create` count it as a wrong option. */
function environmentOf(
  flags: { readonly 'env-file': readonly string[]; readonly env: readonly string[] },
  session: Session,
): string[] {
  try {
    return readEnvironment(flags['env-file'], flags.env, session);
  } catch (cause) {
    throw new StrataError('invalid_argument', messageOf(cause), { cause });
  }
}

async function joined({ containers }: Client, session: Session, id: string, config: ExecConfig, detachKeys: string) {
  const { rows, columns } = session.stdout;
  const connection = await containers.exec.start(id, {
    tty: config.Tty,
    ...(config.Tty && rows && columns && { consoleSize: [rows, columns] as const }),
  });
  const stop = config.Tty ? followSize(session, (r, c) => containers.exec.resize(id, r, c)) : () => {};
  const how = await joinStreams(session, connection, {
    tty: config.Tty,
    stdin: config.AttachStdin,
    detachKeys,
  }).finally(stop);
  if (how === 'detached') throw leftTheStream();
  return (await containers.exec.inspect(id)).ExitCode ?? 0;
}
