import { type AddInstruction, type CopyInstruction, type Instruction, parseChmod } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { splitWildcards } from '../files/wildcards.ts';
import { type CopyAction, type CopySpec, copyOp } from '../ops/copy.ts';
import type { Identity } from '../ops/root-step.ts';
import type { Op } from '../solver/vertex.ts';
import { allowedRepository, allowedUrl } from '../source-policy.ts';
import { classifySource } from '../sources/classify.ts';
import { gitOp } from '../sources/git.ts';
import { parseGitUrl } from '../sources/git-url.ts';
import { httpOp } from '../sources/http.ts';
import { splitCredentials } from '../sources/url-credentials.ts';
import type { Value } from '../value.ts';
import { destinationPath, sourcePath } from './paths.ts';
import type { BuildVertex } from './plan.ts';
import type { StageSources } from './stage-sources.ts';
import type { StageState } from './stage-state.ts';

type Copying = CopyInstruction | AddInstruction;

/** COPY and ADD as an operation and what it works on. */
export async function copyStep(
  around: StageSources,
  state: StageState,
  instruction: Copying,
  identity: Identity,
): Promise<{ op: Op<Value>; inputs: BuildVertex[] }> {
  const { shop } = around.settings;
  const inputs: BuildVertex[] = [state.vertex];
  const input = (vertex: BuildVertex): number => {
    const known = inputs.indexOf(vertex, 1);
    return known > 0 ? known : inputs.push(vertex) - 1;
  };
  checkChecksum(instruction);
  const actions: CopyAction[] = [];
  for (const source of instruction.sources) actions.push(await sourceAction(around, instruction, source, input));
  for (const { name, data } of instruction.files) {
    const selection = { path: `/${name}`, wildcards: false, follow: false };
    actions.push({ inline: { name, data }, selection, contentsOnly: false, unpack: false });
  }
  const spec: CopySpec = {
    actions,
    dest: destinationPath(state.workdir, instruction.dest),
    ...(instruction.chown && { chown: instruction.chown }),
    ...chmodOf(instruction.chmod),
  };
  return { op: copyOp(shop, spec, identity, { link: instruction.link }), inputs };
}

/** An octal mode is one number for all; words are worked out file by file. */
function chmodOf(chmod: string | undefined): Pick<CopySpec, 'mode' | 'modeWords'> {
  if (chmod === undefined || chmod === '') return {};
  const change = parseChmod(chmod);
  return /^[0-7]+$/.test(chmod) ? { mode: change(0, false) } : { modeWords: chmod };
}

/** Refuses a mode or a checksum that cannot be meant. */
export function verifyCopy(instruction: Instruction): void {
  if (instruction.kind !== 'copy' && instruction.kind !== 'add') return;
  chmodOf(instruction.chmod);
  checkChecksum(instruction);
}

function checkChecksum(instruction: Copying): void {
  if (instruction.kind !== 'add' || instruction.checksum === undefined) return;
  if (instruction.sources.length !== 1 || instruction.files.length > 0) {
    throw new StrataError('invalid_argument', "checksum can't be specified for multiple sources");
  }
  const { kind } = classifySource(instruction.sources[0]!);
  if (kind === 'path') {
    throw new StrataError('invalid_argument', 'checksum requires HTTP(S) or Git sources');
  }
  if (kind === 'http') checkDigest(instruction.checksum);
}

/** go-digest's words. */
function checkDigest(checksum: string): void {
  const [, name, hex] = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(checksum) ?? [];
  if (name === undefined || hex === undefined) {
    throw new StrataError('invalid_argument', 'invalid checksum digest format', { code: 'invalid_digest' });
  }
  const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
  if (lengths[name] === undefined) throw new StrataError('invalid_argument', 'unsupported digest algorithm');
  if (hex.length !== lengths[name]) throw new StrataError('invalid_argument', 'invalid checksum digest length');
  if (!/^[a-f0-9]+$/.test(hex)) throw new StrataError('invalid_argument', 'invalid checksum digest format');
  if (name !== 'sha256') throw new StrataError('unsupported', `checksums of ${name} are not supported`);
}

