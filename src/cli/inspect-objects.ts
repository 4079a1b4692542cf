import { StrataError, toStrataError } from '../errors/index.ts';
import { omittedField, readInspected } from './format/inspected.ts';
import { indentJson } from './format/json-text.ts';
import { compile, guarded } from './format/listing.ts';
import { errorText } from './report-error.ts';
import type { Session } from './session.ts';

/**
 * Prints objects as an `inspect` does: all of them as one JSON list, or each through a template. What cannot be found
 * is told after what was. Gives the exit code.
 */
export async function inspectObjects(
  names: readonly string[],
  format: string,
  session: Session,
  fetch: (name: string) => Promise<string>,
): Promise<number> {
  const print = format === '' || format === 'json' ? undefined : templatePrinter(format);
  const found: string[] = [];
  const errors: string[] = [];
  for (const name of names) {
    try {
      const json = await fetch(name);
      found.push(print ? print(json) : json.trim());
    } catch (error) {
      if (toStrataError(error).code === 'no_daemon') throw error;
      errors.push(errorText(error));
    }
  }
  session.stdout.write(print ? found.join('') || '\n' : listText(found, format));
  if (errors.length > 0) session.stderr.write(`${errors.join('\n')}\n`);
  return errors.length > 0 ? 1 : 0;
}

function listText(documents: readonly string[], format: string): string {
  if (format === 'json') return `[${documents.join(',')}]\n`;
  return `${indentJson(`[${documents.join(',')}]`, '    ')}\n`;
}

/** A template that cannot be read ends the command with 64, as it does in docker. */
function templatePrinter(format: string): (json: string) => string {
  let template: ReturnType<typeof compile>;
  try {
    template = compile(format);
  } catch (cause) {
    throw new StrataError('invalid_argument', (cause as Error).message, { code: 'bad_template', cause, exitCode: 64 });
  }
  return (json) => guarded(() => `${template.render(readInspected(json), { omitted: omittedField })}\n`);
}
