/**
 * The classic view of a build, as the texts about images print it: compared with what Docker 28.5 prints without BuildKit,
 * and every id in it is an image that can be run.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine.stop());

const dockerfile = `ARG BASE=busybox
FROM \${BASE} AS one
ARG NAME=world
ENV  GREETING="hello $NAME"
RUN echo $GREETING && \\
    echo done
EXPOSE 80
WORKDIR /app
COPY Dockerfile ./$NAME
USER 1000
LABEL a=b   c="$NAME"
CMD ["nginx", "-g", "daemon off;"]
`;

/** As Docker prints it, with ID for what differs from build to build. */
const firstTime = `Sending build context to Docker daemon  2.048kB
Step 1/11 : ARG BASE=busybox
Step 2/11 : FROM \${BASE} AS one
 ---> ID
Step 3/11 : ARG NAME=world
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 4/11 : ENV  GREETING="hello $NAME"
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 5/11 : RUN echo $GREETING &&     echo done
 ---> Running in ID
hello world
done
 ---> Removed intermediate container ID
 ---> ID
Step 6/11 : EXPOSE 80
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 7/11 : WORKDIR /app
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 8/11 : COPY Dockerfile ./$NAME
 ---> ID
Step 9/11 : USER 1000
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 10/11 : LABEL a=b   c="$NAME"
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 11/11 : CMD ["nginx", "-g", "daemon off;"]
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Successfully built ID
Successfully tagged classic:latest
`;

function folder(name: string, text: string): string {
  const path = join(engine.work, name);
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), text);
  return path;
}

const masked = (text: string) =>
  text
    .replaceAll('\r', '')
    .replace(/\n\n/, '\n')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'ID');
const imagesIn = (text: string) => [...text.matchAll(/^ ---> ([0-9a-f]{12})$/gm)].map((match) => match[1]!);

test('a build is told step by step, with images that are there', async () => {
  const context = folder('classic', dockerfile);
  const build = (...more: string[]) =>
    engine.strata(['build', '--progress=classic', '-t', 'classic', ...more, context]);
  const { stdout } = await build();
  assert.equal(masked(stdout), firstTime);
  const ids = imagesIn(stdout);
  assert.equal(ids.length, 10);
  const last = ids.at(-1)!;
  assert.ok(stdout.includes(`\nSuccessfully built ${last}\n`));
  const listed = await engine.strata(['image', 'ls', 'classic', '--format', '{{.ID}}']);
  assert.equal(listed.stdout, `${last}\n`);
  // The image of the step that made the greeting knows it, and the one before does not.
  const greeted = await engine.strata(['run', '--rm', ids[2]!, 'sh', '-c', 'echo "$GREETING"; ls -d /app; true']);
  assert.match(greeted.output, /hello world\n.*\/app: No such file/s);
  assert.equal((await engine.strata(['run', '--rm', ids[1]!, 'sh', '-c', 'echo "[$GREETING]"'])).stdout, '[]\n');

  const again = await build();
  assert.deepEqual(imagesIn(again.stdout), ids);
  assert.equal(again.stdout.match(/ ---> Using cache\n/g)?.length, 9);
  assert.doesNotMatch(again.stdout, /Running in|Removed/);

  // Steps do not stand in a list unless all images are asked for; each is the parent of the next.
  const shown = await engine.strata(['image', 'ls', '-q']);
  assert.deepEqual(new Set(shown.stdout.trim().split('\n')), new Set([last, ids[0]]));
  const parent = await engine.strata(['inspect', '-f', '{{.Parent}}', last]);
  assert.equal(parent.stdout.slice('sha256:'.length).slice(0, 12), ids.at(-2));

  const fresh = await build('--no-cache');
  assert.doesNotMatch(fresh.stdout, /Using cache/);
  assert.equal(masked(fresh.stdout), firstTime);

  const removed = await engine.strata(['rmi', 'classic']);
  const gone = imagesIn(fresh.stdout).slice(1).reverse();
  const deleted = [...removed.stdout.matchAll(/^Deleted: sha256:([0-9a-f]{12})/gm)].map((match) => match[1]!);
  assert.deepEqual(
    deleted.filter((id) => gone.includes(id)),
    // Steps before the first new layer are those of the first build, whose image has no name now but still needs them.
    gone.filter((id) => !ids.includes(id)),
  );
});

test('the docker client without BuildKit shows the same', async () => {
  const context = folder('client', dockerfile.replace('done', 'client').replace('=world', '=client'));
  const { stdout } = await engine.docker(['build', '-t', 'classic', context]);
  assert.equal(masked(stdout), firstTime.replaceAll('done', 'client').replaceAll('world', 'client'));
});

test('triggers, an empty base, other stages and a failure are told as Docker tells them', async () => {
  const build = (context: string, tag: string) =>
    engine.strata(['build', '--progress=classic', '-t', tag, context], { accept: 'any' });
  await build(folder('base', 'FROM busybox\nONBUILD RUN echo hi\nONBUILD ENV X=y\n'), 'triggers');
  const triggered = await build(folder('triggered', 'FROM triggers\nRUN echo yo\n'), 'triggered');
  assert.equal(
    masked(triggered.stdout),
    `Sending build context to Docker daemon  2.048kB
Step 1/2 : FROM triggers
# Executing 2 build triggers
 ---> Running in ID
hi
 ---> Removed intermediate container ID
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> ID
Step 2/2 : RUN echo yo
 ---> Running in ID
yo
 ---> Removed intermediate container ID
 ---> ID
Successfully built ID
Successfully tagged triggered:latest
`,
  );
  const empty = await build(folder('empty', 'FROM scratch\nCOPY Dockerfile /\n'), 'empty');
  assert.match(
    empty.stdout,
    /^Step 1\/2 : FROM scratch\n ---> \nStep 2\/2 : COPY Dockerfile \/\n ---> [0-9a-f]{12}\nSucc/m,
  );
  const failed = await build(
    folder('failed', 'FROM busybox AS a\nRUN echo 1 > /x\nFROM a\nRUN cat /x && exit 3\n'),
    'failed',
  );
  const [base, made, same, ...rest] = imagesIn(failed.stdout);
  assert.ok(base && made && made !== base);
  assert.equal(same, made);
  assert.deepEqual(rest, []);
  assert.match(failed.stdout, /Step 4\/4 : RUN cat \/x && exit 3\n ---> Running in [0-9a-f]{12}\n1\n$/);
  // What was made before the failure is there to look at.
  assert.equal((await engine.strata(['run', '--rm', made, 'cat', '/x'])).stdout, '1\n');
});
