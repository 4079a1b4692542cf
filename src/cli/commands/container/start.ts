import type { Client } from '../../../client/index.ts';
import { StrataError, toStrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { startFailureCode } from '../../create/run-failure.ts';
import { forEachName } from '../../each.ts';
import { bool, text } from '../../flags/flag.ts';
import { savedFormat } from '../../saved-format.ts';
import type { Session } from '../../session.ts';
import { followSize } from '../../terminal/follow-size.ts';
import { joinStreams } from '../../terminal/join-streams.ts';
import { forwardSignals } from '../../terminal/signals.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {
    attach: bool('a', 'Attach STDOUT/STDERR and forward signals'),
    'detach-keys': text('', 'Override the key sequence for detaching a container'),
    interactive: bool('i', "Attach container's STDIN"),
    'sig-proxy': bool('', 'Proxy received signals to the process', true),
  },
  isResident: ({ flags }) => !flags.interactive,
  async run({ flags, args, session, client }) {
    const engine = await client();
    if (flags.attach || flags.interactive) {
      if (args.length > 1)
        throw new StrataError('invalid_argument', 'you cannot start and attach multiple containers at once');
      const detachKeys = flags['detach-keys'] || savedFormat(session, 'detachKeys');
      return await startAttached(engine, session, args[0]!, {
        stdin: flags.interactive,
        detachKeys,
        proxy: flags['sig-proxy'],
      });
    }
    const failed: string[] = [];
    const code = await forEachName(args, session, async (name) => {
      try {
        await engine.containers.start(name);
      } catch (error) {
        failed.push(name);
        throw error;
      }
      session.stdout.write(`${name}\n`);
    });
    if (failed.length > 0) session.stderr.write(`Error: failed to start containers: ${failed.join(', ')}\n`);
    return code;
  },
});

/** Attaches to a container and starts it; gives its exit code. */
export async function startAttached(
  { containers }: Client,
  session: Session,
  name: string,
  options: { readonly stdin: boolean; readonly detachKeys: string; readonly proxy: boolean },
): Promise<number> {
  const container = await containers.inspect(name);
  const { Tty: tty, OpenStdin } = container.Config;
  const stdin = options.stdin && OpenStdin;
  const stops: (() => void)[] = [];
  if (options.proxy && !tty)
    stops.push(forwardSignals(session, (signal) => void containers.kill(container.Id, signal).catch(() => {})));
  try {
    const connection = await containers.attach(container.Id, {
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: options.detachKeys || undefined,
    });
    const joined = joinStreams(session, connection, { tty, stdin, detachKeys: options.detachKeys });
    joined.catch(() => {});
    const { ended } = await containers.wait(container.Id, container.HostConfig.AutoRemove ? 'removed' : 'next-exit');
    ended.catch(() => {});
    try {
      await containers.start(container.Id);
    } catch (error) {
      connection.destroy();
      await joined.catch(() => {});
      const { kind, message, code } = toStrataError(error);
      throw new StrataError(kind, message, {
        code,
        cause: error,
        exitCode: startFailureCode(error) === 125 ? 1 : startFailureCode(error),
      });
    }
    if (tty) stops.push(followSize(session, (rows, columns) => containers.resize(container.Id, rows, columns)));
    return (await joined) === 'detached' ? 0 : (await ended).StatusCode;
  } finally {
    for (const stop of stops) stop();
  }
}
