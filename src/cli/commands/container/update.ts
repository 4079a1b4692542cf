import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { parseRestart } from '../../create/limits.ts';
import { forEachName } from '../../each.ts';
import { bytes, decimal, ignored, integer, swapBytes, text } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {
    'blkio-weight': integer('', 'Block IO (relative weight), between 10 and 1000, or 0 to disable', 0, {
      type: 'uint16',
    }),
    'cpu-period': integer('', 'Limit CPU CFS (Completely Fair Scheduler) period'),
    'cpu-quota': integer('', 'Limit CPU CFS (Completely Fair Scheduler) quota'),
    'cpu-rt-period': integer('', 'Limit the CPU real-time period in microseconds'),
    'cpu-rt-runtime': integer('', 'Limit the CPU real-time runtime in microseconds'),
    'cpu-shares': integer('c', 'CPU shares (relative weight)'),
    cpus: decimal('', 'Number of CPUs'),
    'cpuset-cpus': text('', 'CPUs in which to allow execution (0-3, 0,1)'),
    'cpuset-mems': text('', 'MEMs in which to allow execution (0-3, 0,1)'),
    'kernel-memory': ignored(bytes('', 'Kernel memory limit')),
    memory: bytes('m', 'Memory limit'),
    'memory-reservation': bytes('', 'Memory soft limit'),
    'memory-swap': swapBytes('', 'Swap limit equal to memory plus swap: -1 to enable unlimited swap'),
    'pids-limit': integer('', 'Tune container pids limit (set -1 for unlimited)'),
    restart: text('', 'Restart policy to apply when a container exits'),
  },
  async run({ flags, given, args, session, client }) {
    if (given.size === 0)
      throw new StrataError('invalid_argument', 'you must provide one or more flags when using this command');
    const { containers } = await client();
    const settings = {
      BlkioWeight: flags['blkio-weight'],
      CpuPeriod: flags['cpu-period'],
      CpuQuota: flags['cpu-quota'],
      CpuRealtimePeriod: flags['cpu-rt-period'],
      CpuRealtimeRuntime: flags['cpu-rt-runtime'],
      CpuShares: flags['cpu-shares'],
      NanoCpus: flags.cpus,
      CpusetCpus: flags['cpuset-cpus'],
      CpusetMems: flags['cpuset-mems'],
      Memory: flags.memory,
      MemoryReservation: flags['memory-reservation'],
      MemorySwap: flags['memory-swap'],
      ...(given.has('pids-limit') && { PidsLimit: flags['pids-limit'] }),
      RestartPolicy: given.has('restart') ? parseRestart(flags.restart) : {},
    };
    const warnings: string[] = [];
    const code = await forEachName(args, session, async (name) => {
      const { Warnings } = await containers.update(name, settings);
      session.stdout.write(`${name}\n`);
      warnings.push(...(Warnings ?? []));
    });
    if (warnings.length > 0) session.stderr.write(`${warnings.join('\n')}\n`);
    return code;
  },
});
