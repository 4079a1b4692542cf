import { create } from '@bufbuild/protobuf';
import type { ClientBlobs } from '../builder/index.ts';
import { StrataError } from '../errors/index.ts';
import { openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { Content, ReadContentRequestSchema, WriteContentRequestSchema } from './wire/content_pb.ts';

/** `WriteAction` of content.proto. */
const actions = { stat: 0, write: 1, commit: 2 };

/** Bytes in one message. */
const chunkSize = 1 << 20;

/**
 * A store of blobs that the client serves over its session (containerd's content API, api/services/content/v1). BuildKit's
 * clients call theirs `local:FOLDER` for caches, `oci:NAME` for named contexts, and `export` for a result.
 */
export function clientBlobs({ connection }: ClientSession, id: string, signal: AbortSignal): ClientBlobs {
  const metadata = { 'buildkit-attachable-store-id': id };

  async function* read(digest: string): AsyncGenerator<Uint8Array> {
    const call = openCall(connection, Content.method.read, metadata, signal);
    try {
      await call.send(create(ReadContentRequestSchema, { digest }));
      call.closeInput();
      for await (const { data } of call.output) yield data;
    } finally {
      call.cancel();
    }
  }

  return {
    read,
    async write({ digest, size }, source) {
      const call = openCall(connection, Content.method.write, metadata, signal);
      const ask = async (message: { action: number; offset?: bigint; data?: Uint8Array }) => {
        await call.send(
          create(WriteContentRequestSchema, {
            ref: `strata-${digest}`,
            total: BigInt(size),
            expected: digest,
            ...message,
          }),
        );
        const { value, done } = await call.output.next();
        if (done) throw new StrataError('unavailable', `the client stopped taking blob ${digest}`);
        return value.offset;
      };
      try {
        // What an earlier build left unfinished under this name is begun again.
        await ask({ action: actions.stat });
        let offset = 0n;
        for await (const bytes of source) {
          for (let at = 0; at < bytes.length; at += chunkSize) {
            const data = bytes.subarray(at, at + chunkSize);
            await ask({ action: actions.write, offset, data });
            offset += BigInt(data.length);
          }
        }
        await ask({ action: actions.commit, offset });
      } catch (error) {
        if (!(error instanceof StrataError && error.code === 'already_there')) throw error;
      } finally {
        call.cancel();
      }
    },
  };
}
