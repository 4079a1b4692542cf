import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { furtherFolder, readFurtherCases, readOwnCases } from '../../scripts/conformance/case.ts';
import { execute } from '../harness/engine.ts';

const script = join(import.meta.dirname, '../../scripts/conformance.ts');
const further = readFurtherCases().length;
const all = readOwnCases().length + further;

/** `third` where time is short; all cases otherwise. */
const part = process.env['STRATA_CONFORMANCE_PART'] === 'third' ? ['--third'] : [];

/** Few cases cannot travel over the docker client's classic path. */
for (const [mode, most] of [
  ['builder', 2],
  ['modern', 13],
] as const) {
  test(`every recorded case gives the reference's outcome, mode ${mode}`, async (t) => {
    const { code, output } = await execute(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, mode, '--jobs', '2', ...part],
      { accept: 'any', timeoutMs: 800_000 },
    );
    const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
    assert.equal(code, 0, output);
    assert.equal(failed, '0', output);
    const compared = Number(passed) + Number(skipped);
    assert.ok(part.length === 0 ? compared === all : compared >= all / 3, output);
    assert.ok(Number(skipped) <= most, output);
    if (further === 0)
      t.diagnostic(
        `the cases of other projects are not part of this one, and not at ${furtherFolder}; STRATA_CONFORMANCE names their folder`,
      );
    t.diagnostic(output.trim().split('\n').slice(-2).join(' · '));
  });
}
