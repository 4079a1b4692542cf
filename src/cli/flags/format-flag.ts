import { type Flag, text } from './flag.ts';

const link = 'Refer to https://docs.docker.com/go/formatting/ for the language of templates';
const json = `'json':             Print in JSON format`;
const template = `'TEMPLATE':         Print output using the given Go template`;
const table = `'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template`;

/** `--format` of a listing. */
export const listFormat: Flag<string> = text(
  '',
  `Format output using a template:\n${table}\n${json}\n${template}\n${link}`,
);

/** `--format` of what is no table. */
export function plainFormat(short: '' | 'f'): Flag<string> {
  return text(short, `Format output using a template:\n${json}\n${template}\n${link}`);
}
