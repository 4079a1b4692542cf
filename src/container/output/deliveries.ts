import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerParts } from '../parts.ts';
import { hasProcess, isOverRun, runAsked } from '../record.ts';
import type { Attachment, Containers, LogChunk } from '../types.ts';
import { createAttachment } from './attach.ts';
import { logSize } from './log-file.ts';

/** Output of containers on its way to clients. */
export interface Deliveries {
  attach: Containers['attach'];
  /** Who waits for an end has all output by then, as with Docker; a client that reads slowly holds nobody up for long. */
  outputDelivered(id: string): Promise<void>;
}

export function createDeliveries({
  store,
  emit,
  places,
}: Pick<ContainerParts, 'store' | 'emit' | 'places'>): Deliveries {
  const { bundleOf } = places;
  const deliveries = new Map<string, Set<Promise<void>>>();

  async function attach(ref: string, asked: Parameters<Containers['attach']>[1]): Promise<Attachment> {
    const record = store.get(ref);
    const { id, config } = record;
    const run = runAsked(record);
    const over = () => {
      const now = store.find(id);
      return !now || isOverRun(now, run);
    };
    const begun = () => over() || hasProcess(store.get(id));
    const attachment = createAttachment({
      logPath: record.logPath,
      from: asked.replay ? 0 : await logSize(record.logPath),
      tty: config.Tty ?? false,
      ...asked,
      stdin: asked.stdin && (config.OpenStdin ?? false),
      socket: join(bundleOf(id), 'attach'),
      ended: asked.stream ? over : () => true,
      started: async () => await store.until(id, begun, asked.signal ? { signal: asked.signal } : {}),
      onWake: (wake) => store.onChange(id, wake),
    });
    emit('attach', record);
    return delivered(id, attachment);
  }

  /** Keeps in mind that this output is being delivered, until it is through or given up. */
  function delivered(id: string, attachment: Attachment): Attachment {
    const { promise, resolve } = Promise.withResolvers<void>();
    const all = deliveries.get(id) ?? new Set();
    deliveries.set(id, all.add(promise));
    void promise.then(() => {
      all.delete(promise);
      if (all.size === 0) deliveries.delete(id);
    });
    async function* output(): AsyncGenerator<LogChunk> {
      try {
        yield* attachment.output;
      } finally {
        resolve();
      }
    }
    const detach = () => {
      resolve();
      attachment.detach();
    };
    return { ...attachment, output: output(), detach };
  }

  async function outputDelivered(id: string): Promise<void> {
    const all = deliveries.get(id);
    if (all) await Promise.race([Promise.all(all), sleep(1000, undefined, { ref: false })]);
  }

  return { attach, outputDelivered };
}
