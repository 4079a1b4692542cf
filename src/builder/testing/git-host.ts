import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface GitHost {
  readonly origin: string;
  close(): void;
}

/** The repositories of a folder over git's own protocol, as hosts of git serve theirs; behind basic authentication if asked. */
export async function startGitHost(repos: string, expected?: string): Promise<GitHost> {
  const git = createServer((request, reply) => {
    if (expected !== undefined && request.headers.authorization !== expected)
      return void reply.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    const [path = '', query = ''] = request.url!.split('?');
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: repos,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        REQUEST_METHOD: request.method,
        PATH_INFO: path,
        QUERY_STRING: query,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
    });
    request.pipe(backend.stdin);
    const parts: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
    backend.on('close', () => {
      const answer = Buffer.concat(parts);
      const end = answer.indexOf('\r\n\r\n');
      for (const line of answer.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(': ');
        if (name === 'Status') reply.statusCode = Number.parseInt(value, 10);
        else reply.setHeader(name, value);
      }
      reply.end(answer.subarray(end + 4));
    });
  });
  return listening(git);
}

/** The files of a folder and nothing else: what a plain web server makes of repositories. */
export function startFileHost(folder: string): Promise<GitHost> {
  return listening(
    createServer((request, reply) => {
      const file = join(folder, new URL(request.url!, 'http://host').pathname);
      createReadStream(file)
        .on('error', () => reply.writeHead(404).end())
        .pipe(reply);
    }),
  );
}

async function listening(server: Server): Promise<GitHost> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
