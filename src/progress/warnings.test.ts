import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckWarning, warningLines } from './warnings.ts';

test('a short list of findings keeps the order in which they were reported', () => {
  const lines = warningLines([finding('B', 1), finding('A', 2), finding('A', 3)]);
  assert.deepEqual(lines, [
    '\n',
    ' \x1b[33m3 warnings found (use docker --debug to expand):\n\x1b[0m',
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

function finding(rule: string, line: number): CheckWarning {
  return { type: 'warning', rule, message: `about ${rule}`, location: { file: 'Dockerfile', line } };
}
