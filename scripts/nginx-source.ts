import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianMirror } from './debian-mirror.ts';
import { kept, type Say } from './kept.ts';
import { withApt } from './newer-debian.ts';

/** nginx's original tarball, out of Debian's own source package; kept between runs. */
export function nginxSource(say?: Say): string {
  const folder = kept(
    {
      name: 'sources/nginx',
      what: 'the source of nginx',
      recipe: 'bookworm',
      make(into) {
        withApt(`deb-src [trusted=yes] ${debianMirror()} bookworm main`, (apt, work) => {
          apt('source', '--download-only', 'nginx');
          const tarball = readdirSync(work).find((name) => /^nginx_.*\.orig\.tar\.gz$/.test(name));
          if (tarball === undefined) throw new Error('the source package of nginx holds no original tarball');
          copyFileSync(join(work, tarball), join(into, 'nginx.tar.gz'));
        });
      },
    },
    say,
  );
  return join(folder, 'nginx.tar.gz');
}
