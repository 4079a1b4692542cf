/** Requests as bytes on the engine's socket: what no HTTP client lets one send. */
import { connect } from 'node:net';

export interface RawStream {
  send(text: string): void;
  /** Nothing more will be sent; answers are still read. */
  half(): void;
  /** The client is gone. */
  leave(): void;
  head(): string;
  /** What came after the head, without the headers of frames. */
  output(): string;
  isOver(): boolean;
}

export function openRaw(
  socket: string,
  path: string,
  options: { readonly upgraded: boolean; readonly body?: object; readonly input?: string; readonly half?: boolean },
): RawStream {
  const connection = connect({ path: socket, allowHalfOpen: true });
  let got = '';
  let over = false;
  connection.on('data', (data) => {
    got += data.toString('latin1');
  });
  for (const event of ['end', 'close', 'error'])
    connection.on(event, () => {
      over = true;
    });
  const body = options.body === undefined ? '' : JSON.stringify(options.body);
  const lines = [`POST ${path} HTTP/1.1`, 'Host: x'];
  if (options.upgraded) lines.push('Connection: Upgrade', 'Upgrade: tcp');
  if (body !== '') lines.push('Content-Type: application/json', `Content-Length: ${body.length}`);
  connection.write(`${lines.join('\r\n')}\r\n\r\n${body}${options.input ?? ''}`);
  if (options.half) connection.end();
  return {
    send: (text) => void connection.write(text),
    half: () => void connection.end(),
    leave: () => void connection.destroy(),
    head: () => (got.includes('\r\n\r\n') ? got.slice(0, got.indexOf('\r\n\r\n')) : ''),
    output: () => got.slice(got.indexOf('\r\n\r\n') + 4).replace(/[\x00-\x02]\0\0\0\0\0../gs, ''),
    isOver: () => over,
  };
}
