export type { CheckConfig } from './checks/config.ts';
export { parseCheckDirective } from './checks/config.ts';
export type { Rule, RuleName } from './checks/rules.ts';
export { ruleset } from './checks/rules.ts';
export type { CheckOptions, CheckReport } from './checks/run.ts';
export { checkDockerfile, checkParsed, checkText } from './checks/run.ts';
export type { BaseImageConfig } from './checks/stage-checks.ts';
export type { ModeChange } from './chmod.ts';
export { parseChmod } from './chmod.ts';
export { descriptionOf } from './description.ts';
export { dumpAst } from './dump.ts';
export type { ExpandInstructionOptions } from './expand-instruction.ts';
export { expandInstruction } from './expand-instruction.ts';
export type { Expanded, ExpandOptions, Lookup } from './expand-word.ts';
export { expandWord, expandWords } from './expand-word.ts';
export { compilePattern, hasWildcards, matchPattern } from './file-match.ts';
export { formatDuration, parseDuration } from './go-numbers.ts';
export { quote } from './go-text.ts';
export type { HistoryContext } from './history.ts';
export { commandArguments, createdBy, historyComment, runArguments, runCreatedBy } from './history.ts';
export type { Ignore } from './ignore.ts';
export { createIgnore, readIgnoreFile } from './ignore.ts';
export { isImageName } from './image-name.ts';
export type { ParseOptions } from './parse.ts';
export {
  locateFault,
  parseDockerfile,
  parseInReferenceOrder,
  parseInstruction,
  parseTolerant,
  withExcerpt,
} from './parse.ts';
export { parsePorts } from './ports.ts';
export { parseRunMounts } from './run-mounts.ts';
export type { RunCommand } from './run-script.ts';
export { defaultShell, inlineScriptDirectory, runCommand, summarizeHeredoc, withShell } from './run-script.ts';
export type { BuildArgs, GlobalScopeOptions, PlatformParts } from './scope.ts';
export { globalScope, platformArgs, proxyArgs, targetStage } from './scope.ts';
export type { StageDependency } from './stage-dependencies.ts';
export {
  checkCopySource,
  findBaseStage,
  findStage,
  instructionDependencies,
  stageDependencies,
} from './stage-dependencies.ts';
export { suggestion, withSuggestion } from './suggest.ts';
export type {
  AddInstruction,
  ArgDefinition,
  ArgInstruction,
  AstNode,
  CmdInstruction,
  CommandLine,
  CopyInstruction,
  Directives,
  Dockerfile,
  EntrypointInstruction,
  EnvInstruction,
  EscapeToken,
  ExposeInstruction,
  FromInstruction,
  HealthcheckInstruction,
  HealthcheckSettings,
  Heredoc,
  InlineFile,
  Instruction,
  InstructionKind,
  KeyValue,
  LabelInstruction,
  MaintainerInstruction,
  OnbuildInstruction,
  RunDevice,
  RunInstruction,
  RunMount,
  ShellInstruction,
  Stage,
  StopsignalInstruction,
  TextRange,
  Token,
  TolerantDockerfile,
  UserInstruction,
  VolumeInstruction,
  Warning,
  WorkdirInstruction,
} from './types.ts';
