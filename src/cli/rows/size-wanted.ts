import { StrataError } from '../../errors/index.ts';
import type { ContainerSummary } from '../../wire/index.ts';
import { TemplateError } from '../format/template/ast.ts';
import { compileTemplate } from '../format/template/template.ts';
import { goType } from '../format/template/values.ts';
import { containerListing } from './containers.ts';

const empty: ContainerSummary = {
  Id: '',
  Names: [],
  Image: '',
  ImageID: '',
  Command: '',
  Created: 0,
  Ports: [],
  Labels: {},
  State: '',
  Status: '',
  Mounts: [],
};

/**
 * Whether a `--format` shows the size of containers, which takes long to find out and is asked for only then. As docker
 * does it: the template is tried on a container about which nothing is known; so this is also where a wrong one is told.
 */
export function isSizeWanted(format: string): boolean {
  if (format === '') return false;
  let wanted = false;
  const row: Record<PropertyKey, unknown> = { [goType]: containerListing(true).type };
  for (const [name, value] of Object.entries(containerListing(true).fields(empty))) {
    Object.defineProperty(row, name, {
      enumerable: true,
      get() {
        if (name === 'Size') wanted = true;
        return value();
      },
    });
  }
  const template = told('failed to parse template', () => compileTemplate(format));
  told('failed to execute template', () => template.render(row));
  return wanted;
}

function told<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    throw new StrataError('invalid_argument', `${what}: ${cause.message}`, { code: 'bad_template', cause });
  }
}
