import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const module = new URL('./last-resort.ts', import.meta.url).href;

async function run(script: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const text = `import { surviveErrors } from ${JSON.stringify(module)};
surviveErrors((line) => console.error(line.split('\\n')[0]), () => process.exit(3));
${script}`;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', text], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('what a timer, a socket or a promise throws is told, and the process goes on', async () => {
  const { code, stderr } = await run(
    `import { createServer } from 'node:net';
setTimeout(() => { throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' }); }, 1);
createServer().emit('error', new Error('accept'));
void Promise.reject(new Error('nobody waits'));
setTimeout(() => process.exit(7), 50);`
      .replace('createServer().emit', 'setTimeout(() => createServer().emit')
      .replace("new Error('accept'));", "new Error('accept')), 2);"),
  );
  assert.equal(code, 7, stderr);
  assert.match(stderr, /nobody caught: Error: EMFILE/);
  assert.match(stderr, /nobody caught: Error: accept/);
  assert.match(stderr, /nobody waited for: Error: nobody waits/);
});

test('errors that do not cease end it in order', async () => {
  assert.equal((await run("setInterval(() => { throw new Error('again'); }, 1);")).code, 3);
});
