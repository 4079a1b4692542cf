import { StrataError } from '../errors/index.ts';
import { type Access, checkHop, type Exchange } from './exchange.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import { limits } from './limits.ts';
import { readBody } from './read-body.ts';
import type { Reply } from './transport.ts';

const pageSize = 1000;

/** All tags of a repository: OCI distribution-spec v1.1 "Listing Tags", page by page. */
export async function listTags(
  exchange: Exchange,
  insecure: InsecureHosts,
  access: Access,
  repository: string,
): Promise<readonly string[]> {
  const tags: string[] = [];
  const first = new URL(`/v2/${repository}/tags/list?n=${pageSize}`, access.endpoint.base);
  for (let url: URL | undefined = first; url; ) {
    const reply: Reply = await exchange.call(access, { method: 'GET', url });
    const page = parsePage(
      await readBody(reply.body, limits.tagsPage, `the list of tags of ${repository}`),
      repository,
    );
    tags.push(...page);
    if (tags.length > limits.tags) {
      throw new StrataError('data_loss', `${repository} has more than ${limits.tags} tags`, { code: 'too_many_tags' });
    }
    url = page.length === 0 ? undefined : nextPage(reply);
    if (url) checkHop(reply.url, url, insecure);
  }
  return tags;
}

function parsePage(bytes: Buffer, repository: string): readonly string[] {
  let page: { tags?: unknown } | null = null;
  try {
    page = JSON.parse(bytes.toString('utf8')) as { tags?: unknown } | null;
  } catch {
    // Answered below.
  }
  // A repository whose tags were all removed answers null.
  const tags = page?.tags ?? [];
  if (page === null || !Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) {
    throw new StrataError('data_loss', `the registry's list of tags of ${repository} is invalid`, {
      code: 'invalid_tags',
    });
  }
  return tags.filter((tag) => /^\w[\w.-]{0,127}$/.test(tag));
}

/** RFC 8288 `Link: <…>; rel="next"`. */
function nextPage(reply: Reply): URL | undefined {
  const target = /<([^>]+)>\s*;[^,]*rel="?next"?/i.exec(reply.headers['link'] ?? '')?.[1];
  return target !== undefined && URL.canParse(target, reply.url) ? new URL(target, reply.url) : undefined;
}
