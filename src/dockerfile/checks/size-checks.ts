/** Strata's own checks: what makes an image bigger, a build slower or a secret public than it has to be. */

import { posix } from 'node:path';
import { csvFields } from '../csv-fields.ts';
import type { BuildArgs } from '../scope.ts';
import { findBaseStage } from '../stage-dependencies.ts';
import type { AddInstruction, CopyInstruction, Dockerfile, Instruction, RunInstruction, Stage } from '../types.ts';
import { checkDeletedFiles } from './deleted-files.ts';
import { installedPackages, isBuildTool, isDependencyInstall, managerOf, packageOperands } from './package-managers.ts';
import type { Report } from './reporter.ts';
import { operandsOf, programOf, type ShellCommand, shellCommands } from './shell-text.ts';

type FileInstruction = CopyInstruction | AddInstruction;

interface ReadRun {
  readonly instruction: RunInstruction;
  readonly commands: readonly ShellCommand[];
}

export function checkSizes(dockerfile: Dockerfile, report: Report, buildArgs?: BuildArgs): void {
  const shipped = shippedStages(dockerfile);
  const runs = new Map<Instruction, ReadRun>();
  const readRun = (instruction: RunInstruction): ReadRun => {
    const known = runs.get(instruction) ?? { instruction, commands: shellCommands(instruction) };
    runs.set(instruction, known);
    return known;
  };
  for (const stage of dockerfile.stages) {
    for (const instruction of stage.instructions) {
      if (instruction.kind === 'run' && shipped.has(stage)) checkRun(readRun(instruction), report);
      if (instruction.kind === 'arg' || instruction.kind === 'env') checkValues(instruction, report);
    }
    checkCopyOrder(stage, readRun, report);
  }
  for (const instruction of dockerfile.metaArgs) checkValues(instruction, report);
  checkDeletedFiles(
    dockerfile,
    shipped,
    { ...(buildArgs && { buildArgs }), commandsOf: (run) => readRun(run).commands },
    report,
  );
}

/** The last stage and the stages that it is built from: their layers are the image. */
function shippedStages(dockerfile: Dockerfile): ReadonlySet<Stage> {
  const shipped = new Set<Stage>();
  let stage = dockerfile.stages.at(-1);
  while (stage && !shipped.has(stage)) {
    shipped.add(stage);
    stage = findBaseStage(dockerfile, stage.base, stage.index);
  }
  return shipped;
}

function checkRun({ instruction, commands }: ReadRun, report: Report): void {
  checkPackageLists(instruction, commands, report);
  const removed = commands.flatMap((command) => {
    const [action = '', ...packages] = packageOperands(command);
    return managerOf(command)?.removes.includes(action) ? [action, ...packages] : [];
  });
  // A group name (`apk add --virtual .deps`) stands for what it holds.
  const groups = commands.flatMap(virtualGroups);
  if (groups.some((group) => removed.includes(group)) || removed.includes('autoremove')) return;
  const tools = commands.flatMap(installedPackages).filter((name) => isBuildTool(name) && !removed.includes(name));
  if (tools.length === 0) return;
  report(
    'BuildToolsInFinalStage',
    instruction.location,
    `Build tools are installed in the stage that is shipped (${listed(tools)}): compile in an earlier stage and COPY --from it`,
  );
}

function virtualGroups(command: ShellCommand): string[] {
  const at = command.findIndex((word) => word === '--virtual' || word === '-t');
  const joined = command.find((word) => word.startsWith('--virtual='));
  if (joined) return [joined.slice('--virtual='.length)];
  return at >= 0 && programOf(command) === 'apk' && command[at + 1] !== undefined ? [command[at + 1]!] : [];
}

function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  return unique.length > 3 ? `${unique.slice(0, 3).join(', ')} and ${unique.length - 3} more` : unique.join(', ');
}

function checkPackageLists(instruction: RunInstruction, commands: readonly ShellCommand[], report: Report): void {
  for (const command of commands) {
    const manager = managerOf(command);
    const [action = ''] = packageOperands(command);
    if (!manager?.fills.includes(action)) continue;
    if (manager.cleanOptions.some((option) => command.includes(option))) continue;
    if (commands.some((other) => managerOf(other) === manager && manager.cleans(other))) continue;
    if (manager.caches.some((folder) => isEmptied(commands, folder) || isMounted(instruction, folder))) continue;
    report(
      'PackageListsLeft',
      instruction.location,
      `"${programOf(command)} ${action}" leaves its lists or caches in the layer: add ${manager.advice} to this RUN or use a cache mount`,
    );
    return;
  }
}

