import { StrataError } from '../errors/index.ts';
import { familiarName, familiarRepository, type Reference } from '../oci/index.ts';

/** A failed pull, told as Docker tells it: what was asked for first, then what the registry said. */
export function pullError(thrown: unknown, ref: Reference): unknown {
  if (!(thrown instanceof StrataError)) return thrown;
  const { code, message } = thrown;
  const reworded = (words: string) =>
    new StrataError('not_found', `${words}: ${message}`, {
      code: 'not_in_registry',
      cause: thrown,
      ...(code === 'denied' && { hint: `check the name, or log in to ${ref.domain}` }),
    });
  switch (code) {
    case 'denied':
      return reworded(
        `pull access denied for ${familiarRepository(ref)}, repository does not exist or may require 'docker login'`,
      );
    case 'manifest_unknown':
    case 'http_404':
      return reworded(`manifest for ${familiarName(ref)} not found`);
    case 'name_unknown':
      return reworded(`repository ${familiarRepository(ref)} not found`);
    default:
      return thrown;
  }
}

/** A refused push also says what to do: most people pushed to a name that is not theirs. */
export function pushError(thrown: unknown, ref: Reference): unknown {
  if (!(thrown instanceof StrataError) || thrown.code !== 'denied') return thrown;
  const name = ref.path.split('/').at(-1)!;
  const own = ref.domain === 'docker.io' ? `<account>/${name}` : `${ref.domain}/<account>/${name}`;
  return new StrataError(
    'permission_denied',
    `${thrown.message}: you may not push to ${familiarRepository(ref)}; tag the image as ${own} and push that`,
    { code: 'denied', hint: `log in to ${ref.domain} if ${familiarRepository(ref)} is yours`, cause: thrown },
  );
}
