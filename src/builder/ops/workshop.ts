import type { Layers } from '../../layer/index.ts';
import type { StepExecutor } from '../../runtime/index.ts';
import type { SnapshotName, Snapshots } from '../../snapshot/index.ts';
import type { Bases } from '../cache/bases.ts';
import type { CacheMounts } from '../cache/cache-mounts.ts';
import type { Downloads } from '../cache/downloads.ts';
import type { KeptFolders } from '../cache/kept-folders.ts';
import type { Records } from '../cache/records.ts';
import type { Files } from '../files/pool.ts';

/** What operations work with; one for all builds. */
export interface Workshop {
  readonly snapshots: Snapshots;
  readonly layers: Layers;
  readonly records: Records;
  readonly files: Files;
  readonly executor: StepExecutor;
  readonly bases: Bases;
  readonly cacheMounts: CacheMounts;
  readonly downloads: Downloads;
  readonly sent: KeptFolders;
  /** Bare copies of git repositories. */
  readonly gitRoot: string;
  /** Folder (mode 0700, on tmpfs where possible) for secrets and mount points of running steps. */
  readonly scratch: string;
  /** Folder on the data disk for trees that are made for one build. */
  readonly trees: string;
  /** Copies that run without knowing the digest of what they copy, by operation and base. */
  readonly copying: Map<string, Promise<unknown>>;
  /** Results that running builds work with. */
  readonly inUse: () => ReadonlySet<string>;
  readonly now: () => number;
  /** Roots of failed steps that somebody has: they must not be collected. */
  readonly kept: Set<SnapshotName>;
}
