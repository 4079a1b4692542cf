import type { Containers } from '../container/index.ts';
import { never } from './time.ts';

type Stats = Readonly<Record<string, unknown>>;

/** Samples with the one before as `precpu_stats`, from which clients compute the load. */
export function sampler(containers: Pick<Containers, 'stats' | 'get'>, id: string): () => Promise<Stats> {
  let last: Stats | undefined;
  return async () => {
    const container = containers.get(id);
    const stats = container.state.pid > 0 ? await containers.stats(id) : idle;
    const whole = {
      name: `/${container.name}`,
      id,
      ...stats,
      blkio_stats: { ...emptyBlockIO, ...(stats['blkio_stats'] as object | undefined) },
      preread: last?.['read'] ?? never,
      precpu_stats: last?.['cpu_stats'] ?? emptyCpu,
    };
    last = whole;
    return whole;
  };
}

const emptyCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** Clients read these lists without asking whether they are there. */
const emptyBlockIO = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

/** A container that does not run uses nothing. */
const idle: Stats = {
  read: never,
  pids_stats: {},
  num_procs: 0,
  storage_stats: {},
  cpu_stats: emptyCpu,
  memory_stats: {},
};
