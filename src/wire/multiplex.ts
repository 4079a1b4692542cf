const streamNumber = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** Docker's multiplexed stream (Engine API, "Stream format"): an eight-byte header, then the bytes of one stream. */
export function frame(stream: keyof typeof streamNumber, data: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(8 + data.length);
  out.fill(0, 0, 4);
  out[0] = streamNumber[stream];
  out.writeUInt32BE(data.length, 4);
  out.set(data, 8);
  return out;
}

/** How the output of a process is put on the wire: bare where it has a terminal, framed where it has two streams. */
export function framer(
  tty: boolean,
): (chunk: { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }) => Uint8Array {
  return tty ? (chunk) => chunk.data : (chunk) => frame(chunk.stream, chunk.data);
}
