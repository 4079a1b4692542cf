import { StrataError } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import { parsePlatform, platformMatches } from '../oci/index.ts';

/** `not_found` where a platform (`os/arch`) was asked for and the image is for another one. */
export function checkPlatform({ config }: Image, name: string, wanted: string): void {
  if (wanted === '' || platformMatches(parsePlatform(wanted), config)) return;
  throw new StrataError(
    'not_found',
    `image with reference ${name} was found but its platform (${config.os}/${config.architecture}) does not match the specified platform (${wanted})`,
  );
}
