import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createBuildKit } from './index.ts';
import type { ServiceParts } from './services.ts';
import { Control } from './wire/control_pb.ts';
import { LLBBridge } from './wire/gateway_pb.ts';

/** The services behind a socket; what is asked here never comes as far as the builder. */
async function services(t: TestContext) {
  const buildkit = createBuildKit({ version: '1' } as ServiceParts);
  const server = createServer((socket) => buildkit.serve(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => {
    session.destroy();
    buildkit.close();
    server.close();
  });
  const createConnection = () => connect(port, '127.0.0.1');
  const transport = createGrpcTransport({
    baseUrl: `http://127.0.0.1:${port}`,
    nodeOptions: { createConnection },
    idleConnectionTimeoutMs: 10,
  });
  return { session, transport };
}

for (const path of ['/moby.buildkit.v1.Control/ListenBuildHistory', '/grpc.health.v1.Health/Check'])
  test(`the unknown method ${path} is told as gRPC does`, async (t) => {
    const { session } = await services(t);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.end();
    const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
    assert.equal(headers[':status'], 200);
    assert.equal(headers['grpc-status'], '12');
    assert.match(String(headers['grpc-message']), /^unknown method/);
    stream.close();
  });

test('a build from an LLB definition is refused at once, and so is a frontend that is not here', async (t) => {
  const { transport } = await services(t);
  const definition = { def: [Buffer.from('op')] };
  const control = createClient(Control, transport);
  const refused = { rawMessage: /^a build from an LLB definition is not supported/ };
  await assert.rejects(control.solve({ ref: 'a', session: 's', definition }), refused);
  await assert.rejects(createClient(LLBBridge, transport).solve({ definition }), refused);
  await assert.rejects(control.solve({ ref: 'b', session: 's', frontend: 'other.v0' }), {
    rawMessage: /^frontend other\.v0 not found/,
  });
});
