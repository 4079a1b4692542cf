/**
 * The vocabulary of a parsed Dockerfile.
 *
 * A *line* is a physical line; a *logical line* is what continuations join; a *node* is a logical line taken apart into
 * keyword, flags, arguments and heredocs (the syntax tree); an *instruction* is a node that was understood (typed, but
 * with its words still unexpanded); a *stage* is a FROM and the instructions up to the next one.
 */

import type { SourceLocation, StrataError } from '../errors/index.ts';

/** A stretch of the text. Lines and columns count from 1 (columns in UTF-16 units); `endColumn` is one past the last. */
export interface TextRange extends SourceLocation {
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export type EscapeToken = '\\' | '`';

export interface Directives {
  /** Value of `# syntax=`, as written. Reported and otherwise ignored: there is one frontend, and it is built in. */
  readonly syntax?: string;
  readonly escape: EscapeToken;
  /** Value of `# check=`, as written; see `parseCheckDirective`. */
  readonly check?: string;
}

/** A here-document. Its lines are kept as written; `chomp` (`<<-`) is applied where the content is used. */
export interface Heredoc {
  /** The delimiter without its quotes, and the file name that COPY and ADD give the content. */
  readonly name: string;
  /** False where any part of the delimiter is quoted: the content is then taken literally. */
  readonly expand: boolean;
  /** True for `<<-`: leading tabs of each line are removed. */
  readonly chomp: boolean;
  /** The number before `<<`; 0 where none is given. */
  readonly fileDescriptor: number;
  /** Everything between the instruction and the terminator line, with line ends. */
  readonly content: string;
  /** From the first line of the content to the end of the terminator line. */
  readonly range: TextRange;
}

/** A piece of a logical line, with what it means to the parser (`text`) and where it stands in the file. */
export interface Token {
  readonly text: string;
  readonly range: TextRange;
}

/** One logical line of the syntax tree. */
export interface AstNode {
  /** The keyword as written. */
  readonly keyword: Token;
  /** `--name=value` words in front of the arguments, quotes removed. */
  readonly flags: readonly Token[];
  /**
   * The arguments after the rules of the instruction: words, the strings of a JSON array, one string, or for ENV and
   * LABEL triples of key, value and separator (`=`, or the empty string for the legacy form).
   */
  readonly args: readonly Token[];
  /** The triggered instruction of an ONBUILD. */
  readonly child?: AstNode;
  /** True where the arguments were written as a JSON array. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The logical line: continuations joined, comments inside it removed. */
  readonly original: string;
  /** Texts of the comment lines directly in front. */
  readonly comments: readonly string[];
  /** From the first line of the instruction to its last, heredocs included. */
  readonly range: TextRange;
}

interface InstructionBase {
  /** Where the whole instruction stands, heredocs included. */
  readonly location: TextRange;
  /** The instruction as written, continuations joined and blanks trimmed. */
  readonly original: string;
  /** The keyword as written (`RUN`, `run`). */
  readonly keyword: string;
  /** The syntax tree node that it was made from; absent in instructions that programs make. */
  readonly node?: AstNode;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** True for the legacy form without `=`. */
  readonly legacy: boolean;
}

/** A command line: one string for the stage's shell, or an argument vector. */
export interface CommandLine {
  readonly args: readonly string[];
  /** True where the stage's SHELL is to be put in front (everything but the JSON form). */
  readonly shell: boolean;
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  /** Image reference, stage name or `scratch`; unexpanded. */
  readonly base: string;
  /** The stage's name in lower case. */
  readonly name?: string;
  /** The `AS` keyword and the name as written. */
  readonly asKeyword?: string;
  readonly nameAsWritten?: string;
  readonly platform?: string;
}

export interface RunInstruction extends InstructionBase, CommandLine {
  readonly kind: 'run';
  readonly heredocs: readonly Heredoc[];
  /** Values of `--mount`, as written. */
  readonly mountSpecs: readonly string[];
  /** The mounts: present after `expandInstruction`, which expands their values. */
  readonly mounts?: readonly RunMount[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  /** Values of `--device`, taken apart. */
  readonly devices: readonly RunDevice[];
  /** Names of the flags in use, for diagnostics. */
  readonly flagsUsed: readonly string[];
}

export interface RunMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  /** Stage name or index, image or named context. */
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly readOnly: boolean;
  /** `id` of cache, secret and ssh mounts. */
  readonly id?: string;
  readonly sharing?: 'shared' | 'private' | 'locked';
  readonly required: boolean;
  /** Name of the environment variable that receives a secret. */
  readonly env?: string;
  /** Bytes, for tmpfs; 0 is no limit. */
  readonly sizeLimit?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface RunDevice {
  readonly name: string;
  readonly required: boolean;
}

export interface CmdInstruction extends InstructionBase, CommandLine {
  readonly kind: 'cmd';
  readonly heredocs: readonly Heredoc[];
}

export interface EntrypointInstruction extends InstructionBase, CommandLine {
  readonly kind: 'entrypoint';
  readonly heredocs: readonly Heredoc[];
}

/** A file that a heredoc of COPY or ADD makes. */
export interface InlineFile {
  /** The file's name: the delimiter. */
  readonly name: string;
  /** Its text, tabs already removed for `<<-`; expanded after `expandInstruction`. */
  readonly data: string;
  readonly expand: boolean;
}

interface CopyBase extends InstructionBase {
  /** Sources that are paths, URLs or git references, in their order; heredocs are in `files`. */
  readonly sources: readonly string[];
  readonly files: readonly InlineFile[];
  readonly dest: string;
  readonly chown?: string;
  /** Octal or symbolic; see `parseChmod`. */
  readonly chmod?: string;
  readonly link: boolean;
  readonly excludes: readonly string[];
}

export interface CopyInstruction extends CopyBase {
  readonly kind: 'copy';
  readonly from?: string;
  readonly parents: boolean;
}

export interface AddInstruction extends CopyBase {
  readonly kind: 'add';
  readonly checksum?: string;
  /** Undefined where the flag is absent. */
  readonly keepGitDir?: boolean;
  /** Undefined where the flag is absent: local archives are then unpacked and remote ones are not. */
  readonly unpack?: boolean;
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly pairs: readonly KeyValue[];
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly pairs: readonly KeyValue[];
}

export interface ArgDefinition {
  readonly key: string;
  /** Absent where the argument has no default. */
  readonly value?: string;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly ArgDefinition[];
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  /** As written before, `80/tcp` forms without ranges after `expandInstruction`. */
  readonly ports: readonly string[];
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: string;
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: string;
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly volumes: readonly string[];
}

export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: string;
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly string[];
}

/** Durations in nanoseconds; 0 means inherit or default, as in an image configuration. */
export interface HealthcheckSettings {
  /** `['NONE']`, `['CMD', ...argv]` or `['CMD-SHELL', command]`. */
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  readonly health: HealthcheckSettings;
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The text that goes into the image configuration: the instruction with its heredocs. */
  readonly expression: string;
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly maintainer: string;
}

export type Instruction =
  | FromInstruction
  | RunInstruction
  | CmdInstruction
  | EntrypointInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | ArgInstruction
  | ExposeInstruction
  | WorkdirInstruction
  | UserInstruction
  | VolumeInstruction
  | StopsignalInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type InstructionKind = Instruction['kind'];

export interface Stage {
  /** Counts from 0. */
  readonly index: number;
  /** In lower case. */
  readonly name?: string;
  /** Unexpanded. */
  readonly base: string;
  /** Unexpanded. */
  readonly platform?: string;
  readonly from: FromInstruction;
  /** Everything after the FROM. */
  readonly instructions: readonly Instruction[];
  /** From FROM to the stage's last instruction. */
  readonly location: TextRange;
}

/** What a build check found. */
export interface Warning {
  /** e.g. `StageNameCasing`. */
  readonly rule: string;
  /** What the rule wants, the same for all findings. */
  readonly description: string;
  /** Page of the rule; absent where it has none. */
  readonly url?: string;
  /** This finding. */
  readonly message: string;
  readonly location: TextRange;
}

export interface Dockerfile {
  /** The name as the user knows it. */
  readonly file: string;
  /** The physical lines, without line ends; after a line end that closes the file comes an empty one. */
  readonly lines: readonly string[];
  readonly directives: Directives;
  /** ARG instructions in front of the first FROM. */
  readonly metaArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly ast: readonly AstNode[];
  /** Findings of the parser itself (empty continuation lines). `checkDockerfile` includes them. */
  readonly warnings: readonly Warning[];
}

export interface TolerantDockerfile extends Dockerfile {
  /** Everything that is wrong, in the order of the file; empty where `parseDockerfile` would succeed. */
  readonly diagnostics: readonly StrataError[];
}
