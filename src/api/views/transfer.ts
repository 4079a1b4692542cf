import type { TransferEvent } from '../../progress/index.ts';
import { progressBar } from '../human-size.ts';

/** One line of a pull or push, as `docker pull` reads it. */
export function transferMessage(event: TransferEvent): Record<string, unknown> {
  if (event.id === undefined) return { status: event.status };
  if (event.status.startsWith('Pulling from ')) return { status: event.status, id: event.id };
  if (event.current === undefined) return { status: event.status, progressDetail: {}, id: event.id };
  const { current, total } = event;
  return {
    status: event.status,
    progressDetail: { current, ...(total !== undefined && { total }) },
    progress: progressBar(current, total),
    id: event.id,
  };
}