async function sourceAction(
  around: StageSources,
  instruction: Copying,
  source: string,
  input: (vertex: BuildVertex) => number,
): Promise<CopyAction> {
  const { shop, vertexID, secrets, allowed } = around.settings;
  const remote = classifySource(source);
  const isAdd = instruction.kind === 'add';
  const excludes = instruction.excludes.length > 0 ? { exclude: instruction.excludes } : {};
  if (remote.kind === 'git') {
    if (!isAdd) throw new StrataError('invalid_argument', "source can't be a git ref for COPY");
    const address = allowedRepository(allowed, remote.url);
    checkAgreement(instruction, remote.url);
    const spec = { url: address, keepGitDir: instruction.keepGitDir ?? false, ...checksumOf(instruction) };
    const op = gitOp(shop, spec, secrets.secrets);
    const name = splitCredentials(remote.url).bare;
    const vertex: BuildVertex = { event: { id: vertexID(), kind: 'source', name }, inputs: [], op };
    const selection = { path: '/', wildcards: false, follow: false, ...excludes };
    return { input: input(vertex), selection, contentsOnly: true, unpack: false };
  }
  if (remote.kind === 'http') {
    if (!isAdd) throw new StrataError('invalid_argument', "source can't be a URL for COPY");
    const { url, filename } = remote;
    const op = httpOp(shop, { url: allowedUrl(allowed, url), filename, ...checksumOf(instruction) });
    const vertex: BuildVertex = {
      event: { id: vertexID(), kind: 'source', name: splitCredentials(url).bare },
      inputs: [],
      op,
    };
    const selection = { path: `/${filename}`, wildcards: false, follow: false, ...excludes };
    return { input: input(vertex), selection, contentsOnly: false, unpack: instruction.unpack ?? false };
  }
  const from = instruction.kind === 'copy' ? instruction.from : undefined;
  const vertex = from === undefined ? around.settings.context() : await around.source(from);
  const parents = instruction.kind === 'copy' && instruction.parents;
  const { path, include } = parents ? pivot(source) : { path: source, include: undefined };
  if (from === undefined) around.contextReads.push(sourcePath(source));
  if (from === undefined && splitWildcards(sourcePath(path)).pattern === '') {
    around.contextPaths.push({ path: sourcePath(path), range: instruction.location });
  }
  return {
    input: input(vertex),
    selection: { path: sourcePath(path), wildcards: true, follow: true, ...(include && { include }), ...excludes },
    contentsOnly: true,
    unpack: isAdd && (instruction.unpack ?? true),
  };
}

/** A repository's URL may say what flags say as well: then they say the same. */
function checkAgreement({ keepGitDir, checksum }: AddInstruction, url: string): void {
  const asked = parseGitUrl(url);
  const refuse = (message: string) => new StrataError('invalid_argument', message, { code: 'invalid_git_url' });
  if ((keepGitDir ?? asked.keepGitDir) !== (asked.keepGitDir ?? keepGitDir))
    throw refuse('inconsistent keep-git-dir configuration');
  if ((checksum ?? asked.checksum) !== (asked.checksum ?? checksum))
    throw refuse(`checksum mismatch ${JSON.stringify(checksum)} != ${JSON.stringify(asked.checksum)}`);
}

function checksumOf(instruction: AddInstruction): { checksum?: string } {
  return instruction.checksum === undefined ? {} : { checksum: instruction.checksum };
}

/** `--parents`: what stands in front of `/./` is not part of the path that is kept. */
function pivot(source: string): { path: string; include: string[] } {
  const cut = source.indexOf('/./');
  const [path, pattern] = cut < 0 ? ['/', source] : [source.slice(0, cut), source.slice(cut + 3)];
  return { path: path === '' ? '/' : path, include: [sourcePath(pattern).slice(1)] };
}
