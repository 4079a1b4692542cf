import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createIgnore } from '../ignore.ts';
import { type RuleName, ruleset } from './rules.ts';
import { checkText } from './run.ts';

const folder = join(import.meta.dirname, '../../../docs/rules');

interface Page {
  readonly file: string;
  readonly text: string;
  readonly rule: RuleName;
}

const pages: readonly Page[] = readdirSync(folder)
  .filter((file) => file !== 'README.md')
  .map((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return { file, text, rule: /^# (\w+)/.exec(text)![1] as RuleName };
  });

function fence(page: Page, heading: 'Bad' | 'Good'): string {
  const match = new RegExp(`## ${heading}\\n\\n\`\`\`dockerfile[^\\n]*\\n([\\s\\S]*?)\`\`\``).exec(page.text);
  assert.ok(match, `${page.file} has no example under ${heading}`);
  return match[1]!;
}

/** The rules that an example breaks. Only one page is about what a base image turns out to be. */
function findings(page: Page, heading: 'Bad' | 'Good'): RuleName[] {
  const ignored = /```dockerignore\n([\s\S]*?)```/.exec(page.text)?.[1];
  const architecture = page.rule === 'InvalidBaseImagePlatform' && heading === 'Bad' ? 'arm64' : 'amd64';
  const report = checkText(fence(page, heading), {
    rules: 'all',
    imageConfig: () => ({ os: 'linux', architecture }),
    ...(ignored === undefined ? {} : { ignore: createIgnore(ignored) }),
  });
  if (page.rule !== 'InvalidDefaultArgInFrom') assert.equal(report.error, undefined, page.file);
  return report.warnings.map((warning) => warning.rule as RuleName);
}

test('every rule has a page, in the name of its address, and every page a rule', () => {
  assert.deepEqual(pages.map((page) => page.rule).sort(), Object.keys(ruleset).sort());
  for (const { file, rule } of pages) {
    const { url } = ruleset[rule];
    if (url !== undefined) assert.equal(`${url.split('/').at(-2)}.md`, file);
  }
});

test('the index names every page', () => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const { file, rule } of pages) assert.ok(index.includes(`[${rule}](${file})`), file);
});

test('a bad example breaks its rule and no other', () => {
  for (const page of pages) assert.deepEqual([...new Set(findings(page, 'Bad'))], [page.rule], page.file);
});

test('a good example breaks no rule', () => {
  for (const page of pages) assert.deepEqual(findings(page, 'Good'), [], page.file);
});

test('rules of the reference have its addresses, our own have none', () => {
  for (const { name, origin, url } of Object.values(ruleset)) {
    if (origin === 'strata' || name === 'InvalidBaseImagePlatform') assert.equal(url, undefined);
    else assert.match(url!, /^https:\/\/docs\.docker\.com\/go\/dockerfile\/rule\/[a-z-]+\/$/);
  }
  assert.equal(ruleset.JSONArgsRecommended.url, 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/');
});
