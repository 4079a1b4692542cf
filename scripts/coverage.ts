/** The tables of docs/coverage, and docs/COVERAGE.md, which is made of them: `node scripts/coverage.ts` writes it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const docs = join(dirname(import.meta.dirname), 'docs');
export const page: string = join(docs, 'COVERAGE.md');

/** `warned`: done without it, and the user is told. `meaningless`: it cannot make a difference here; the note says why. */
export type State = 'honoured' | 'refused' | 'warned' | 'meaningless';

export interface FlagRow {
  /** Words of the command; `-` for options before it. */
  readonly command: string;
  readonly option: string;
  readonly short: string;
  readonly value: string;
  readonly state: State;
  readonly note: string;
}

export interface ApiRow {
  readonly method: string;
  readonly path: string;
  /** `endpoint`, `query`, `header` or `body`. */
  readonly in: string;
  readonly name: string;
  readonly type: string;
  readonly state: State;
  readonly note: string;
}

export const flagRows = (): readonly FlagRow[] => readTable('flags.tsv') as unknown as FlagRow[];
export const apiRows = (): readonly ApiRow[] => readTable('api.tsv') as unknown as ApiRow[];

function readTable(name: string): readonly Readonly<Record<string, string>>[] {
  const [head = '', ...lines] = readFileSync(join(docs, 'coverage', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const names = head.split('\t');
  return lines.map((line) => Object.fromEntries(line.split('\t').map((text, i) => [names[i]!, text])));
}

export function coveragePage(): string {
  const flags = flagRows();
  const api = apiRows();
  return `# What becomes of Docker's options

Made by \`node scripts/coverage.ts\` from the tables [flags.tsv](coverage/flags.tsv) (every option of the docker client 28.5 and
buildx 0.29) and [api.tsv](coverage/api.tsv) (every endpoint, parameter and field of the Engine API 1.51). Each is *honoured*,
*refused* with a sentence, *warned* of, or *meaningless* here, with the reason. \`src/cli/coverage.test.ts\` and
\`e2e/api/coverage.test.ts\` send them.

| | honoured | refused | warned | meaningless |
| --- | --- | --- | --- | --- |
| options of the client | ${counts(flags)} |
| the API | ${counts(api)} |

## Options of the client that are not honoured

${list(
  flags,
  (row) => `\`${row.command === '-' ? '' : `${row.command} `}--${row.option}\``,
  ({ command }) => command.split(' ', 1)[0]!,
)}

## Parts of the API that are not honoured

${list(
  api,
  (row) => (row.in === 'endpoint' ? `\`${row.method} ${row.path}\`` : `\`${row.name}\` of ${row.method} ${row.path}`),
  ({ path }) => path.split('/')[1]!,
)}
`;
}

const states: readonly State[] = ['honoured', 'refused', 'warned', 'meaningless'];

function counts(rows: readonly { readonly state: State }[]): string {
  return states.map((state) => rows.filter((row) => row.state === state).length).join(' | ');
}

/** What is alike and has one reason in one row. */
function list<R extends FlagRow | ApiRow>(
  rows: readonly R[],
  name: (row: R) => string,
  group: (row: R) => string,
): string {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    if (row.state === 'honoured') continue;
    const key = [row.state, row.note, group(row)].join('\t');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const body = [...groups.values()].map((same) => {
    const [first] = same as [R, ...R[]];
    const shown = same.length > 12 ? [...same.slice(0, 11).map(name), `and ${same.length - 11} more`] : same.map(name);
    return `| ${shown.join(', ')} | ${first.state} | ${first.note === '-' ? '' : first.note} |`;
  });
  return ['| what | state | why |', '| --- | --- | --- |', ...body].join('\n');
}

if (import.meta.main) writeFileSync(page, coveragePage());
