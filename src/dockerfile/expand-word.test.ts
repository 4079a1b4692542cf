import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { type ExpandOptions, expandWord, expandWords } from './expand-word.ts';

const env: Readonly<Record<string, string>> = {
  V: 'foobarbaz',
  P: '/usr/lib/x.tar.gz',
  E: '',
  'a.b': 'no',
  '1': 'one',
  É: 'acute',
};
const lookup = (name: string): string | undefined => env[name];
const value = (word: string, options?: ExpandOptions): string => expandWord(word, lookup, options).value;

function fails(word: string, message: string): void {
  assert.throws(
    () => expandWord(word, lookup),
    (error) => error instanceof StrataError && error.kind === 'invalid_argument' && error.message === message,
  );
}

test('variables are replaced in words and double quotes, not in single quotes', () => {
  assert.equal(value('$V-${V}'), 'foobarbaz-foobarbaz');
  assert.equal(value('"$V"'), 'foobarbaz');
  assert.equal(value("'$V'"), '$V');
  assert.equal(value('$NONE|'), '|');
});

test('names are letters, digits and underscores of any script; a digit is a name of its own', () => {
  assert.equal(value('$É'), 'acute');
  assert.equal(value('$V.b'), 'foobarbaz.b');
  assert.equal(value('$1x'), 'onex');
  assert.equal(value('$'), '$');
  assert.equal(value('$.'), '$.');
  assert.equal(value('$@x'), 'x');
});

test('defaults and alternatives see a difference between unset and empty only with a colon', () => {
  assert.equal(value('${E-d}${E:-d}${N-d}${N:-d}'), 'ddd');
  assert.equal(value('${E+s}${E:+s}${N+s}${V:+s}'), 'ss');
  assert.equal(value('${N:-${M:-$V}}'), 'foobarbaz');
  assert.equal(value('${N:-"a b"}'), 'a b');
});

test('an error form names the variable and its message', () => {
  assert.equal(value('${V:?m}${E?m}'), 'foobarbaz');
  fails('${N:?give it}', 'failed to process "${N:?give it}": N: give it');
  fails('${N?}', 'failed to process "${N?}": N: is not allowed to be unset');
  fails('${E:?}', 'failed to process "${E:?}": E: is not allowed to be empty');
});

test('prefixes and suffixes are cut shortest or longest', () => {
  assert.equal(value('${P#*/}|${P##*/}|${P%.*}|${P%%.*}'), 'usr/lib/x.tar.gz|x.tar.gz|/usr/lib/x.tar|/usr/lib/x');
  assert.equal(value('${V#f?o}|${V%z}|${V#\\*}'), 'barbaz|foobarba|foobarbaz');
  assert.equal(value('${N#x}'), '');
});

test('patterns are replaced once or everywhere, as far as they reach', () => {
  assert.equal(value('${V/ba/X}|${V//ba/X}|${V/b*/X}|${V//o/}'), 'fooXrbaz|fooXrXz|fooX|fbarbaz');
  assert.equal(value('${P//\\//-}'), '-usr-lib-x.tar.gz');
  assert.equal(value('${V//ba/[$0]}'), 'foo[]r[]z');
  fails('${V/a}', 'failed to process "${V/a}": syntax error: missing \'/\' in ${}');
  fails('${V#\\q}', 'failed to process "${V#\\\\q}": invalid pattern (\\q) in substitution: invalid escape \'\\q\'');
});

test('escapes protect one character and vanish; in double quotes only some', () => {
  assert.equal(value('\\$V\\a\\\\'), '$Va\\');
  assert.equal(value('"\\$V\\a\\"\\\\"'), '$V\\a"\\');
  assert.equal(value('a\\'), 'a');
  assert.equal(value('`$V\\', { escape: '`' }), '$V\\');
});

test('unclosed quotes and braces are errors in the words of the reference', () => {
  fails('"x', 'failed to process "\\"x": unexpected end of statement while looking for matching double-quote');
  fails("'x", 'failed to process "\'x": unexpected end of statement while looking for matching single-quote');
  fails('${', 'failed to process "${": syntax error: missing \'}\'');
  fails('${}', 'failed to process "${}": syntax error: bad substitution');
  fails('${V', 'failed to process "${V": unsupported modifier (\ufffd) in substitution');
  fails('${V:xd}', 'failed to process "${V:xd}": unsupported modifier (:x) in substitution');
  fails('${V-x', 'failed to process "${V-x": syntax error: missing \'}\'');
});

test('unquoted blanks of values split words, quoted ones do not', () => {
  const two = (): string => 'a b';
  assert.deepEqual(expandWords('$X', two), ['a', 'b']);
  assert.deepEqual(expandWords('"$X" c', two), ['a b', 'c']);
  assert.deepEqual(expandWords(' x\\ y ', two), ['x y']);
  assert.deepEqual(expandWords('""', two), []);
});

test('what was found and what was missing is reported', () => {
  const { matched, unmatched } = expandWord('$V ${N:-$M} ${V+x}', lookup);
  assert.deepEqual([...matched], ['V']);
  assert.deepEqual([...unmatched], ['M', 'N']);
});

test('unset variables can stay as they are written', () => {
  assert.equal(value('$N ${N} ${N:-a} $V', { keepUnset: true }), '$N ${N} ${N:-a} foobarbaz');
  assert.equal(value(`"a" 'b'`, { rawQuotes: true }), `"a" 'b'`);
  assert.equal(value(`"$V" 'b'`, { skipQuotes: true }), `"foobarbaz" 'b'`);
});

test('hostile words cost neither stack nor time', () => {
  const deep = '${A:-'.repeat(50_000);
  assert.throws(() => expandWord(deep, lookup), StrataError);
  const long = 'a'.repeat(60_000);
  // Of its own: other tests may have the processor.
  const before = process.cpuUsage();
  expandWord(`\${L#${'*a'.repeat(500)}b}`, () => long);
  assert.ok(process.cpuUsage(before).user < 3_000_000);
  assert.throws(() => expandWord('$L'.repeat(400), () => long), /too long/);
});
