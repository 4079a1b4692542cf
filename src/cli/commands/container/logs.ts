import { demultiplex } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, text } from '../../flags/flag.ts';
import { momentText } from '../../moment.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  args: { min: 1, max: 1 },
  flags: {
    details: bool('', 'Show extra details provided to logs'),
    follow: bool('f', 'Follow log output'),
    since: text('', 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: text('n', 'Number of lines to show from the end of the logs', 'all'),
    timestamps: bool('t', 'Show timestamps'),
    until: text(
      '',
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  },
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    const { Id, Config } = await containers.inspect(args[0]!);
    const output = await containers.logs(Id, {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      since: momentText('since', flags.since),
      until: momentText('until', flags.until),
      timestamps: flags.timestamps,
      tail: flags.tail,
      details: flags.details,
    });
    if (Config.Tty) {
      for await (const chunk of output) {
        session.stdout.write(chunk);
        await session.stdout.drained();
      }
      return 0;
    }
    for await (const { stream, bytes } of demultiplex(output)) {
      const target = stream === 'stderr' ? session.stderr : session.stdout;
      target.write(bytes);
      await target.drained();
    }
    return 0;
  },
});
