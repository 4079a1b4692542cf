import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatError, StrataError } from '../errors/index.ts';
import {
  type AstNode,
  checkText,
  createIgnore,
  dumpAst,
  expandInstruction,
  expandWord,
  matchPattern,
  parseChmod,
  parseDockerfile,
  parseTolerant,
  type TextRange,
} from './index.ts';

const pieces = [
  ...[
    'FROM ',
    'from',
    'RUN ',
    'COPY ',
    'ADD ',
    'ENV ',
    'ARG ',
    'LABEL ',
    'CMD ',
    'ONBUILD ',
    'HEALTHCHECK ',
    'EXPOSE ',
  ],
  ...[
    'VOLUME ',
    'SHELL ',
    'USER ',
    'STOPSIGNAL ',
    '# escape=`\n',
    '# check=skip=all\n',
    '--from=',
    '--mount=',
    '--x',
    '<<EOF',
    '<<-"E F"',
    'EOF',
  ],
  ...[
    '\n',
    '\n',
    '\\\n',
    '`\n',
    '\r\n',
    ' ',
    '\t',
    '"',
    "'",
    '[',
    ']',
    '["a"]',
    ',',
    '=',
    '$',
    '${',
    '}',
    ':-',
    '#',
    '%',
    '/',
    '\\',
    '`',
    '*',
    '!',
    'a',
    'é',
    '\ufeff',
    '\ud800',
    '\0',
    '🎉',
  ],
];

const dockerfiles = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join('')),
  fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => `FROM a\n${parts.join('')}`),
);

/** Runs `work`, which may only fail the way a user is told about. */
function onlyUserErrors(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    formatError(error);
  }
}

test('no text makes the tolerant parser, the dump or the checks throw', () => {
  fc.assert(
    fc.property(dockerfiles, (text) => {
      const file = parseTolerant(text);
      dumpAst(file.ast);
      checkText(text, { rules: 'all' });
    }),
    { numRuns: 600 },
  );
});

test('the strict parser throws the first diagnostic or returns what the tolerant one does', () => {
  fc.assert(
    fc.property(dockerfiles, (text) => {
      const { diagnostics, ...file } = parseTolerant(text);
      onlyUserErrors(() => assert.deepEqual(parseDockerfile(text), file));
      if (diagnostics.length > 0) assert.throws(() => parseDockerfile(text), StrataError);
      else parseDockerfile(text);
    }),
    { numRuns: 300 },
  );
});

test('every instruction expands or fails with an error for users', () => {
  fc.assert(
    fc.property(dockerfiles, (text) => {
      const { stages } = parseTolerant(text);
      for (const instruction of stages.flatMap((stage) => stage.instructions)) {
        onlyUserErrors(() => expandInstruction(instruction, (name) => (name.length > 1 ? `<${name}>` : undefined)));
      }
    }),
    { numRuns: 300 },
  );
});

/** The text of a range, line ends and all. */
function sliceOf(lines: readonly string[], range: TextRange): string {
  if (range.line === range.endLine) return lines[range.line - 1]!.slice(range.column - 1, range.endColumn - 1);
  const middle = lines.slice(range.line, range.endLine - 1);
  const last = lines[range.endLine - 1]!.slice(0, range.endColumn - 1);
  return [lines[range.line - 1]!.slice(range.column - 1), ...middle, last].join('\n');
}

function checkNode(node: AstNode, lines: readonly string[]): void {
  const { keyword, args, flags, range } = node;
  if (keyword.range.line === keyword.range.endLine) assert.equal(sliceOf(lines, keyword.range), keyword.text);
  for (const token of [...flags, ...args]) {
    assert.ok(token.range.line >= range.line && token.range.endLine <= range.endLine);
    // Quotes and escapes of flags and JSON strings are resolved; all other words stand there as they are.
    const written = sliceOf(lines, token.range);
    if (
      token.range.line === token.range.endLine &&
      !node.json &&
      !flags.includes(token) &&
      token.text.length === written.length
    ) {
      assert.equal(token.text, written);
    }
  }
  if (node.child) checkNode(node.child, lines);
}

test('ranges lie in the text and hold what they say', () => {
  fc.assert(
    fc.property(dockerfiles, (text) => {
      const { ast, lines } = parseTolerant(text);
      for (const node of ast) checkNode(node, lines);
    }),
    { numRuns: 500 },
  );
});

test('words, patterns and modes fail only with errors for users', () => {
  const words = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...pieces), { maxLength: 20 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(words, words, (a, b) => {
      onlyUserErrors(() => expandWord(a, () => b));
      onlyUserErrors(() => createIgnore(a)(b));
      onlyUserErrors(() => matchPattern(a, b));
      onlyUserErrors(() => parseChmod(a)(0o644, false));
    }),
    { numRuns: 600 },
  );
});

test('a word without special characters expands to itself', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[^$\\'"\ufeff]*$/), (word) =>
      assert.equal(expandWord(word, () => 'x').value, word),
    ),
  );
});

test('a value in single quotes comes through as it is', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes("'")),
      (text) => assert.equal(expandWord(`'${text}'`, () => 'x').value, text),
    ),
  );
});

test('a path that is a pattern without wildcards ignores itself and what is below', () => {
  const name = fc.stringMatching(/^[a-z0-9_]{1,8}$/);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), name, (parts, child) => {
      const path = parts.join('/');
      const ignore = createIgnore([path]);
      assert.ok(ignore(path) && ignore(`${path}/${child}`) && ignore.skipsDirectory(path));
    }),
  );
});
