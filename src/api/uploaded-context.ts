import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { bodyStream } from './body.ts';
import { spool } from './spool.ts';
import type { ApiBackend } from './types.ts';

/** The body as a build context: the builder removes the file. */
export async function uploadedContext(
  { config }: Pick<ApiBackend, 'config'>,
  request: FastifyRequest,
): Promise<{ readonly kind: 'file'; readonly path: string; readonly remove: true }> {
  const { path } = await spool(bodyStream(request), join(config.dataRoot, 'tmp'));
  return { kind: 'file', path, remove: true };
}
