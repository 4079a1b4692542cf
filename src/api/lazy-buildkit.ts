import { join } from 'node:path';
import type { BuildKit } from '../buildkit/index.ts';
import { publishBuilt, version } from '../engine/index.ts';
import type { ApiBackend } from './types.ts';

/** BuildKit's protocol, made when the first client asks: its libraries cost a start that nobody else needs. */
export interface LazyBuildKit {
  open(): Promise<BuildKit>;
  close(): Promise<void>;
}

export function lazyBuildKit(
  backend: Pick<ApiBackend, 'builder' | 'config' | 'events' | 'images' | 'layers'>,
): LazyBuildKit {
  let buildkit: Promise<BuildKit> | undefined;
  return {
    open() {
      buildkit ??= import('../buildkit/index.ts').then(({ createBuildKit }) =>
        createBuildKit({
          builder: backend.builder,
          layers: backend.layers,
          workRoot: join(backend.config.dataRoot, 'tmp', 'sessions'),
          version,
          onBuilt: (result) => publishBuilt(backend, result),
        }),
      );
      return buildkit;
    },
    close: async () => (await buildkit)?.close(),
  };
}
