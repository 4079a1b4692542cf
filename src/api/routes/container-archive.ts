import type { FastifyInstance } from 'fastify';
import type { ApiBackend } from '../types.ts';
export function addContainerArchiveRoutes(
  _app: FastifyInstance,
  _backend: Pick<ApiBackend, 'containers' | 'layers'>,
): void {}
