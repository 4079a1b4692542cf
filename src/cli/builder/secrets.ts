import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildRequest } from '../../wire/index.ts';
import { csvFields } from '../flags/csv.ts';
import type { Session } from '../session.ts';
import { fault } from './fault.ts';

/** Most bytes of one secret: BuildKit's bound. */
const maxSecret = 500 * 1024;

/** Reads `--secret id=…,src=…` or `…,env=…`; without either, the variable or else the file of that name. */
export function readSecrets(specs: readonly string[], session: Session): NonNullable<BuildRequest['secrets']> {
  return specs.map((spec) => {
    const { id, src, env } = fieldsOf(spec);
    if (id === '') throw fault(`invalid secret ${JSON.stringify(spec)}: id is required`);
    const variable = env || (src === '' && session.env[id] !== undefined ? id : '');
    const value = variable !== '' ? readVariable(variable, session) : readSecretFile(src || id, session);
    if (value.length > maxSecret) throw fault(`secret ${id} is larger than ${maxSecret} bytes`);
    return { id, value: value.toString('base64') };
  });
}

function fieldsOf(spec: string): { id: string; src: string; env: string } {
  const out = { id: '', src: '', env: '' };
  let type = '';
  for (const field of csvFields(spec)) {
    const at = field.indexOf('=');
    if (at === -1) throw fault(`invalid field '${field}' must be a key=value pair`);
    const [key, value] = [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    switch (key) {
      case 'id':
        out.id = value;
        break;
      case 'source':
      case 'src':
        out.src = value;
        break;
      case 'env':
        out.env = value;
        break;
      case 'type':
        if (value !== 'file' && value !== 'env') throw fault(`unsupported secret type ${JSON.stringify(value)}`);
        type = value;
        break;
      default:
        throw fault(`unexpected key '${key}' in '${field}'`);
    }
  }
  return type === 'env' && out.env === '' ? { ...out, env: out.src, src: '' } : out;
}

function readVariable(name: string, { env }: Session): Buffer {
  return Buffer.from(env[name] ?? '');
}

function readSecretFile(path: string, { cwd }: Session): Buffer {
  const file = resolve(cwd, path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw fault(`failed to stat ${path}: stat ${path}: no such file or directory`);
  if (found.isDirectory()) throw fault(`secret file ${path} is a directory`);
  if (found.size > maxSecret) throw fault(`secret ${path} is larger than ${maxSecret} bytes`);
  return readFileSync(file);
}

/** Reads `--ssh default` and `--ssh id=socket|key[,key]`. */
export function readSsh(specs: readonly string[], { env, cwd }: Session): NonNullable<BuildRequest['ssh']> {
  return specs.map((spec) => {
    const at = spec.indexOf('=');
    const id = at === -1 ? spec : spec.slice(0, at);
    const paths =
      at === -1
        ? []
        : spec
            .slice(at + 1)
            .split(',')
            .map((path) => resolve(cwd, path));
    if (paths.length === 0) {
      const socket = env['SSH_AUTH_SOCK'];
      if (!socket) throw fault('invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set');
      return { id, socket };
    }
    const kinds = paths.map((path) => statSync(path, { throwIfNoEntry: false }));
    const absent = paths[kinds.indexOf(undefined)];
    if (absent !== undefined) throw fault(`failed to open ${absent}: no such file or directory`);
    if (kinds.some((kind) => kind!.isSocket())) {
      if (paths.length > 1) throw fault('only single socket allowed');
      return { id, socket: paths[0]! };
    }
    return { id, keyFiles: paths };
  });
}
