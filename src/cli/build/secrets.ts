import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildRequest } from '../../build/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Session } from '../session.ts';
import { csvFields } from './key-values.ts';

/** As BuildKit: a secret has at most 500 kB. */
const limit = 500 * 1024;

/** `--secret id=…,src=…|env=…`: the values are read here and travel in the request alone. */
export function readSecret(text: string, session: Session): NonNullable<BuildRequest['secrets']>[number] {
  const { id, src, source, env, type, ...unknown } = csvFields(text, 'secret');
  const other = Object.keys(unknown)[0];
  if (other !== undefined) throw new StrataError('invalid_argument', `unexpected key '${other}' in '${text}'`);
  const file =
    src ??
    source ??
    (type === 'env'
      ? undefined
      : env === undefined && id !== undefined && session.env[id] === undefined
        ? id
        : undefined);
  const name = id ?? (env === undefined ? undefined : env);
  if (name === undefined || name === '')
    throw new StrataError('invalid_argument', `invalid value ${JSON.stringify(text)} for --secret: id is missing`, {
      hint: 'id=NAME,src=FILE or id=NAME,env=VARIABLE',
    });
  if (
    env !== undefined ||
    (type === 'env' && file === undefined) ||
    (file === undefined && session.env[name] !== undefined)
  ) {
    const variable = type === 'env' && src !== undefined ? src : (env ?? name);
    const value = session.env[variable];
    if (value === undefined)
      throw new StrataError('not_found', `secret ${name}: the environment variable ${variable} is not set`);
    return { id: name, value: Buffer.from(value).toString('base64') };
  }
  const path = resolve(session.cwd, file ?? name);
  if (!existsSync(path))
    throw new StrataError('not_found', `failed to stat ${path}: no such file or directory`, {
      hint: `check the src of --secret ${text}`,
    });
  if (statSync(path).size > limit)
    throw new StrataError('invalid_argument', `secret ${name} is larger than ${limit} bytes`);
  return { id: name, value: readFileSync(path).toString('base64') };
}

/** `--ssh default|id[=socket|key,key…]`. */
export function readSsh(text: string, session: Session): NonNullable<BuildRequest['ssh']>[number] {
  const at = text.indexOf('=');
  const id = (at < 0 ? text : text.slice(0, at)) || 'default';
  const paths =
    at < 0
      ? []
      : text
          .slice(at + 1)
          .split(',')
          .map((path) => resolve(session.cwd, path));
  if (paths.length === 0) {
    const socket = session.env['SSH_AUTH_SOCK'];
    if (!socket)
      throw new StrataError('failed_precondition', `invalid empty ssh agent socket: SSH_AUTH_SOCK is not set`, {
        hint: 'start an agent, or name a key: --ssh default=KEYFILE',
      });
    return { id, socket };
  }
  const first = statSync(paths[0]!, { throwIfNoEntry: false });
  if (!first) throw new StrataError('not_found', `${paths[0]}: no such file or directory`);
  return first.isSocket() ? { id, socket: paths[0]! } : { id, keyFiles: paths };
}
