import { before } from './version.ts';

const rawStream = 'application/vnd.docker.raw-stream';
const multiplexedStream = 'application/vnd.docker.multiplexed-stream';

/** The media type of the output of a process, in the words of the client's version. */
export function streamType(tty: boolean, version: string): string {
  return tty || before(version, 'multiplexedType') ? rawStream : multiplexedStream;
}
