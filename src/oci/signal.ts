import { StrataError } from '../errors/index.ts';

const plain: Readonly<Record<string, number>> = {
  ...{ HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, IOT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11 },
  ...{ USR2: 12, PIPE: 13, ALRM: 14, TERM: 15, STKFLT: 16, CHLD: 17, CLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21 },
  ...{ TTOU: 22, URG: 23, XCPU: 24, XFSZ: 25, VTALRM: 26, PROF: 27, WINCH: 28, IO: 29, POLL: 29, PWR: 30, SYS: 31 },
  ...{ RTMIN: 34, RTMAX: 64 },
};

/**
 * The number of a signal on Linux: a number, or a name with or without `SIG` in any case (`SIGTERM`, `rtmin+3`).
 *
 * @throws StrataError invalid_argument, `invalid signal: X`
 */
export function parseSignal(text: string): number {
  const invalid = new StrataError('invalid_argument', `invalid signal: ${text}`);
  if (/^[+-]?\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0 || !Number.isSafeInteger(number)) throw invalid;
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (Object.hasOwn(plain, name)) return plain[name]!;
  const realtime = /^RT(MIN\+|MAX-)([1-9]\d?)$/.exec(name);
  const offset = Number(realtime?.[2]);
  if (realtime?.[1] === 'MIN+' && offset <= 15) return 34 + offset;
  if (realtime?.[1] === 'MAX-' && offset <= 14) return 64 - offset;
  throw invalid;
}

/** Whether Linux has a signal of this number: the C library keeps 32 and 33 for itself. */
export function isSignal(number: number): boolean {
  return (number >= 1 && number <= 31) || (number >= 34 && number <= 64);
}
