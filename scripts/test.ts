/**
 * `npm test`: every test beside the code and the end-to-end tests; with arguments, only those files or folders.
 *
 * Files run two at a time: most of the time of an end-to-end file goes into waiting for processes and for packages.
 */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildProgram } from './build.ts';
import { prepareSupplies } from './supplies.ts';

const asked = process.argv.slice(2);
const patterns = asked.length === 0 ? ['src', 'scripts', 'e2e'] : asked;
const files = patterns
  .flatMap((path) => (statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path]))
  .map((path) => resolve(path))
  .sort();

// A container's rules and the daemon's files must not depend on the caller's mask.
process.umask(0o022);
prepareSupplies(files, (line) => process.stderr.write(`set-up: ${line}\n`));
process.env['STRATA_TEST_PROGRAM'] = await buildProgram();

const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=2',
    // Ends what hangs; no test is measured by it, however busy the machine is.
    '--test-timeout=3600000',
    '--test-reporter=spec',
    ...files,
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
