import type { ChildProcess } from 'node:child_process';
import { closeSync, fchownSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { StrataError } from '../errors/index.ts';
import { makePipe } from '../sys/index.ts';
import { type RuntimeFacts, spawnRuntime } from './runtime.ts';

export interface PipedProcess {
  readonly child: ChildProcess;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended and both outputs are at their end; rejects when it could not be started. */
  readonly closed: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

/**
 * Starts the runtime with pipes. Node would make sockets, which nobody can open a second time: `tee /dev/stderr` does.
 * The pipes belong to `uid`, who may do so.
 */
export function spawnPiped(
  facts: RuntimeFacts,
  args: readonly string[],
  { input, uid }: { readonly input: boolean; readonly uid: number },
): PipedProcess {
  const theirs: number[] = [];
  const ours: Socket[] = [];
  const pipe = (theirEnd: 'read' | 'write'): Socket => {
    const ends = makePipe();
    const given = ends[theirEnd];
    theirs.push(given);
    const output = theirEnd === 'write';
    const socket = new Socket({ fd: output ? ends.read : ends.write, readable: output, writable: !output });
    // What reads or writes sees the end of it.
    socket.on('error', () => {});
    ours.push(socket);
    fchownSync(given, uid, 0);
    return socket;
  };
  try {
    const stdin = input ? pipe('read') : undefined;
    const [stdout, stderr] = [pipe('write'), pipe('write')];
    const stdio = [...(input ? [] : ['ignore' as const]), ...theirs];
    const child = spawnRuntime(facts, args, { stdio, detached: true });
    const closed = ended(child, [stdout, stderr]);
    closed.catch(() => undefined);
    return { child, stdin, stdout, stderr, closed };
  } catch (error) {
    for (const socket of ours) socket.destroy();
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
}

async function ended(child: ChildProcess, outputs: readonly Readable[]): PipedProcess['closed'] {
  const closing = outputs.map((output) => new Promise((resolve) => output.once('close', resolve)));
  const result = await new Promise<Awaited<PipedProcess['closed']>>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new StrataError('failed_precondition', `cannot run ${child.spawnfile}: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
  await Promise.all(closing);
  return result;
}
