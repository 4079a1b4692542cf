/** Whether a text can be an image's name: the syntax of references, as far as a build check needs it. */

const domain =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tag = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digest = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

export function isImageName(text: string): boolean {
  if (text.length > 4096 || /^[a-f0-9]{64}$/.test(text)) return false;
  const [named = '', ...digests] = text.split('@');
  if (digests.length > 1 || (digests.length === 1 && !digest.test(digests[0]!))) return false;
  const slash = named.indexOf('/');
  const front = slash < 0 ? '' : named.slice(0, slash);
  const hasDomain = front !== '' && (/[.:]/.test(front) || front === 'localhost' || front.toLowerCase() !== front);
  const rest = hasDomain ? named.slice(slash + 1) : named;
  if (hasDomain && !domain.test(front)) return false;
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (colon >= 0 && !tag.test(rest.slice(colon + 1))) return false;
  return path.length <= 255 && path.split('/').every((part) => component.test(part));
}
