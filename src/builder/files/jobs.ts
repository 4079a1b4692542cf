/**
 * What the file workers are asked to do. Jobs are plain data; they run synchronously in a worker thread, since
 * thousands of small system calls in a row are quickest that way and must not hold up the event loop.
 */

import type { TargetLayers } from './target-view.ts';

/** A tree to copy from. */
export interface SourceTree {
  /** Folder on this machine. */
  readonly root: string;
  /** Text of the .dockerignore that hides a part of it. */
  readonly ignore?: string;
  /** Files of a context belong to root, whoever owns them here. */
  readonly resetOwner: boolean;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Which part of the tree: one source of a COPY. */
export interface Selection {
  /** Absolute inside the tree, cleaned. */
  readonly path: string;
  /** `*`, `?` and `[…]` are patterns. */
  readonly wildcards: boolean;
  /** Links on the way and at the end are followed. */
  readonly follow: boolean;
  /** Only paths that match (`--parents`), relative to `path`. */
  readonly include?: readonly string[];
  /** Paths left out (`--exclude`), relative to `path`. */
  readonly exclude?: readonly string[];
}

/** How the copies look. */
export interface CopyLook {
  readonly chown?: Owner;
  /** Permission bits for everything but links. */
  readonly mode?: number;
  /** Symbolic `--chmod`, e.g. `u=rwX,go-w`. */
  readonly modeWords?: string;
}

export interface ScanJob {
  readonly kind: 'scan';
  readonly source: SourceTree;
  readonly selection: Selection;
  readonly look: CopyLook;
}

export interface ScanReport {
  /** Digest (hex) of everything selected: names, modes, owners as they will be, contents; no times. */
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
  /** Path -> short digest, for telling what changed; absent for large selections. */
  readonly manifest?: Readonly<Record<string, string>>;
}

export interface MatchJob {
  readonly kind: 'match';
  readonly source: SourceTree;
  readonly selection: Selection;
}

export interface MissingJob {
  readonly kind: 'missing';
  readonly source: SourceTree;
  /** Paths that must be there. */
  readonly paths: readonly string[];
}

export interface CopyJob {
  readonly kind: 'copy';
  readonly source: SourceTree;
  readonly selection: Selection;
  readonly look: CopyLook;
  readonly target: TargetLayers & {
    /** Absolute inside the root; a slash at the end says that it is a folder. */
    readonly path: string;
    /** Copy what is in a folder, not the folder. */
    readonly contentsOnly: boolean;
  };
  /** Unix seconds for the folders made on the way and for everything copied. */
  readonly epoch?: number;
  /** The digest of what is copied is wanted as well. */
  readonly digest: boolean;
}

export interface MkdirJob {
  readonly kind: 'mkdir';
  readonly target: TargetLayers & { readonly path: string };
  readonly owner?: Owner;
  readonly mode?: number;
  readonly epoch?: number;
}

/** Asks whether a layer that a copy made on another base can stand on this one. */
export interface FitsJob {
  readonly kind: 'fits';
  /** The layer's directory. */
  readonly layer: string;
  /** Layer directories of the new base, topmost first. */
  readonly lowers: readonly string[];
  readonly dest: string;
  readonly look: CopyLook;
}

/** Reads a small file of a target, following links inside it. */
export interface ReadJob {
  readonly kind: 'read';
  readonly target: TargetLayers & { readonly path: string };
  /** Bytes. */
  readonly limit: number;
}

export type Job = FitsJob | ReadJob | ScanJob | MatchJob | MissingJob | CopyJob | MkdirJob;

export interface JobResults {
  readonly scan: ScanReport;
  /** Paths inside the tree, as selected and with links resolved. */
  readonly match: readonly { readonly selected: string; readonly path: string }[];
  /** The last of the paths that is not there, with the pattern of the .dockerignore that hides it. */
  readonly missing: { readonly path: string; readonly rule?: string } | null;
  readonly copy: ScanReport;
  readonly mkdir: null;
  readonly read: string | null;
  readonly fits: boolean;
}
