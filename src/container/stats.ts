import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { type ContainerRecord, isRunning, timestamp } from './record.ts';

/** One reading of a container's cgroup, in the shape of Docker's `GET /containers/{id}/stats`. */
export async function readStats(record: ContainerRecord): Promise<Readonly<Record<string, unknown>>> {
  const running = isRunning(record);
  const folders = running ? cgroupFolders(record.state.pid) : new Map<string, string>();
  const v2 = folders.get('');
  const cpu = v2 ? v2Cpu(v2) : v1Cpu(folders);
  const memory = v2 ? v2Memory(v2) : v1Memory(folders.get('memory'));
  const pids = number(join(v2 ?? folders.get('pids') ?? '', 'pids.current'));
  return {
    id: record.id,
    name: `/${record.name}`,
    read: timestamp(),
    num_procs: 0,
    pids_stats: pids === undefined ? {} : { current: pids },
    cpu_stats: {
      cpu_usage: cpu,
      system_cpu_usage: systemUsage(),
      online_cpus: availableParallelism(),
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    },
    memory_stats: running ? memory : {},
    blkio_stats: blockStats(v2 === undefined),
    networks: running ? interfaces(record.state.pid) : {},
    storage_stats: {},
  };
}

/** Controller -> folder; on pure version 2 the one folder has the name ''. */
export function cgroupFolders(pid: number): Map<string, string> {
  const found = new Map<string, string>();
  const version2 = text('/sys/fs/cgroup/cgroup.controllers') !== '';
  for (const line of text(`/proc/${pid}/cgroup`).split('\n')) {
    const [, controllers = '', path = ''] = line.split(':');
    if (controllers === '') {
      if (version2) found.set('', join('/sys/fs/cgroup', path));
    } else
      for (const controller of controllers.split(',')) found.set(controller, join('/sys/fs/cgroup', controllers, path));
  }
  return found;
}

/** Nothing is counted; version 1 of cgroups has empty lists, as Docker has them. */
function blockStats(isV1: boolean): object {
  const fields = [
    'io_service_bytes_recursive',
    'io_serviced_recursive',
    'io_queue_recursive',
    'io_service_time_recursive',
    'io_wait_time_recursive',
    'io_merged_recursive',
    'io_time_recursive',
    'sectors_recursive',
  ];
  return Object.fromEntries(fields.map((field) => [field, isV1 ? [] : null]));
}

function v2Cpu(folder: string): object {
  const stat = pairs(join(folder, 'cpu.stat'));
  const nano = (key: string) => (stat.get(key) ?? 0) * 1000;
  return {
    total_usage: nano('usage_usec'),
    usage_in_kernelmode: nano('system_usec'),
    usage_in_usermode: nano('user_usec'),
  };
}

function v1Cpu(folders: ReadonlyMap<string, string>): object {
  const folder = folders.get('cpuacct') ?? '';
  const stat = pairs(join(folder, 'cpuacct.stat'));
  const tick = 10_000_000;
  return {
    total_usage: number(join(folder, 'cpuacct.usage')) ?? 0,
    percpu_usage: text(join(folder, 'cpuacct.usage_percpu'))
      .split(' ')
      .filter((word) => /^\d+$/.test(word))
      .map(Number),
    usage_in_kernelmode: (stat.get('system') ?? 0) * tick,
    usage_in_usermode: (stat.get('user') ?? 0) * tick,
  };
}

function v2Memory(folder: string): object {
  return {
    usage: number(join(folder, 'memory.current')) ?? 0,
    limit: limit(number(join(folder, 'memory.max'))),
    stats: Object.fromEntries(pairs(join(folder, 'memory.stat'))),
  };
}

function v1Memory(folder: string | undefined): object {
  if (folder === undefined) return {};
  return {
    usage: number(join(folder, 'memory.usage_in_bytes')) ?? 0,
    max_usage: number(join(folder, 'memory.max_usage_in_bytes')) ?? 0,
    limit: limit(number(join(folder, 'memory.limit_in_bytes'))),
    stats: Object.fromEntries(pairs(join(folder, 'memory.stat'))),
  };
}

/** No limit is the machine's memory. */
function limit(value: number | undefined): number {
  return value === undefined || value > totalmem() ? totalmem() : value;
}

function systemUsage(): number {
  const [, ...ticks] = (text('/proc/stat').split('\n')[0] ?? '').trim().split(/\s+/);
  return ticks.slice(0, 7).reduce((sum, tick) => sum + Number(tick), 0) * 10_000_000;
}

function interfaces(pid: number): Record<string, object> {
  const found: Record<string, object> = {};
  for (const line of text(`/proc/${pid}/net/dev`).split('\n').slice(2)) {
    const [name, rest] = line.trim().split(/:\s*/);
    if (!name || !rest || name === 'lo') continue;
    const n = rest.split(/\s+/).map(Number);
    found[name] = {
      rx_bytes: n[0],
      rx_packets: n[1],
      rx_errors: n[2],
      rx_dropped: n[3],
      tx_bytes: n[8],
      tx_packets: n[9],
      tx_errors: n[10],
      tx_dropped: n[11],
    };
  }
  return found;
}

function pairs(file: string): Map<string, number> {
  return new Map(
    text(file)
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]),
  );
}

function number(file: string): number | undefined {
  const value = text(file).trim();
  return /^\d+$/.test(value) ? Number(value) : undefined;
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
