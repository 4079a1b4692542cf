export type { Expanded, ExpandOptions, Lookup } from './expand-word.ts';
export { expandWord, expandWords } from './expand-word.ts';
export { compilePattern, hasWildcards, matchPattern } from './file-match.ts';
export { formatDuration, parseDuration } from './go-numbers.ts';
export { quote } from './go-text.ts';
export type { HistoryContext } from './history.ts';
export { commandArguments, createdBy, historyComment, runArguments, runCreatedBy } from './history.ts';
export type { Ignore } from './ignore.ts';
export { createIgnore, readIgnoreFile } from './ignore.ts';
export type { ParseOptions } from './parse.ts';
export { parseDockerfile, parseInstruction, parseTolerant, withExcerpt } from './parse.ts';
export { parsePorts } from './ports.ts';
export { parseRunMounts } from './run-mounts.ts';
export type { RunCommand } from './run-script.ts';
export { defaultShell, inlineScriptDirectory, runCommand, summarizeHeredoc, withShell } from './run-script.ts';
export { parseSignal } from './signals.ts';
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
