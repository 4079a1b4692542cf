/** `npm run check`: types, lint and format, the direction of imports. */
import { spawnSync } from 'node:child_process';

const steps: readonly (readonly [string, readonly string[]])[] = [
  ['tsc', ['--pretty']],
  ['biome', ['check', '.']],
  ['node', ['--test', '--test-reporter=dot', 'src/imports.test.ts']],
];

for (const [command, args] of steps) {
  process.stderr.write(`check: ${command} ${args.join(' ')}\n`);
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
