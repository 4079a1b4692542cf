import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const work = mkdtempSync(join(tmpdir(), 'strata-check-alone-'));
const stateRoot = join(work, 'state');
const main = join(import.meta.dirname, '../main.ts');
after(() => rmSync(work, { recursive: true, force: true }));

function build(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: process.env['PATH'], HOME: work, STRATA_STATE_ROOT: stateRoot };
  const node = ['--disable-warning=ExperimentalWarning', main, 'build', ...args];
  return spawnSync(process.execPath, node, { cwd: work, input, encoding: 'utf8', env });
}

test('a Dockerfile is checked without an engine, and none is started', () => {
  writeFileSync(join(work, 'Dockerfile'), 'FROM debian\nARG A\nRUN apt-get update\nMAINTAINER $A\n');
  writeFileSync(join(work, 'good.Dockerfile'), 'FROM debian\nRUN apt-get update\n');
  const found = build(['--check', '.']);
  assert.equal(found.status, 1);
  assert.match(found.stdout, /^Check complete, 2 warnings have been found!\n\nWARNING: PackageListsLeft\n/);
  assert.match(found.stdout, /WARNING: MaintainerDeprecated/);
  // Our own rules are advice: they alone do not make a check fail.
  const own = build(['--call=check', '-f', 'good.Dockerfile', '.']);
  assert.match(own.stdout, /WARNING: PackageListsLeft/);
  assert.equal(own.status, 0);
  const piped = build(['--check', '-'], 'FROM scratch\nCPOY a /\n');
  assert.equal(piped.status, 1);
  assert.match(piped.stderr, /unknown instruction: CPOY/);
  assert.equal(existsSync(stateRoot), false);
});
