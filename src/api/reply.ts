import type { FastifyReply } from 'fastify';
import { jsonText } from './json-text.ts';

/** Answers with JSON. The type has no charset: older clients compare it as a whole before they look for an error. */
export function sendJson(reply: FastifyReply, value: unknown, status = 200): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(`${jsonText(value)}\n`));
}

export function sendEmpty(reply: FastifyReply, status = 204): FastifyReply {
  return reply.code(status).send();
}
