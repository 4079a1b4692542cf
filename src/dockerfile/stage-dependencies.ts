import { StrataError } from '../errors/index.ts';
import { csvFields } from './csv-fields.ts';
import { expandWord } from './expand-word.ts';
import type { Dockerfile, Instruction, Stage, TextRange } from './types.ts';

/** A place where a stage names another stage, an image or a named context. */
export interface StageDependency {
  readonly via: 'from' | 'copy' | 'mount';
  /** As written; the base of a FROM is unexpanded. */
  readonly name: string;
  readonly location: TextRange;
}

/** What a stage takes from elsewhere: its base, `COPY --from` and `RUN --mount=from=`. */
export function stageDependencies(stage: Stage): StageDependency[] {
  const base: StageDependency = { via: 'from', name: stage.base, location: stage.from.location };
  return [base, ...stage.instructions.flatMap(instructionDependencies)];
}

/** What one instruction takes from elsewhere. */
export function instructionDependencies(instruction: Instruction): StageDependency[] {
  const { location } = instruction;
  if (instruction.kind === 'copy') {
    return instruction.from === undefined ? [] : [{ via: 'copy', name: instruction.from, location }];
  }
  if (instruction.kind !== 'run') return [];
  return instruction.mountSpecs.flatMap((spec) => {
    const name = csvFields(spec)
      .findLast((field) => /^from=/i.test(field))
      ?.slice('from='.length);
    return name ? [{ via: 'mount' as const, name, location }] : [];
  });
}

/**
 * Refuses variables in `COPY --from`: the graph of stages is drawn before any value is known.
 *
 * @throws StrataError invalid_argument in the reference's words
 */
export function checkCopySource(instruction: Instruction, escapeToken?: string): void {
  if (instruction.kind !== 'copy' || instruction.from === undefined) return;
  const { value } = expandWord(
    instruction.from,
    () => undefined,
    escapeToken === undefined ? {} : { escape: escapeToken },
  );
  if (value === instruction.from) return;
  throw new StrataError(
    'invalid_argument',
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
  );
}

/**
 * The stage that a `--from` means: by index or by name in any case, the last of that name. Undefined where it is none
 * of this file, and so a named context or an image.
 *
 * @throws StrataError invalid_argument, `invalid stage index N`
 */
export function findStage(dockerfile: Dockerfile, name: string): Stage | undefined {
  if (/^[+-]?\d+$/.test(name)) {
    const stage = dockerfile.stages[Number(name)];
    if (!stage) throw new StrataError('invalid_argument', `invalid stage index ${Number(name)}`);
    return stage;
  }
  return dockerfile.stages.findLast((stage) => stage.name === name.toLowerCase());
}

/** The stage that a FROM of stage `index` builds on; only stages before it count, and names are in lower case. */
export function findBaseStage(dockerfile: Dockerfile, base: string, index: number): Stage | undefined {
  return dockerfile.stages.slice(0, index).findLast((stage) => stage.name === base);
}
