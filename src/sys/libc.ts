/**
 * The one place where the C library is called. Everything is bound on first use: a process that never mounts never
 * loads the native module.
 */
import koffi from 'koffi';
import { kernelPath, type SysPath } from './file-name.ts';

type Argument = number | bigint | string | Uint8Array | null;
type Signature = 'int' | 'uint' | 'long' | 'int64' | 'uint64' | 'size_t' | 'pointer' | 'path';

const cTypes: Readonly<Record<Signature, string>> = {
  int: 'int',
  uint: 'uint',
  long: 'long',
  int64: 'int64_t',
  uint64: 'uint64_t',
  size_t: 'size_t',
  pointer: 'void *',
  path: 'const char *',
};

/**
 * Binds a C function of the process itself (which has libc in it, whichever libc that is). Results are numbers; on
 * failure ask {@link lastErrno} before anything else. A `path` argument is text or NUL-terminated bytes.
 */
export function native(
  name: string,
  result: Signature,
  parameters: readonly Signature[],
): (...args: Argument[]) => number {
  let bound: ((...args: Argument[]) => number) | undefined;
  return (...args) => {
    bound ??= koffi.load(null).func(
      name,
      cTypes[result],
      parameters.map((parameter) => cTypes[parameter]),
    ) as (...args: Argument[]) => number;
    return bound(...args);
  };
}

/**
 * Binds a system call that older C libraries have no wrapper for. `syscall` is variadic in C; for integers and
 * pointers that is the same call on x86-64 and arm64, where also the numbers from 424 on are the same.
 */
export function nativeSyscall(number: number, parameters: readonly Signature[]): (...args: Argument[]) => number {
  const call = native('syscall', 'long', ['long', ...parameters]);
  return (...args) => call(number, ...args);
}

/** The `errno` of the call just made by this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/** A path as an argument of a bound function. A NUL inside would silently name another file. */
export function cPath(path: SysPath): string | Uint8Array {
  if (typeof path === 'string') {
    if (path.includes('\0')) throw new TypeError(`path contains a null byte: ${JSON.stringify(path)}`);
    const exact = kernelPath(path);
    return typeof exact === 'string' ? exact : terminated(exact);
  }
  if (path.includes(0)) throw new TypeError('path contains a null byte');
  return terminated(path);
}

function terminated(path: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}
