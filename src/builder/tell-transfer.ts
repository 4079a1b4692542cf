import type { Progress, TransferEvent } from '../progress/index.ts';
import type { Session } from './session.ts';
import type { Work } from './solver/vertex.ts';

const last = ['Pushed', 'Layer already exists', 'Pull complete', 'Already exists'];

/** Shows a transfer's layers below the step that waits for it. */
export function tellTransfer({ now }: Pick<Session, 'now'>, work: Pick<Work, 'emit'>): Progress<TransferEvent> {
  return ({ id, status, current, total }) =>
    work.emit({
      type: 'status',
      status: [status, id].filter((part) => part !== undefined).join(' '),
      current: current ?? 0,
      ...(total !== undefined && { total }),
      unit: 'bytes',
      at: now(),
      done: last.includes(status),
    });
}
