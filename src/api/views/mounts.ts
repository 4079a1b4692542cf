import type { Container } from '../../container/index.ts';

/** The mounts of a container as the API tells them: those of `--tmpfs` are in the host configuration alone. */
export function mountViews({ mounts, host }: Pick<Container, 'mounts' | 'host'>): Record<string, unknown>[] {
  const elsewhere = host.Tmpfs ?? {};
  return mounts
    .filter((mount) => !(mount.Type === 'tmpfs' && Object.hasOwn(elsewhere, mount.Destination)))
    .map((mount) => (mount.Type === 'tmpfs' ? { ...mount, Source: '', Mode: '' } : mount))
    .map(({ Recursion: _, ...mount }) => mount);
}
