import { constants } from 'node:os';
import { StrataError } from '../errors/index.ts';

const numbers = constants.signals as Readonly<Record<string, number>>;

/** `SIGTERM`, `term` or `15`; Linux's real-time signals as `RTMIN+n`. */
export function parseSignal(text: string): { readonly name: string; readonly number: number } {
  const upper = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RTMIN(?:\+(\d{1,2}))?$/.exec(upper);
  if (realTime && Number(realTime[1] ?? 0) <= 30)
    return { name: String(34 + Number(realTime[1] ?? 0)), number: 34 + Number(realTime[1] ?? 0) };
  const known = numbers[`SIG${upper}`];
  if (known !== undefined) return { name: upper, number: known };
  const number = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= 64)
    return {
      name:
        Object.keys(numbers)
          .find((name) => numbers[name] === number)
          ?.slice(3) ?? String(number),
      number,
    };
  throw new StrataError('invalid_argument', `invalid signal: ${text}`, { code: 'invalid_signal' });
}
