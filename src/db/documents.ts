import { StrataError } from '../errors/index.ts';

/** Most bytes of what is kept as one document of a row: it is read and written as a whole, on the main loop. */
export const documentLimit = 1024 * 1024;

/** The document's text; `invalid_argument` where it is larger than {@link documentLimit}. `what` begins the message. */
export function documentText(what: string, document: unknown): string {
  const text = JSON.stringify(document);
  const bytes = Buffer.byteLength(text);
  if (bytes <= documentLimit) return text;
  const biggest = largestPart(document);
  throw new StrataError(
    'invalid_argument',
    `${what} is too large: ${bytes} bytes, at most ${documentLimit} are taken${biggest}`,
    { code: 'document_too_large', hint: 'keep large data in files, and mount them' },
  );
}

function largestPart(document: unknown): string {
  const sizes = Object.entries(flat(document)).map(([name, value]) => ({ name, bytes: JSON.stringify(value).length }));
  const [largest] = sizes.sort((a, b) => b.bytes - a.bytes);
  return largest ? ` (${largest.name} alone: ${largest.bytes})` : '';
}

/** The parts of the parts: who reads of them knows them by these names. */
function flat(document: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(document ?? {})) {
    if (value === undefined) continue;
    out[name] = value;
    const isGroup = ['config', 'host'].includes(name) && typeof value === 'object';
    if (!isGroup) continue;
    delete out[name];
    for (const [inner, part] of Object.entries(value ?? {})) if (part !== undefined) out[inner] = part;
  }
  return out;
}
