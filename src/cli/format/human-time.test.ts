import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** A moment as a process in that zone prints it. */
function printedIn(zone: string, seconds: number): string {
  const module = new URL('./human-time.ts', import.meta.url).href;
  const script = `import { goTime, localRfc3339 } from '${module}'; process.stdout.write(goTime(${seconds}) + ' | ' + localRfc3339(${seconds}))`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], TZ: zone },
  });
  return stdout;
}

test('moments are told in the local zone with its short name, as Go does', () => {
  assert.equal(printedIn('UTC', 1_714_564_800), '2024-05-01 12:00:00 +0000 UTC | 2024-05-01T12:00:00Z');
  assert.equal(printedIn('', 1_714_564_800), '2024-05-01 12:00:00 +0000 UTC | 2024-05-01T12:00:00Z');
  assert.equal(printedIn('Europe/London', 1_704_110_400), '2024-01-01 12:00:00 +0000 GMT | 2024-01-01T12:00:00Z');
  assert.equal(
    printedIn('America/New_York', 1_714_564_800),
    '2024-05-01 08:00:00 -0400 EDT | 2024-05-01T08:00:00-04:00',
  );
});
