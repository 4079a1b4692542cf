import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOf } from '../../sys/index.ts';
import { readableText } from './foreign-bytes.ts';

const latin1 = (text: string) => readableText(nameOf(Buffer.from(text, 'latin1')), 'Dockerfile');
const kept = (text: string) => nameOf(Buffer.from(text, 'latin1'));

test('text that is UTF-8 stays as it is', () => {
  const text = 'FROM a\nLABEL a=café\ufffd\n';
  assert.deepEqual(readableText(text, 'Dockerfile'), { text, warnings: [] });
});

for (const [what, text] of [
  ['a comment', '# caf\xe9\nFROM a\n'],
  ['a comment in a RUN', 'FROM a\nRUN a \\\n# caf\xe9\n b\n'],
] as const)
  test(`${what} may hold any bytes, and nothing is said of it`, () => {
    assert.deepEqual(latin1(text), { text: kept(text).toWellFormed(), warnings: [] });
  });

for (const text of [
  'FROM a\nCOPY caf\xe9 \\\n /q/\nRUN b',
  'FROM a\nADD caf\xe9 /q/\n',
  'FROM a\nCOPY --from=b ["caf\xe9", "/q/"]',
  'FROM a\nCOPY <<E /f\ncaf\xe9\nE\n',
])
  test(`the bytes stay: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(latin1(text), { text: kept(text), warnings: [] });
  });

for (const line of [
  ...['LABEL a="caf\xe9"', 'ENV a=caf\xe9', 'ARG a=caf\xe9', 'USER caf\xe9', 'WORKDIR /caf\xe9', 'EXPOSE caf\xe9'],
  ...['CMD caf\xe9', 'ENTRYPOINT ["caf\xe9"]', 'VOLUME /caf\xe9', 'STOPSIGNAL caf\xe9', 'SHELL ["caf\xe9"]'],
  ...['HEALTHCHECK CMD caf\xe9', 'ONBUILD COPY caf\xe9 /', 'MAINTAINER caf\xe9', 'FROM caf\xe9'],
])
  test(`it is said that the bytes are lost: ${line}`, () => {
    const { text, warnings } = latin1(`FROM a\n${line}\n`);
    assert.ok(text.isWellFormed());
    const shown = line.replace('\xe9', '\\351');
    assert.deepEqual(warnings, [`Dockerfile:2: ${shown}: what is not UTF-8 became U+FFFD; save the file as UTF-8`]);
  });

for (const text of ['RUN echo caf\xe9', 'RUN <<E\ncaf\xe9\nE', 'RUN ["caf\xe9"]', 'RUN --mount=source=caf\xe9 a'])
  test(`a step that cannot have the bytes is refused where it stands: ${JSON.stringify(text)}`, () => {
    const refused = (error: Error) =>
      error.message.includes('string field contains invalid UTF-8') &&
      (error as Error & { location: { line: number } }).location.line === 2;
    assert.throws(() => latin1(`FROM a\n${text}\n`), refused);
  });
