import type { Volume } from '../../volume/index.ts';

/** A volume as `GET /volumes` and `/volumes/{name}` show it; `usage` only for `system df`. */
export function volumeView(
  volume: Volume,
  usage?: { readonly RefCount: number; readonly Size: number },
): Record<string, unknown> {
  const labels = volume.anonymous ? { 'com.docker.volume.anonymous': '', ...volume.labels } : volume.labels;
  return {
    CreatedAt: volume.createdAt.replace(/\.\d+Z$/, 'Z'),
    Driver: volume.driver,
    Labels: Object.keys(labels).length > 0 ? labels : null,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: Object.keys(volume.options).length > 0 ? volume.options : null,
    Scope: 'local',
    ...(usage && { UsageData: usage }),
  };
}
