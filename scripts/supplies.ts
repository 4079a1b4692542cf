/** What several test files need and none of them makes alone: prepared by `npm test` before the first of them runs. */
import { busyboxBase, debianBase } from './bases.ts';
import { recordedBusybox } from './conformance/base.ts';
import { dockerPlugins } from './docker-plugins.ts';
import type { Say } from './kept.ts';
import { fromNewerDebian, oldDockerClient } from './newer-debian.ts';
import { nginxSource } from './nginx-source.ts';

/** Packages of a newer Debian that tests run programs of. */
export const registryTools: readonly string[] = ['crane', 'oras'];

/** For the tests of these files; without an end-to-end test among them, the base images are enough. */
export function prepareSupplies(files: readonly string[], say: Say): void {
  busyboxBase(say);
  debianBase(say);
  if (!files.some((file) => /(^|\/)e2e\//.test(file))) return;
  recordedBusybox(say);
  dockerPlugins(say);
  fromNewerDebian(registryTools, say);
  oldDockerClient(say);
  nginxSource(say);
}
