import { StrataError } from '../errors/index.ts';

/** What an engine that is no manager of a swarm answers. */
export function noSwarm(): StrataError {
  return new StrataError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    { code: 'no_swarm' },
  );
}
