import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../../client/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { type StatsRow, statsListing, statsTable } from '../../rows/stats.ts';
import { savedFormat } from '../../saved-format.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] [CONTAINER...]',
  args: { min: 0 },
  flags: {
    all: bool('a', 'Show all containers (default shows just running)'),
    format: listFormat,
    'no-stream': bool('', 'Disable streaming stats and only pull the first result'),
    'no-trunc': bool('', 'Do not truncate output'),
  },
  async run({ flags, args, session, client }) {
    const engine = await client();
    const format = flags.format || savedFormat(session, 'statsFormat');
    const kind = statsListing(!flags['no-trunc']);
    const render = (rows: readonly StatsRow[]) => renderListing(kind, rows, format, statsTable);
    if (flags['no-stream']) {
      session.stdout.write(render(await sampleAll(engine, args, { all: flags.all, keepEnded: true })));
      return 0;
    }
    const table = format === '' || format.startsWith('table');
    for (;;) {
      const rows = await sampleAll(engine, args, { all: flags.all, keepEnded: false });
      // The rows replace the ones before, without a flicker: home, each line cleared to its end, then the rest below.
      const text = render(rows);
      session.stdout.write(table ? `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J` : text);
      if (args.length > 0 && rows.every(({ stats }) => stats === undefined)) return 0;
      await sleep(500);
    }
  },
});

async function sampleAll(
  client: Client,
  names: readonly string[],
  { all, keepEnded }: { readonly all: boolean; readonly keepEnded: boolean },
): Promise<StatsRow[]> {
  const wanted =
    names.length > 0
      ? await Promise.all(names.map(async (name) => ({ container: name, ...(await known(client, name)) })))
      : (await client.containers.list({ all })).map(({ Id, Names }) => ({
          container: Id,
          id: Id,
          name: Names?.[0] ?? '',
        }));
  return await Promise.all(wanted.map(async (one) => ({ ...one, stats: await sample(client, one.id, keepEnded) })));
}

async function known({ containers }: Client, name: string): Promise<{ id: string; name: string }> {
  const { Id, Name } = await containers.inspect(name);
  return { id: Id, name: Name };
}

/** One sample with the one before it, which is what a share of a processor is computed from. */
async function sample({ containers }: Client, id: string, keepEnded: boolean): Promise<StatsRow['stats']> {
  for await (const stats of containers.stats(id, { stream: false })) {
    return ended(stats) && !keepEnded ? undefined : stats;
  }
  return undefined;
}

/** The engine has no figures for a container that does not run; a single look shows them as zeros, as docker does. */
function ended({ read }: NonNullable<StatsRow['stats']>): boolean {
  return read.startsWith('0001-01-01');
}
