import { StrataError } from '../../../errors/index.ts';
import type { ContainerInspect } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, text } from '../../flags/flag.ts';
import { savedFormat } from '../../saved-format.ts';
import { followSize } from '../../terminal/follow-size.ts';
import { joinStreams, leftTheStream } from '../../terminal/join-streams.ts';
import { forwardSignals } from '../../terminal/signals.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  args: { min: 1, max: 1 },
  flags: {
    'detach-keys': text('', 'Override the key sequence for detaching a container'),
    'no-stdin': bool('', 'Do not attach STDIN'),
    'sig-proxy': bool('', 'Proxy all received signals to the process', true),
  },
  // Whether the container takes input is not known yet.
  isResident: ({ flags }) => flags['no-stdin'],
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    const container = await containers.inspect(args[0]!);
    assertRunning(container);
    const { Tty: tty, OpenStdin } = container.Config;
    const stdin = OpenStdin && !flags['no-stdin'];
    if (tty && stdin && !session.stdin.isTTY) {
      throw new StrataError('invalid_argument', 'the input device is not a TTY', { code: 'no_tty' });
    }
    const { ended } = await containers.wait(container.Id, 'not-running');
    ended.catch(() => {});
    const detachKeys = flags['detach-keys'] || savedFormat(session, 'detachKeys');
    const connection = await containers.attach(container.Id, {
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: detachKeys || undefined,
    });
    const stops: (() => void)[] = [];
    if (flags['sig-proxy'] && !tty) {
      stops.push(forwardSignals(session, (signal) => void containers.kill(container.Id, signal).catch(() => {})));
    }
    if (tty) stops.push(followSize(session, (rows, columns) => containers.resize(container.Id, rows, columns)));
    try {
      if ((await joinStreams(session, connection, { tty, stdin, detachKeys })) === 'detached') throw leftTheStream();
      return (await ended).StatusCode;
    } finally {
      for (const stop of stops) stop();
    }
  },
});

function assertRunning({ State }: ContainerInspect): void {
  const reason = !State.Running
    ? 'You cannot attach to a stopped container, start it first'
    : State.Paused
      ? 'You cannot attach to a paused container, unpause it first'
      : State.Restarting
        ? 'You cannot attach to a restarting container, wait until it is running'
        : undefined;
  if (reason) throw new StrataError('failed_precondition', reason, { code: 'not_running' });
}
