import type { FastifyRequest } from 'fastify';
import { StrataError } from '../errors/index.ts';
import { queryOf } from './server.ts';

/** `h` and `w` of a resize request. */
export function readSize(request: FastifyRequest): { readonly rows: number; readonly columns: number } {
  const query = queryOf(request);
  return { rows: cells(query.text('h'), 'height'), columns: cells(query.text('w'), 'width') };
}

function cells(text: string, what: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new StrataError('invalid_argument', `invalid resize ${what} ${JSON.stringify(text)}: invalid syntax`);
}
