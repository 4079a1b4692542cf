import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { StrataError } from '../errors/index.ts';
import { SourceSchema } from './wire/errdefs_pb.ts';

/** Details travel in a trailer, which HTTP/2 bounds: 16 KiB for all of them. */
const maxShownLine = 1000;

function shortened(line: string): string {
  return line.length > maxShownLine ? `${line.slice(0, maxShownLine)}…` : line;
}

/** An error as gRPC says it. The lines to blame go along as a detail, from which the client prints them. */
export function rpcError(error: StrataError): ConnectError {
  const { location, hint } = error;
  const text = hint === undefined ? error.message : `${error.message}\nhint: ${hint}`;
  // Clients print any other code before the message, and try again on some: BuildKit's own errors have this one.
  const code = error.kind === 'cancelled' ? Code.Canceled : Code.Unknown;
  if (!location?.excerpt) return new ConnectError(text, code);
  const { first, lines } = location.excerpt;
  // The excerpt stands where it stands in the file: the client counts lines.
  const data = Buffer.from(`${'\n'.repeat(first - 1)}${lines.map(shortened).join('\n')}`);
  const position = (line: number) => ({ line, character: 0 });
  const source = create(SourceSchema, {
    info: { filename: location.file, data, language: 'Dockerfile' },
    ranges: [{ start: position(location.line), end: position(location.endLine ?? location.line) }],
  });
  return new ConnectError(text, code, undefined, [{ desc: SourceSchema, value: source }]);
}
