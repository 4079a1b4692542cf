/**
 * Feeds mutated Dockerfiles to everything in the dockerfile room that reads text, for a while, and says how many.
 * A finding is anything that throws and is no error for users, or that takes too long for its size.
 *
 *     node scripts/fuzz-dockerfile.ts [--minutes 10] [--seed N]
 */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  checkText,
  createIgnore,
  dumpAst,
  expandInstruction,
  expandWord,
  matchPattern,
  parseChmod,
  parseDockerfile,
  parseTolerant,
} from '../src/dockerfile/index.ts';
import { formatError, StrataError } from '../src/errors/index.ts';
import { contextOf, fileOf, furtherFolder, readFurtherCases, readOwnCases } from './conformance/case.ts';

/** Milliseconds that one input may take: mutations stay below a few hundred kilobytes. */
const patience = 2000;
const maxLength = 200_000;

const tokens = [
  ...[
    'FROM x AS y\n',
    'RUN ',
    'COPY --from=0 ',
    'ADD ',
    'ENV a=',
    'ARG ',
    'LABEL ',
    'CMD ["',
    'ONBUILD ',
    'HEALTHCHECK ',
  ],
  ...[
    '<<EOF',
    '<<-"E F"',
    '\nEOF\n',
    '\\\n',
    '# escape=`\n',
    '# check=error=true\n',
    '--mount=type=',
    '--chmod=',
    '${',
    ':-',
    '}',
  ],
  ...[
    '\n',
    '\r\n',
    '\t',
    '"',
    "'",
    '`',
    '\\',
    '[',
    ']',
    ',',
    '\0',
    '\ufeff',
    '\u2028',
    '\ud83d',
    '🎉',
    '$',
    '/',
    '*',
    '**',
    '!',
  ],
];

const seeds = [
  'FROM busybox AS a\nARG V=1 W\nENV P=${V:-x} "Q R"=\'s t\'\nRUN --mount=type=cache,target=/c <<EOF\necho $V\nEOF\nCOPY --from=a --chmod=u=rwX,go=rX --exclude=*.md x /y/\n',
  '# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM --platform=$BUILDPLATFORM a:b@sha256:c\nSHELL ["a", "b"]\nHEALTHCHECK --interval=5s --retries=3 CMD ["x"]\nEXPOSE 80-90/udp\nVOLUME ["/v"]\nONBUILD COPY <<E /x\n1\nE\n',
  'FROM scratch\nADD --checksum=sha256:1 --unpack http://x/y /z\nLABEL a b c\nUSER ${U##*/}\nWORKDIR ${D//a/b}\nSTOPSIGNAL RTMIN+3\nMAINTAINER x\nCOPY <<-"A" <<B /d/\n\t$x\n\tA\n$y\nB\n',
];

function corpus(): string[] {
  const found = [...seeds];
  for (const one of [...readOwnCases(), ...readFurtherCases()]) {
    const text = fileOf(one, one.dockerfile ?? `${contextOf(one)}/Dockerfile`);
    if (text) found.push(text.toString());
  }
  for (const path of globSync(join(furtherFolder, 'parser/*/Dockerfile'))) found.push(readFileSync(path, 'utf8'));
  return found;
}

/** mulberry32: small, fast and repeatable. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value = (value + Math.imul(value ^ (value >>> 7), value | 61)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function mutate(text: string, others: readonly string[], random: () => number): string {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const at = (): number => Math.floor(random() * (text.length + 1));
  let result = text;
  for (let count = 1 + Math.floor(random() * 6); count > 0; count--) {
    const from = Math.min(at(), result.length);
    const to = Math.min(result.length, from + Math.floor(random() * 40));
    const piece = result.slice(from, to);
    switch (Math.floor(random() * 7)) {
      case 0:
        result = result.slice(0, from) + result.slice(to);
        break;
      case 1:
        result = result.slice(0, from) + pick(tokens) + result.slice(from);
        break;
      case 2:
        result = result.slice(0, from) + String.fromCharCode(Math.floor(random() * 256)) + result.slice(from + 1);
        break;
      case 3:
        result = result.slice(0, to) + piece.repeat(1 + Math.floor(random() * 20)) + result.slice(to);
        break;
      case 4: {
        const other = pick(others);
        const start = Math.floor(random() * other.length);
        result = result.slice(0, from) + other.slice(start, start + 200) + result.slice(from);
        break;
      }
      case 5:
        result = result.slice(0, from) + pick(tokens).repeat(1 + Math.floor(random() * 2000)) + result.slice(from);
        break;
      default:
        result = result.slice(0, from) + [...piece].reverse().join('') + result.slice(to);
    }
    if (result.length > maxLength) result = result.slice(0, maxLength);
  }
  return result;
}

function userErrorOnly(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    formatError(error);
  }
}

function exercise(text: string): void {
  const { ast, stages, diagnostics } = parseTolerant(text);
  dumpAst(ast);
  for (const diagnostic of diagnostics) formatError(diagnostic);
  userErrorOnly(() => parseDockerfile(text));
  checkText(text, { rules: 'all' });
  for (const instruction of stages.flatMap((stage) => stage.instructions)) {
    userErrorOnly(() => expandInstruction(instruction, (name) => (name === 'x' ? undefined : name)));
  }
  const lines = text.split('\n', 20);
  userErrorOnly(() => createIgnore(lines)('a/b/c.txt'));
  for (const line of lines) {
    userErrorOnly(() => expandWord(line, (name) => name));
    userErrorOnly(() => matchPattern(line, 'a/b.txt'));
    userErrorOnly(() => parseChmod(line)(0o644, true));
  }
}

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? 1);
const random = createRandom(seed);
const texts = corpus();
const started = performance.now();
let inputs = 0;
let characters = 0;
let slowest = 0;
let findings = 0;
while (performance.now() - started < minutes * 60_000) {
  const text = mutate(texts[Math.floor(random() * texts.length)]!, texts, random);
  const begin = performance.now();
  try {
    exercise(text);
  } catch (error) {
    findings++;
    console.log(
      `finding: ${error instanceof Error ? error.stack : error}\ninput: ${JSON.stringify(text.slice(0, 2000))}`,
    );
  }
  const took = performance.now() - begin;
  if (took > patience) {
    findings++;
    console.log(`slow (${took.toFixed(0)} ms, ${text.length} characters): ${JSON.stringify(text.slice(0, 2000))}`);
  }
  slowest = Math.max(slowest, took);
  inputs++;
  characters += text.length;
  // What led somewhere new is not measured: keeping some mutants makes later ones stranger.
  if (random() < 0.02 && text.length < 20_000) texts[Math.floor(random() * texts.length)] = text;
}
const seconds = (performance.now() - started) / 1000;
console.log(
  `${inputs} inputs, ${(characters / 1e6).toFixed(0)} million characters in ${(seconds / 60).toFixed(1)} minutes (seed ${seed}): ` +
    `${findings} findings, slowest input ${slowest.toFixed(0)} ms`,
);
process.exitCode = findings === 0 ? 0 : 1;
