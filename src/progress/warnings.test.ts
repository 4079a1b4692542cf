import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckWarning, warningLines } from './warnings.ts';

test('a short list of findings keeps the order in which they were reported', () => {
  const lines = warningLines([finding('B', 1), finding('A', 2), finding('A', 3)]);
  assert.deepEqual(lines, [
    '\n',
    ' 3 warnings found (use docker --debug to expand):\n',
    ' - B: about B (line 1)\n',
    ' - A: about A (line 2)\n',
    ' - A: about A (line 3)\n',
    '\n',
  ]);
});

test('a long list goes rule by rule, the rule that is broken most often first', () => {
  const found = [1, 2, 3].flatMap((line) => [finding('Often', line), finding('Seldom', line), finding('Often', line)]);
  const rules = warningLines([finding('Once', 9), ...found])
    .filter((line) => line.startsWith(' - '))
    .map((line) => line.slice(3, line.indexOf(':')));
  assert.deepEqual(rules, [...Array(6).fill('Often'), ...Array(3).fill('Seldom'), 'Once']);
});

test('one finding is told in the singular, and none is told not at all', () => {
  assert.match(warningLines([finding('A', 1)]).join(''), /1 warning found \(/);
  assert.deepEqual(warningLines([]), []);
});

test('only a terminal gets colours, and the program is the one that is asked', () => {
  const [, headline] = warningLines([finding('A', 1)], { color: true, program: 'strata' });
  assert.equal(headline, ' \x1b[33m1 warning found (use strata --debug to expand):\n\x1b[0m');
});

test('an expanded list has what the rule wants, its page and the lines that are meant', () => {
  const warning: CheckWarning = {
    ...finding('A', 2),
    description: 'A is wanted',
    url: 'https://x/a',
    location: { file: 'Dockerfile', line: 2, excerpt: { first: 1, lines: ['FROM x', 'a'] } },
  };
  assert.equal(
    warningLines([warning], { expand: true }).join(''),
    `
 1 warning found:
 - A: about A (line 2)
A is wanted
More info: https://x/a
Dockerfile:2
--------------------
   1 |     FROM x
   2 | >>> a
--------------------

`,
  );
});

function finding(rule: string, line: number): CheckWarning {
  return { type: 'warning', rule, message: `about ${rule}`, location: { file: 'Dockerfile', line } };
}
