import { spawnSync } from 'node:child_process';

/** Runs a program to its end and gives what it printed; its complaints are the error where it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** Exit codes that are no failure; default: 0 alone. */
    readonly accept?: readonly number[];
  } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (!(options.accept ?? [0]).includes(status ?? -1))
    throw new Error(`${[command, ...args].join(' ')}\nended with ${status}:\n${stderr.slice(-4000)}`);
  return stdout;
}
