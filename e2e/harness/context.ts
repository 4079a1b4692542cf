import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A build context below `parent` with these files; a value with a mode is `[text, mode]`. Returns its path. */
export function makeContext(
  parent: string,
  files: Readonly<Record<string, string | readonly [string, number]>>,
): string {
  const dir = mkdtempSync(join(parent, 'context-'));
  for (const [name, content] of Object.entries(files)) {
    const [text, mode] = typeof content === 'string' ? [content, 0o644] : content;
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
  }
  return dir;
}
