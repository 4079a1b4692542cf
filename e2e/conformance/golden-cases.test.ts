import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataFolder } from '../../scripts/conformance.ts';
import { execute } from '../harness/engine.ts';

const script = join(import.meta.dirname, '../../scripts/conformance.ts');
const skip = existsSync(join(dataFolder, 'check'))
  ? false
  : `the recorded cases are not at ${dataFolder}; STRATA_CONFORMANCE names their folder`;

/** `third` where time is short; all cases otherwise. */
const part = process.env['STRATA_CONFORMANCE_PART'] === 'third' ? ['--third'] : [];

for (const [mode, least] of [
  ['builder', 515],
  ['modern', 505],
] as const) {
  test(`every recorded case gives the reference's outcome, mode ${mode}`, { skip }, async (t) => {
    const { code, output } = await execute(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, mode, '--jobs', '2', ...part],
      { accept: 'any', timeoutMs: 800_000 },
    );
    const [, passed, failed] = /^(\d+) passed, (\d+) failed, \d+ skipped$/m.exec(output) ?? [];
    assert.equal(code, 0, output);
    assert.equal(failed, '0', output);
    assert.ok(
      Number(passed) >= (part.length === 0 ? least : least / 3),
      `only ${passed} cases were compared\n${output}`,
    );
    t.diagnostic(output.trim().split('\n').slice(-2).join(' · '));
  });
}
