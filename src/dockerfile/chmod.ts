/**
 * `--chmod`: an octal mode, or clauses such as `u=rwX,go-w` in the notation of chmod(1), with no umask.
 */

import { StrataError } from '../errors/index.ts';

const setIds = 0o6000;
const sticky = 0o1000;
const anyExecute = 0o111;

/** Bits that a class of users may own. */
const classBits: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 };
const permissionBits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: anyExecute };
const classShift: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** New permission bits (with set-id and sticky) from the present ones. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

type Step = (mode: number, context: { readonly before: number; readonly isDirectory: boolean }) => number;

/**
 * Parses a `--chmod` value.
 *
 * @throws StrataError invalid_argument in the reference's words
 */
export function parseChmod(spec: string): ModeChange {
  if (/^[0-7]+$/.test(spec)) {
    const mode = Number.parseInt(spec, 8);
    if (mode <= 0o7777) return () => mode;
  }
  if (/^\d/.test(spec)) {
    throw new StrataError(
      'invalid_argument',
      `invalid chmod parameter: '${spec}'. it should be octal string and between 0 and 07777`,
    );
  }
  const steps = spec.split(',').flatMap(parseClause);
  return (mode, isDirectory) => {
    const before = mode & 0o7777;
    return steps.reduce((current, step) => step(current, { before, isDirectory }), before);
  };
}

const clauseForm = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/;

function parseClause(clause: string): Step[] {
  const match = clauseForm.exec(clause);
  if (!match)
    throw new StrataError('invalid_argument', 'invalid syntax', { hint: 'write --chmod=644 or --chmod=u=rwX,go=rX' });
  const who = [...match[1]!].reduce((bits, name) => bits | classBits[name]!, 0);
  return [...match[2]!.matchAll(/([-+=])([rwxXstugo]*)/g)].flatMap((part) => parseOperation(who, part[1]!, part[2]!));
}

/** One operator and its permissions; copies from another class (`g=u`) act at once, the rest together at the end. */
function parseOperation(clauseWho: number, operator: string, permissions: string): Step[] {
  const steps: Step[] = [];
  let who = clauseWho;
  let bits = 0;
  let execute = false;
  let cleared = operator !== '=';
  const flush = (): void => {
    if (bits !== 0 || !cleared) steps.push(change(operator, who, bits));
    if (execute) steps.push(changeExecute(operator, who));
    cleared = true;
    bits = 0;
    execute = false;
  };
  for (const letter of permissions) {
    // Set-id and sticky bits mean nothing to "others" alone.
    const special = who === 0 || (who & ~0o7) !== 0;
    if (letter in classShift) {
      if (bits !== 0 || execute) flush();
      cleared = true;
      steps.push(copyClass(operator, who, letter));
    } else if (letter === 'X') execute = true;
    else if (letter === 's') bits |= special ? setIds : 0;
    else if (letter !== 't') bits |= permissionBits[letter]!;
    else if (special) {
      who |= sticky;
      bits |= sticky;
    }
  }
  flush();
  return steps;
}

function change(operator: string, who: number, bits: number): Step {
  const chosen = who === 0 ? bits : who & bits;
  if (operator === '+') return (mode) => mode | chosen;
  if (operator === '-') return (mode) => mode & ~chosen;
  const owned = who === 0 ? classBits['a']! : who;
  return (mode) => (mode & ~owned) | chosen;
}

/** `X`: execute where it is a directory or somebody could execute it before. */
function changeExecute(operator: string, who: number): Step {
  const chosen = who === 0 ? anyExecute : who & anyExecute;
  return (mode, { before, isDirectory }) => {
    if (!isDirectory && (before & anyExecute) === 0) return mode;
    return operator === '-' ? mode & ~chosen : mode | chosen;
  };
}

function copyClass(operator: string, who: number, from: string): Step {
  const targets = ['u', 'g', 'o'].filter((name) => who === 0 || (who & (0o4 << classShift[name]!)) !== 0);
  return (mode) => {
    const value = (mode >> classShift[from]!) & 0o7;
    return targets.reduce((current, name) => {
      const shift = classShift[name]!;
      if (operator === '+') return current | (value << shift);
      if (operator === '-') return current & ~(value << shift);
      return (current & ~(0o7 << shift)) | (value << shift);
    }, mode);
  };
}