/** By `rm`, or by `find` with what it does to the files that it finds. */
function isEmptied(commands: readonly ShellCommand[], folder: string): boolean {
  const passesOn = commands.some((command) => programOf(command) === 'xargs' && command.includes('rm'));
  return commands.some((command) => {
    const program = programOf(command);
    if (program === 'find') {
      const deletes = command.includes('-delete') || (command.includes('-exec') && command.includes('rm')) || passesOn;
      return deletes && command.slice(1).some((path) => takes(path, folder));
    }
    return (
      program === 'rm' &&
      operandsOf(command)
        .flatMap(braced)
        .some((path) => takes(path, folder))
    );
  });
}

/** Whether a path of `rm` or `find` is the folder, what holds it, or all that is in one of the two. */
function takes(path: string, folder: string): boolean {
  if (!path.startsWith('/')) return false;
  const clean = path.replace(/\/+(\*|\{,\.\}\*)?$/, '');
  return clean === folder || folder.startsWith(`${clean}/`) || (path.startsWith(`${folder}/`) && path.includes('*'));
}

/** `/var/{cache,lib}/x` is two paths. */
function braced(word: string): string[] {
  const parts = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(word);
  return parts ? parts[2]!.split(',').map((choice) => `${parts[1]}${choice}${parts[3]}`) : [word];
}

function isMounted(instruction: RunInstruction, folder: string): boolean {
  return instruction.mountSpecs.some((spec) => {
    const fields = csvFields(spec);
    const target = fields.findLast((field) => /^(target|dst|destination)=/i.test(field))?.replace(/^\w+=/, '');
    if (target === undefined || !fields.some((field) => /^type=(cache|tmpfs)$/i.test(field))) return false;
    return `${folder}/`.startsWith(`${target.replace(/\/+$/, '')}/`);
  });
}

/** A RUN that installs packages and stands behind a COPY whose files it does not need. */
function checkCopyOrder(stage: Stage, readRun: (run: RunInstruction) => ReadRun, report: Report): void {
  const copies: FileInstruction[] = [];
  for (const instruction of stage.instructions) {
    if (instruction.kind === 'add' || (instruction.kind === 'copy' && instruction.from === undefined)) {
      if (instruction.files.length === 0) copies.push(instruction);
    }
    if (instruction.kind !== 'run') continue;
    const { commands } = readRun(instruction);
    const useless = copies.find((copy) => isNeedless(copy, commands));
    if (!useless) continue;
    const [slow] = commands.filter((command) => isSlow(command));
    report(
      'CopyBeforeSlowRun',
      useless.location,
      `Every change of these files runs "${slow!.slice(0, 3).join(' ')}" on line ${instruction.location.line} again: copy them after it`,
    );
    copies.length = 0;
  }
}

function isSlow(command: ShellCommand): boolean {
  return installedPackages(command).length > 0 || isDependencyInstall(command);
}

function isNeedless(copy: FileInstruction, commands: readonly ShellCommand[]): boolean {
  // What installs a language's packages needs its list of them, but not the whole context.
  if (commands.some(isDependencyInstall)) return copy.sources.some(isWholeContext);
  if (!commands.some((command) => installedPackages(command).length > 0)) return false;
  // A script that names a copied file, or calls one of its own, may well need it.
  return !commands.some((command) => command.some((word) => mentions(word, copy) || /^\.{0,2}\//.test(command[0]!)));
}

function isWholeContext(source: string): boolean {
  return source === '.' || source === './' || source === '/' || source === '*' || source === './*';
}

function mentions(word: string, { sources, dest }: FileInstruction): boolean {
  const names = [...sources, dest].map((path) => posix.basename(path)).filter((name) => name !== '' && name !== '.');
  return names.some((name) => word.includes(name));
}

/** Texts that are secrets whatever they are called. */
const secretValues: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY/, 'a private key'],
  [/\bAKIA[0-9A-Z]{16}\b/, 'an AWS access key'],
  [/\bgh[pousr]_[A-Za-z0-9]{36,}\b/, 'a GitHub token'],
  [/\bglpat-[A-Za-z0-9_-]{20,}/, 'a GitLab token'],
  [/\bxox[abprs]-[A-Za-z0-9-]{10,}/, 'a Slack token'],
  [/\bnpm_[A-Za-z0-9]{36}\b/, 'an npm token'],
  [/\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\./, 'a JSON web token'],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@$]+:[^\s/@$]+@/i, 'a password in a URL'],
];

/** Longer values are only looked at so far: the forms above go over the text more than once. */
const maxSecretLength = 4096;

/** The message names the kind of secret and never the secret. */
function checkValues(instruction: Extract<Instruction, { kind: 'arg' | 'env' }>, report: Report): void {
  const values = instruction.kind === 'arg' ? instruction.args : instruction.pairs;
  for (const { key, value = '' } of values) {
    const found = secretValues.find(([form]) => form.test(value.slice(0, maxSecretLength)));
    if (!found) continue;
    report(
      'SecretInValue',
      instruction.location,
      `${instruction.kind.toUpperCase()} ${key} holds ${found[1]}, which everyone with the image can read: use RUN --mount=type=secret`,
    );
  }
}
