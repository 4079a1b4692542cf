import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { furtherFolder } from '../../scripts/conformance/case.ts';
import { dumpAst } from './dump.ts';
import { parseAst } from './parse-ast.ts';

const corpus = join(furtherFolder, 'parser');
const missing = existsSync(corpus)
  ? false
  : `the Dockerfiles of other projects are not part of this one, and not at ${corpus}; STRATA_CONFORMANCE names their folder`;

test('every Dockerfile of the parser corpus has the syntax tree of the reference', { skip: missing }, async (t) => {
  for (const name of readdirSync(corpus)) {
    await t.test(name, () => {
      const parsed = parseAst(readFileSync(join(corpus, name, 'Dockerfile'), 'utf8'), 'Dockerfile');
      const result = join(corpus, name, 'result');
      if (existsSync(result)) {
        assert.deepEqual(parsed.faults, []);
        assert.equal(dumpAst(parsed.ast), readFileSync(result, 'utf8').trim());
      } else {
        assert.notEqual(parsed.faults.length, 0);
      }
    });
  }
});
