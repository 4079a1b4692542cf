import { type Dockerfile, expandInstruction } from '../../dockerfile/index.ts';
import { at } from './locate.ts';
import type { Scope } from './scope.ts';

/** Adds the ARGs in front of the first FROM to `scope`: a given value, else the default, which sees those before it. */
export function readGlobals(dockerfile: Dockerfile, scope: Scope, given: Readonly<Record<string, string>>): Scope {
  const { escape } = dockerfile.directives;
  for (const instruction of dockerfile.metaArgs) {
    at(dockerfile, instruction.location, () => {
      const isGiven = (name: string) => given[name] !== undefined;
      const expanded = expandInstruction(instruction, scope.lookup, { escape, isGiven });
      if (expanded.kind !== 'arg') return;
      for (const { key, value } of expanded.args) {
        const known = given[key] ?? value;
        if (known !== undefined) scope.set(key, known);
      }
    });
  }
  return scope;
}
