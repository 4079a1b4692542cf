/** Checks that need nothing but the instructions as they are written. */

import { quote } from '../go-text.ts';
import type { AstNode, Dockerfile, FromInstruction, Instruction } from '../types.ts';
import type { Report } from './reporter.ts';

/** Findings about single instructions, in the order of the file. */
export function checkInstructions(dockerfile: Dockerfile, report: Report): void {
  for (const instruction of inOrder(dockerfile)) {
    if (instruction.kind === 'from') checkFrom(instruction, report);
    else if (instruction.kind === 'maintainer') {
      report('MaintainerDeprecated', instruction.location, maintainerMessage);
    } else if (instruction.kind === 'arg') {
      const names = instruction.args.map((arg) => arg.key);
      checkDescription(instruction, 'ARG', names, report);
    }
  }
}

function inOrder(dockerfile: Dockerfile): Instruction[] {
  return [...dockerfile.metaArgs, ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
}

/** What is said of an instruction before it is found to be wrong. */
export function checkFaultyNode(node: AstNode, report: Report): void {
  const keyword = node.keyword.text.toLowerCase();
  if (keyword === 'from') checkFromWords(node, report);
  else if (keyword === 'maintainer') report('MaintainerDeprecated', node.range, maintainerMessage);
}

const maintainerMessage = 'Maintainer instruction is deprecated in favor of using label';

function checkFromWords(node: AstNode, report: Report): void {
  const [, as, name] = node.args.map((arg) => arg.text);
  if (as === undefined || name === undefined) return;
  const keyword = node.keyword.text;
  if (name !== name.toLowerCase()) {
    report('StageNameCasing', node.range, `Stage name '${name}' should be lowercase`);
  }
  if (!sameCase(keyword, as)) {
    report('FromAsCasing', node.range, `'${as}' and '${keyword}' keywords' casing do not match`);
  }
}

function checkFrom(from: FromInstruction, report: Report): void {
  if (from.node) checkFromWords(from.node, report);
  if (from.name !== undefined) checkDescription(from, 'FROM', [from.name], report);
}

/** A FROM in mixed case is another rule's business. */
function sameCase(keyword: string, other: string): boolean {
  if (keyword === keyword.toLowerCase()) return other === other.toLowerCase();
  return keyword !== keyword.toUpperCase() || other === other.toUpperCase();
}

/** The comment in front of a stage or argument describes it, and then begins with its name. */
function checkDescription(instruction: Instruction, name: string, keys: readonly string[], report: Report): void {
  const comment = instruction.node?.comments.at(-1);
  if (comment === undefined || keys.includes(comment.split(' ')[0]!)) return;
  const example = keys.length > 1 ? '<arg_key>' : keys[0]!;
  report(
    'InvalidDefinitionDescription',
    instruction.location,
    `Comment for ${name} should follow the format: \`# ${example} <description>\``,
  );
}

export function checkStageNames(dockerfile: Dockerfile, report: Report): void {
  const seen = new Set<string>();
  for (const { name, from } of dockerfile.stages) {
    if (name === undefined) continue;
    if (name === 'context' || name === 'scratch') {
      report(
        'ReservedStageName',
        from.location,
        `Stage name should not use the same name as reserved stage ${quote(name)}`,
      );
    }
    if (seen.has(name)) {
      report('DuplicateStageName', from.location, `Duplicate stage name ${quote(name)}, stage names should be unique`);
    }
    seen.add(name);
  }
}

/** Instructions that are not written like most of the file; arguments in front of the first FROM do not count. */
export function checkCasing(dockerfile: Dockerfile, report: Report): void {
  const instructions = dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]);
  let balance = 0;
  for (const { keyword } of instructions) {
    if (keyword === keyword.toLowerCase()) balance--;
    else if (keyword === keyword.toUpperCase()) balance++;
  }
  const wanted = balance < 0 ? 'lowercase' : 'uppercase';
  for (const { keyword, location } of instructions) {
    const right = wanted === 'lowercase' ? keyword.toLowerCase() : keyword.toUpperCase();
    if (keyword === right) continue;
    report(
      'ConsistentInstructionCasing',
      location,
      `Command '${keyword}' should match the case of the command majority (${wanted})`,
    );
  }
}
