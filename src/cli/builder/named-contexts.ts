import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NamedContext } from '../../wire/index.ts';
import { isAddress, sourceOf } from './context.ts';
import { fault } from './fault.ts';

/** Reads `--build-context name=value`. */
export function readNamedContexts(specs: readonly string[], cwd: string): Record<string, NamedContext> {
  return Object.fromEntries(
    specs.map((spec) => {
      const at = spec.indexOf('=');
      if (at <= 0) throw fault(`invalid context value: ${spec}, expected key=value`);
      const [name, value] = [spec.slice(0, at), spec.slice(at + 1)];
      return [name, contextOf(name, value, cwd)];
    }),
  );
}

function contextOf(name: string, value: string, cwd: string): NamedContext {
  const [, scheme, rest = ''] = /^(docker-image|oci-layout|target):(?:\/\/)?(.*)$/.exec(value) ?? [];
  switch (scheme) {
    case 'docker-image':
      return { kind: 'image', name: rest };
    case 'target':
      return { kind: 'target', name: rest };
    case 'oci-layout': {
      const [, dir = rest, reference] = /^(.*?)(?:[:@]([^/]+))?$/.exec(rest) ?? [];
      return { kind: 'oci-layout', dir: resolve(cwd, dir), ...(reference !== undefined && { reference }) };
    }
    default:
      if (!isAddress(value) && !existsSync(resolve(cwd, value)))
        throw fault(`failed to get build context ${name}: stat ${value}: no such file or directory`);
      return sourceOf(value, cwd);
  }
}
