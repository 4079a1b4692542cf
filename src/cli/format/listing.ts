import { StrataError } from '../../errors/index.ts';
import { alignColumns } from './columns.ts';
import { TemplateError } from './template/ast.ts';
import { compileTemplate, type Template } from './template/template.ts';
import { goType } from './template/values.ts';

/** How a kind of object is listed. */
export interface ListingKind<Row> {
  /** Go's name of a row's type, for messages: `*formatter.imageContext`. */
  readonly type: string;
  /** Headings by the name of the field, for tables. A field without a heading shows its own name. */
  readonly headings: Readonly<Record<string, string>>;
  /** Every field that a template can name. */
  fields(row: Row): Readonly<Record<string, () => unknown>>;
}

/** The text of a listing in the user's `format`; `standard` is the table where none was asked for. */
export function renderListing<Row>(
  kind: ListingKind<Row>,
  rows: readonly Row[],
  format: string,
  standard: string,
): string {
  const { table, source } = readFormat(format, standard);
  const template = compile(source);
  const lines = rows.map((row) => guarded(() => template.render(rowOf(kind, row))));
  if (!table) return lines.map((line) => `${line}\n`).join('');
  const header = guarded(() => template.renderHeader(headerOf(kind)));
  return alignColumns([header, ...lines].map((line) => `${line}\n`).join(''), { minWidth: 10, padding: 3 });
}

/** What a `--format` means: whether it is a table, and the template of a row. */
export function readFormat(format: string, standard: string): { readonly table: boolean; readonly source: string } {
  const given = format === '' || format === 'table' ? standard : format;
  if (given === 'json') return { table: false, source: '{{json .}}' };
  const table = given.startsWith('table');
  const source = (table ? given.slice('table'.length) : given).replace(/^ +| +$/g, '');
  return { table, source: source.replaceAll('\\t', '\t').replaceAll('\\n', '\n') };
}

export function compile(source: string): Template {
  return guarded(() => compileTemplate(source));
}

/** A failing template is the user's mistake. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    throw new StrataError('invalid_argument', `template parsing error: ${cause.message}`, {
      code: 'bad_template',
      cause,
    });
  }
}

/** Fields in the order of their names, which is how `{{json .}}` prints them. */
export function rowOf<Row>(kind: ListingKind<Row>, row: Row): object {
  const fields = kind.fields(row);
  const out = { [goType]: kind.type };
  // A field is worked out only where the template names it.
  for (const name of Object.keys(fields).sort()) {
    Object.defineProperty(out, name, { enumerable: true, get: fields[name]! });
  }
  return out;
}

/** Labels have no heading of their own: the last word of the label's name is one. */
function headerOf<Row>(kind: ListingKind<Row>): object {
  const label = (name: string) => name.split('.').at(-1)!.replace(/[-_]/g, ' ');
  return { ...kind.headings, Label: label };
}
