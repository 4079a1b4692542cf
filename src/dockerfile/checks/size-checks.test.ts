import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkText } from './run.ts';

function found(text: string): string[] {
  return checkText(text, { rules: 'all' })
    .warnings.filter((warning) => warning.url === undefined)
    .map((warning) => `${warning.rule}:${warning.location.line}`);
}

function deleted(text: string): number[] {
  return checkText(text, { rules: 'all' })
    .warnings.filter(({ rule }) => rule === 'DeletedInLaterLayer')
    .map(({ location }) => location.line);
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

test('whatever empties the folder of the lists is known', () => {
  const clean = [
    'apt-get update && apt-get install -y curl && apt-get dist-clean',
    'apt-get update && find /var/lib/apt/lists -type f -delete',
    'apt-get update && find /var/lib/apt/lists /var/cache -mindepth 1 -exec rm -rf {} +',
    'apt-get update && find /var/lib/apt/lists -type f | xargs rm -f',
    'apt-get update && rm -rf /var/lib/apt/lists',
    'apt-get update && rm -rf /var/{cache,lib/apt}/*',
    'apk add --no-network ./a.apk',
    'apk --no-cache add curl',
    'apk add curl && rm -rf /var/cache/*',
    'apk add -X https://x/edge curl && rm -r /var/cache/apk/',
    'dnf --setopt=a=b -y install curl && dnf clean all',
    'zypper -n in curl && zypper cc -a',
  ];
  for (const run of clean) assert.deepEqual(rulesOf(`RUN ${run}`), [], run);
  const left = [
    'apt-get -o Acquire::Retries=3 update',
    'apt-get update && find /var/lib/apt/lists -type f',
    'apt-get update && rm -rf /var/lib/dpkg /tmp/*',
    'apt-get update && rm -rf var/lib/apt/lists',
    'apk add -X https://x/edge curl',
    'apk add curl && apk dist-clean',
  ];
  for (const run of left) assert.deepEqual(rulesOf(`RUN ${run}`), ['PackageListsLeft:2'], run);
});

test('what a later layer deletes is found wherever its path comes from', () => {
  const later: readonly (readonly [string, number])[] = [
    // From the working directory, and with arguments in the names.
    ['ADD https://x.org/n-1.tar.gz .\nRUN tar xf n-1.tar.gz && rm n-1.tar.gz', 3],
    ['ARG F=n-1 E=tar.gz\nADD https://x.org/${F}.${E} .\nRUN tar -xvf ${F}.${E} && rm ${F}.${E}', 4],
    ['ARG F=n-1\nCOPY $F.tar.gz /\nRUN tar -xf $F.tar.gz\nRUN rm -rf /$F', 5],
    ['WORKDIR /src\nCOPY a.tgz ./\nRUN rm a.tgz', 4],
    ['WORKDIR /src\nWORKDIR sub\nCOPY a.tgz b\nRUN rm /src/sub/b', 5],
    ['ENV DIR=/opt/x\nCOPY a $DIR/a\nRUN cd $DIR && rm a', 4],
    ['COPY a.tar /tmp/a.tar\nRUN cd /tmp && tar xf a.tar && rm -f *.tar', 3],
    // Folders that were made, downloaded, cloned or unpacked.
    ['RUN mkdir /b && cd /b && make\nRUN rm -rf /b', 3],
    ['RUN mkdir -p -m 700 /b\nRUN cd /b && make\nRUN rm -rf /b', 4],
    ['RUN git clone --depth 1 https://x/y.git\nRUN rm -rf /y', 3],
    ['RUN git clone -b v1 https://x/y.git /src/y\nRUN rm -rf /src', 3],
    ['RUN wget https://x/a.zip\nRUN rm a.zip', 3],
    ['RUN curl -fsSLO https://x/a.zip?b=1\nRUN rm /a.zip', 3],
    ['RUN curl -s https://x/n-1.tar.gz | tar xz -C /opt && tar xf /n-1.tar.gz -C /opt\nRUN rm -rf /opt/n-1', 3],
    ['RUN cp -r /usr/share/doc /docs\nRUN rm -r /docs/', 3],
  ];
  for (const [text, line] of later) assert.deepEqual(deleted(`FROM debian\n${text}\n`), [line], text);
  assert.deepEqual(deleted('ARG V=1\nFROM debian\nARG V\nADD https://x/n-$V.tgz /\nRUN rm /n-1.tgz\n'), [5]);
  assert.deepEqual(deleted('FROM debian AS base\nWORKDIR /w\nCOPY a b/\nFROM base\nRUN rm b/a\n'), [5]);
});

test('what was not there, or is gone already, is not deleted in a later layer', () => {
  const harmless = [
    'RUN mkdir /b\nRUN rm -rf /b',
    'RUN mkdir /b && cd /b && make && rm -rf /b\nRUN rm -rf /b',
    'RUN wget https://x/a.zip && rm a.zip\nRUN rm -f /a.zip',
    'WORKDIR /src\nCOPY a ./\nRUN rm -f /a',
    'COPY $UNKNOWN /x/\nRUN rm -rf $UNKNOWN',
    'COPY a /x/a\nRUN cd $SOMEWHERE && rm a',
    'COPY a.txt /x/\nRUN rm -f /x/*.tar /x/?.tx',
    'RUN rm -rf /nginx-1.22.1}',
  ];
  for (const text of harmless) assert.deepEqual(deleted(`FROM debian\n${text}\n`), [], text);
  assert.deepEqual(deleted('FROM debian\nCOPY a b /x/\nRUN rm /x/a\nRUN rm /x/b\nRUN rm -rf /x/a /x\n'), [3, 4]);
});

test('a build argument counts for the names of what is deleted', () => {
  const text = 'FROM debian\nARG F\nCOPY a.tar /$F\nRUN rm /b.tar\n';
  assert.equal(checkText(text, { rules: 'all', buildArgs: { F: 'b.tar' } }).warnings.length, 1);
  assert.equal(checkText(text, { rules: 'all', buildArgs: { F: 'c.tar' } }).warnings.length, 0);
});

test('a hostile pattern or a long file costs no time', () => {
  const stars = `${'*a'.repeat(2000)}b`;
  const copies = `COPY ${'a'.repeat(200)} /${'a'.repeat(200)}\n`.repeat(5000);
  assert.deepEqual(deleted(`FROM debian\n${copies}RUN rm /${stars}\n`), []);
});

test('error=true of a file counts for our own rules only where it names them', () => {
  const lists = 'FROM debian\nRUN apt-get update\n';
  const check = (directive: string) => {
    const { error, violations } = checkText(`# check=${directive}\n${lists}`, { rules: 'all' });
    return [error?.message, violations.map(({ rule }) => rule)];
  };
  assert.deepEqual(check('error=true'), [undefined, []]);
  assert.deepEqual(check('error=true;experimental=all'), [undefined, []]);
  assert.deepEqual(check('error=true;experimental=PackageListsLeft'), [
    'lint violation found for rules: PackageListsLeft',
    ['PackageListsLeft'],
  ]);
  const both = checkText(`# check=error=true\n${lists}MAINTAINER me\n`, { rules: 'all' });
  assert.equal(both.error?.message, 'lint violation found for rules: MaintainerDeprecated');
  assert.equal(both.warnings.length, 2);
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
