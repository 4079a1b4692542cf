import type { Instruction } from '../../dockerfile/index.ts';
import type { Digest, ImageConfig, Platform } from '../../oci/index.ts';
import type { Vertex } from '../solver/vertex.ts';
import type { Value } from '../value.ts';
import type { ImageDraft } from './image-draft.ts';
import type { Scope } from './scope.ts';
import type { StageNode } from './stages.ts';

export type BuildVertex = Vertex<Value>;

/** Something that FROM or `--from` names and that is no stage. */
export type External =
  | {
      readonly kind: 'image';
      /** As it was resolved: `docker.io/library/busybox:latest`. */
      readonly reference: string;
      readonly config: ImageConfig;
      readonly value: Value;
      /** Where it is an image of the store. */
      readonly id?: Digest;
    }
  | { readonly kind: 'tree'; readonly label: string; readonly vertex: BuildVertex }
  /** Another stage of the same file. */
  | { readonly kind: 'target'; readonly name: string };

/** A stage that has been read to its end. */
export interface CompiledStage {
  readonly node: StageNode | undefined;
  /** Its files: a root, or the tree of a context that is used in place of a stage. */
  readonly vertex: BuildVertex;
  readonly draft: ImageDraft;
  readonly platform: Platform;
  /** ENV and ARG values at its end. */
  readonly scope: Scope;
  /** Names of the ARGs declared so far, in order. */
  readonly args: readonly string[];
  readonly workdir: string;
  /** Its steps in order. */
  readonly steps: readonly StageStep[];
}

/** One instruction of a stage. */
export interface StageStep {
  readonly vertex: BuildVertex;
  readonly instruction: Instruction;
  /** Came with the base, as ONBUILD. */
  readonly isTrigger: boolean;
  /** The image's configuration after it, where the request wants images of steps. */
  readonly draft?: ImageDraft;
  /** Of a FROM: the image of the store that it names. */
  readonly base?: Digest;
}
