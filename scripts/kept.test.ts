import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { kept, type Thing } from './kept.ts';

const previous = process.env['STRATA_CACHE'];
let cache: string;
before(() => {
  cache = mkdtempSync(join(tmpdir(), 'strata-kept-'));
  process.env['STRATA_CACHE'] = cache;
});
after(() => {
  if (previous === undefined) delete process.env['STRATA_CACHE'];
  else process.env['STRATA_CACHE'] = previous;
  rmSync(cache, { recursive: true });
});

function thing(name: string, recipe: unknown, made: string[]): Thing {
  return {
    name,
    what: name,
    recipe,
    make(folder) {
      made.push(name);
      writeFileSync(join(folder, 'file'), JSON.stringify(recipe));
    },
  };
}

test('a thing is made once, and anew where its recipe is another', () => {
  const made: string[] = [];
  const mask = process.umask(0o077);
  const first = kept(thing('a/thing', 1, made));
  process.umask(mask);
  assert.equal(statSync(first).mode & 0o777, 0o755);
  assert.equal(kept(thing('a/thing', 1, made)), first);
  assert.equal(made.length, 1);
  const second = kept(thing('a/thing', 2, made));
  assert.notEqual(second, first);
  assert.equal(readFileSync(join(second, 'file'), 'utf8'), '2');
  assert.equal(readFileSync(join(first, 'file'), 'utf8'), '1');
});

test('what could not be made leaves nothing behind, and is tried again', () => {
  const failing: Thing = {
    name: 'b/failing',
    what: 'it',
    recipe: 0,
    make() {
      throw new Error('the mirror is away');
    },
  };
  assert.throws(() => kept(failing), /the mirror is away/);
  assert.throws(() => kept(failing), /the mirror is away/);
  assert.deepEqual(
    readdirSync(join(cache, 'b')).filter((name) => !name.endsWith('.lock')),
    [],
  );
});

test('of several processes that want it at the same moment one makes it, and the others wait', async () => {
  const log = join(cache, 'log');
  mkdirSync(join(cache, 'c'));
  const script = `
    import { appendFileSync, writeFileSync } from 'node:fs';
    import { kept } from ${JSON.stringify(join(import.meta.dirname, 'kept.ts'))};
    const folder = kept({ name: 'c/slow', what: 'it', recipe: 0, make(into) {
      appendFileSync(${JSON.stringify(log)}, 'made\\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      writeFileSync(into + '/whole', '');
    }});
    process.stdout.write(folder);`;
  const folders = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      for await (const chunk of child.stdout.setEncoding('utf8')) out += chunk;
      return out;
    }),
  );
  assert.equal(new Set(folders).size, 1);
  assert.deepEqual(readdirSync(folders[0]!), ['whole']);
  assert.equal(readFileSync(log, 'utf8'), 'made\n');
});
