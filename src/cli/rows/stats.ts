import type { ContainerStats } from '../../wire/index.ts';
import { binarySize, humanSize } from '../format/human-size.ts';
import type { ListingKind } from '../format/listing.ts';
import { shortID } from '../format/shorten.ts';

export const statsTable =
  'table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}';

/** One line of `stats`; without a sample while none has come yet, or after the container has stopped. */
export interface StatsRow {
  readonly container: string;
  readonly id: string;
  readonly name: string;
  readonly stats: ContainerStats | undefined;
}

export function statsListing(truncate: boolean): ListingKind<StatsRow> {
  return {
    type: '*container.statsContext',
    headings: {
      Container: 'CONTAINER',
      ID: 'CONTAINER ID',
      Name: 'NAME',
      CPUPerc: 'CPU %',
      MemUsage: 'MEM USAGE / LIMIT',
      MemPerc: 'MEM %',
      NetIO: 'NET I/O',
      BlockIO: 'BLOCK I/O',
      PIDs: 'PIDS',
    },
    fields: ({ container, id, name, stats }) => ({
      Container: () => container,
      ID: () => (truncate ? shortID(id) : id),
      Name: () => name.replace(/^\//, '') || '--',
      CPUPerc: () => (stats ? `${cpuPercent(stats).toFixed(2)}%` : '--'),
      MemUsage: () =>
        stats ? `${binarySize(memoryUsed(stats))} / ${binarySize(stats.memory_stats.limit ?? 0)}` : '-- / --',
      MemPerc: () => (stats ? `${memoryPercent(stats).toFixed(2)}%` : '--'),
      NetIO: () => (stats ? networkText(stats) : '--'),
      BlockIO: () => (stats ? blockText(stats) : '--'),
      PIDs: () => (stats ? String(stats.pids_stats.current ?? 0) : '--'),
    }),
  };
}

/** Share of one processor: 200% is two of them. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: ContainerStats): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = now.online_cpus || now.cpu_usage.percpu_usage?.length || 1;
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0;
}

/** Without the part of the page cache that can go at once. */
export function memoryUsed({ memory_stats: { usage = 0, stats } }: ContainerStats): number {
  const cache = stats?.['total_inactive_file'] ?? stats?.['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}

function memoryPercent(stats: ContainerStats): number {
  const limit = stats.memory_stats.limit ?? 0;
  return limit === 0 ? 0 : (memoryUsed(stats) / limit) * 100;
}

function networkText({ networks }: ContainerStats): string {
  const all = Object.values(networks ?? {});
  const received = all.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0);
  const sent = all.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0);
  return `${humanSize(received, 3)} / ${humanSize(sent, 3)}`;
}

function blockText({ blkio_stats }: ContainerStats): string {
  const of = (operation: string) =>
    (blkio_stats.io_service_bytes_recursive ?? [])
      .filter(({ op }) => op.toLowerCase() === operation)
      .reduce((sum, { value }) => sum + value, 0);
  return `${humanSize(of('read'), 3)} / ${humanSize(of('write'), 3)}`;
}
