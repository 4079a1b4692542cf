import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkText } from './run.ts';

function found(text: string): string[] {
  return checkText(text, { rules: 'all' })
    .warnings.filter((warning) => warning.url === undefined)
    .map((warning) => `${warning.rule}:${warning.location.line}`);
}

function rulesOf(run: string): string[] {
  return found(`FROM debian\n${run}\n`);
}

test('package lists must go in the RUN that fetches them', () => {
  assert.deepEqual(rulesOf('RUN apt-get update && apt-get install -y curl'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*'), []);
  assert.deepEqual(rulesOf('RUN set -eux; \\\n  apt-get update; \\\n  rm -r "/var/lib/apt/lists/"*'), []);
  assert.deepEqual(rulesOf('RUN --mount=type=cache,target=/var/lib/apt apt-get update'), []);
  assert.deepEqual(rulesOf('RUN --mount=type=bind,target=/var/lib/apt apt-get update'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN apk add curl'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN apk add --no-cache curl'), []);
  assert.deepEqual(rulesOf('RUN dnf -y install curl'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN dnf -y install curl && dnf clean all'), []);
  assert.deepEqual(rulesOf('RUN <<EOF\napt-get update\nEOF'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN ["apt-get", "update"]'), ['PackageListsLeft:2']);
  assert.deepEqual(rulesOf('RUN echo apt-get update'), []);
});

test('only stages that are shipped are looked at for what is left in layers', () => {
  assert.deepEqual(found('FROM debian AS build\nRUN apt-get update\nFROM scratch\nCOPY --from=build /a /a\n'), []);
  assert.deepEqual(found('FROM debian AS base\nRUN apt-get update\nFROM base\n'), ['PackageListsLeft:2']);
});

test('a file must not be deleted in a later layer than it came', () => {
  assert.deepEqual(rulesOf('COPY big.tar /tmp/big.tar\nRUN tar xf /tmp/big.tar && rm /tmp/big.tar'), [
    'DeletedInLaterLayer:3',
  ]);
  assert.deepEqual(rulesOf('ADD big.tar other.tar /tmp/\nRUN rm -rf /tmp'), ['DeletedInLaterLayer:3']);
  assert.deepEqual(rulesOf('RUN curl -fsSLo /a.tgz http://x/a && tar xf /a.tgz && rm /a.tgz'), []);
  assert.deepEqual(rulesOf('RUN curl -o /a.tgz http://x/a\nRUN rm /a.tgz'), ['DeletedInLaterLayer:3']);
  assert.deepEqual(rulesOf('COPY a /b/\nRUN rm -rf /c /bc'), []);
});

test('build tools belong in a stage that is not shipped', () => {
  const clean = '&& rm -rf /var/lib/apt/lists/*';
  assert.deepEqual(rulesOf(`RUN apt-get update && apt-get install -y gcc libssl-dev ${clean}`), [
    'BuildToolsInFinalStage:2',
  ]);
  assert.deepEqual(rulesOf(`RUN apt-get update && apt-get install -y curl ${clean}`), []);
  assert.deepEqual(rulesOf('RUN apk add --no-cache --virtual .b gcc && make && apk del .b'), []);
  assert.deepEqual(rulesOf('RUN apk add --no-cache gcc'), ['BuildToolsInFinalStage:2']);
});

test('a slow RUN comes before a COPY that it does not need', () => {
  assert.deepEqual(rulesOf('COPY . /app\nRUN npm ci'), ['CopyBeforeSlowRun:2']);
  assert.deepEqual(rulesOf('COPY package.json package-lock.json /app/\nRUN npm ci\nCOPY . /app'), []);
  assert.deepEqual(rulesOf('COPY app /app\nRUN apk add --no-cache curl'), ['CopyBeforeSlowRun:2']);
  assert.deepEqual(rulesOf('COPY list /list\nRUN apk add --no-cache $(cat /list)'), []);
  assert.deepEqual(rulesOf('COPY --from=x /a /a\nRUN apk add --no-cache curl'), []);
});

test('a secret in a value is found without being shown', () => {
  const text = 'FROM scratch\nENV A=AKIAABCDEFGHIJKLMNOP DB=postgres://me:hunter2@db/x\nARG B=https://$USER:$PASS@h/\n';
  const { warnings } = checkText(text, { rules: 'all' });
  assert.deepEqual(
    warnings
      .filter((warning) => warning.rule === 'SecretInValue')
      .map((warning) => warning.message.includes('hunter2')),
    [false, false],
  );
});

test('our own rules keep still unless they are asked for', () => {
  assert.deepEqual(checkText('FROM debian\nRUN apt-get update\n').warnings, []);
});

test('a skip directive silences our own rules too', () => {
  assert.deepEqual(found('# check=skip=PackageListsLeft\nFROM debian\nRUN apt-get update\n'), []);
});
