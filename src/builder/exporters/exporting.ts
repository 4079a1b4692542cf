import { StrataError } from '../../errors/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { BuildRequest, OutputSpec } from '../../wire/index.ts';
import type { BuiltStage } from '../built.ts';
import type { Plant } from '../plant.ts';
import type { Session } from '../session.ts';

/** What every exporter is given. */
export interface Exporting {
  readonly plant: Plant;
  readonly session: Session;
  readonly request: BuildRequest;
  readonly built: readonly BuiltStage[];
  readonly output: OutputSpec;
  /** Ids of all results of the build. */
  readonly passed: ReadonlySet<string>;
  /** SOURCE_DATE_EPOCH. */
  readonly epoch: number | undefined;
  /** The image of the step before the last one. */
  readonly parent?: Digest;
}

/** Where an output goes; relative paths were made absolute by the client. */
export function destinationOf({ type, dest }: OutputSpec): string {
  if (dest !== undefined && dest !== '') return dest;
  throw new StrataError('invalid_argument', `dest is required for ${type} exporter`);
}
