import { spawn } from 'node:child_process';
import { StrataError } from '../errors/index.ts';
import type { Credentials } from '../registry/index.ts';

/** What is asked of a `docker-credential-<name>` program: https://github.com/docker/docker-credential-helpers "Development". */
type Verb = 'get' | 'store' | 'erase' | 'list';

/** User name under which helpers keep identity tokens. */
const tokenUser = '<token>';
const limits = { output: 1024 * 1024, milliseconds: 60_000 } as const;

/** Undefined when the helper has none. */
export async function helperGet(
  name: string,
  server: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const { code, output } = await runHelper(name, 'get', server, env);
  if (code !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw helperError(name, 'get', output);
  }
  const { Username: username, Secret: secret } = parse(name, output) as { Username?: unknown; Secret?: unknown };
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw helperError(name, 'get', 'no user name and secret');
  if (username === tokenUser) return { identitytoken: secret };
  return username === '' && secret === '' ? undefined : { username, password: secret };
}

export async function helperStore(
  name: string,
  server: string,
  auth: Credentials,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { username = '', password = '', identitytoken } = auth;
  const entry = {
    ServerURL: server,
    Username: identitytoken ? tokenUser : username,
    Secret: identitytoken || password,
  };
  const { code, output } = await runHelper(name, 'store', JSON.stringify(entry), env);
  if (code !== 0) throw helperError(name, 'store', output);
}

export async function helperErase(name: string, server: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { code, output } = await runHelper(name, 'erase', server, env);
  if (code !== 0 && !/credentials not found/i.test(output)) throw helperError(name, 'erase', output);
}

/** Servers that the helper keeps credentials for. */
export async function helperList(name: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { code, output } = await runHelper(name, 'list', 'unused', env);
  if (code !== 0) throw helperError(name, 'list', output);
  return Object.keys(parse(name, output));
}

function parse(name: string, output: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(output);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Answered below; the words themselves may be a secret.
  }
  throw helperError(name, 'get', 'its answer is no JSON');
}

function helperError(name: string, verb: Verb, output: string): StrataError {
  const words = output
    .trim()
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .slice(0, 500);
  return new StrataError(
    'failed_precondition',
    `error ${verb === 'get' ? 'getting' : `on ${verb} of`} credentials - docker-credential-${name}: ${words || 'it failed'}`,
    {
      code: 'credential_helper',
    },
  );
}

async function runHelper(
  name: string,
  verb: Verb,
  input: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly output: string }> {
  // The name becomes a program's: no way out of $PATH.
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    throw new StrataError('invalid_argument', `${JSON.stringify(name)} is no name of a credential helper`);
  }
  const program = `docker-credential-${name}`;
  const child = spawn(program, [verb], { env, stdio: ['pipe', 'pipe', 'ignore'], timeout: limits.milliseconds });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limits.output) chunks.push(chunk);
    else child.kill('SIGKILL');
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new StrataError(
          'failed_precondition',
          `error getting credentials - err: exec: "${program}": ${cause.code === 'ENOENT' ? 'executable file not found in $PATH' : cause.message}`,
          {
            code: 'credential_helper',
            hint: 'install the helper, or take it out of credsStore and credHelpers in the configuration file',
            cause,
          },
        ),
      ),
    );
    child.once('close', (status) => resolve(status ?? 1));
  });
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}
