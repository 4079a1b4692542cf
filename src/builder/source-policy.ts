/** Source policies: which images, downloads and repositories a build may use, and what takes their place (BuildKit's sourcepolicy). */
import { messageOf, StrataError } from '../errors/index.ts';
import { canonicalName, parseReference, withDefaultTag } from '../oci/index.ts';
import type { SourcePolicy, SourceRule } from '../wire/index.ts';
import { isGitUrl } from './sources/classify.ts';

/** Says what a source really is: itself, or what a rule makes of it. Throws `permission_denied` for one that is denied. */
export type Allowed = (identifier: string) => string;

/** How often one source may be replaced: rules that make each other's sources would never end. */
const mostConversions = 20;

/** Throws `invalid_argument` for a rule that cannot be followed. */
export function allowedBy(policies: readonly SourcePolicy[]): Allowed {
  const rules = policies.map((policy) => policy.rules.map(compileRule));
  return (identifier) => {
    let current = identifier;
    for (let count = 0; count <= mostConversions; count++) {
      const next = evaluate(rules, current);
      if (next === current) return current;
      current = next;
    }
    throw new StrataError(
      'invalid_argument',
      `too many conversions of ${JSON.stringify(identifier)} by the source policy`,
    );
  };
}

interface CompiledRule {
  readonly action: SourceRule['action'];
  readonly pattern: RegExp;
  readonly update?: (groups: RegExpExecArray) => string;
}

function evaluate(policies: readonly (readonly CompiledRule[])[], identifier: string): string {
  for (const rules of policies) {
    // Of what allows and denies the last counts.
    let denied = false;
    for (const { action, pattern, update } of rules) {
      const match = pattern.exec(identifier);
      if (!match) continue;
      if (action !== 'CONVERT') denied = action === 'DENY';
      else {
        const next = update?.(match) ?? identifier;
        if (next !== identifier) return next;
      }
    }
    if (denied)
      throw new StrataError(
        'permission_denied',
        `source ${JSON.stringify(identifier)} denied by policy: source denied by policy`,
        { code: 'source_denied' },
      );
  }
  return identifier;
}

function compileRule({ action, selector, updates }: SourceRule): CompiledRule {
  if (selector.constraints?.length)
    throw new StrataError('unsupported', 'constraints on attributes are not supported in source policies');
  if (action !== 'CONVERT') return { action, pattern: patternOf(selector) };
  const attributes = Object.keys(updates?.attrs ?? {});
  if (attributes.length > 0)
    throw new StrataError('unsupported', `a source policy cannot set attributes here: ${attributes.join(', ')}`);
  const format = updates?.identifier || selector.identifier;
  return {
    action,
    pattern: patternOf(selector),
    update: (groups) => format.replace(/\$(?:(\d+)|\{(\d+)\})/g, (_, one, two) => groups[Number(one ?? two)] ?? ''),
  };
}

function patternOf({ identifier, matchType }: SourceRule['selector']): RegExp {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  switch (matchType) {
    case 'EXACT':
      return new RegExp(`^${literal(completed(identifier))}$`, 's');
    case 'REGEX':
      try {
        return new RegExp(identifier);
      } catch (cause) {
        throw new StrataError('invalid_argument', `error compiling regex of the source policy: ${messageOf(cause)}`, {
          cause,
        });
      }
    case 'WILDCARD':
      return new RegExp(`^${completed(identifier).split('*').map(literal).join('(.*)')}$`, 's');
  }
}

/** An image named without its registry or tag is the one that such a name means. */
function completed(identifier: string): string {
  if (!identifier.startsWith(image) || identifier.includes('*')) return identifier;
  try {
    return imageSource(canonicalName(withDefaultTag(parseReference(identifier.slice(image.length)))));
  } catch {
    return identifier;
  }
}

const image = 'docker-image://';

/** What policies call an image, by its whole name. */
export const imageSource = (canonical: string): string => `${image}${canonical}`;

/** What policies call a repository: without its scheme, its user and what the fragment does not say. */
export function gitSource(url: string): string {
  const [address = '', ...fragment] = url.split('#');
  const bare = address
    .replace(/^[a-z+]+:\/\//i, '')
    .replace(/^[^@/]*@/, '')
    .replace(/^([^/:]+):(?!\d)/, '$1/');
  return `git://${bare}${fragment.length > 0 ? `#${fragment.join('#')}` : ''}`;
}

/** The image that a policy wants in place of `canonical`; throws where it wants no image. */
export function allowedImage(allowed: Allowed, canonical: string): string {
  const source = imageSource(canonical);
  const found = refusedAs(
    `failed to resolve source metadata for ${canonical}: could not resolve image due to policy`,
    () => allowed(source),
  );
  if (found.startsWith(image)) return found.slice(image.length);
  throw converted(source, found);
}

/** The same of a download. */
export function allowedUrl(allowed: Allowed, url: string): string {
  const found = refusedAs('failed to load LLB: error evaluating the source policy', () => allowed(url));
  if (/^https?:\/\//.test(found)) return found;
  throw converted(url, found);
}

/** The same of a repository, which stays as it was written where no rule changes it. */
export function allowedRepository(allowed: Allowed, url: string): string {
  const source = gitSource(url);
  const found = refusedAs('failed to load LLB: error evaluating the source policy', () => allowed(source));
  if (found === source) return url;
  if (!found.startsWith('git://')) throw converted(source, found);
  return found.replace(/^git:/, /^(https?|ssh|git):/i.exec(url)?.[0] ?? 'https:');
}

/** A context that is fetched, as the policy wants it. */
export function allowedContext<T extends { readonly kind: string }>(allowed: Allowed, context: T): T {
  const { kind, url = '' } = context as { readonly kind: string; readonly url?: string };
  if (kind !== 'url') return context;
  const isRepository = isGitUrl(url) || /^github\.com\//.test(url);
  return { ...context, url: (isRepository ? allowedRepository : allowedUrl)(allowed, url) };
}

/** The client's own files are a source, too. */
export function checkLocal(allowed: Allowed, name: string): void {
  refusedAs('failed to load LLB: error evaluating the source policy', () => allowed(`local://${name}`));
}

function converted(from: string, to: string): StrataError {
  return new StrataError(
    'unsupported',
    `a source policy cannot turn ${JSON.stringify(from)} into ${JSON.stringify(to)} here`,
  );
}

function refusedAs(start: string, ask: () => string): string {
  try {
    return ask();
  } catch (cause) {
    if (!(cause instanceof StrataError) || cause.code !== 'source_denied') throw cause;
    throw new StrataError('permission_denied', `${start}: ${cause.message}`, { code: 'source_denied', cause });
  }
}
