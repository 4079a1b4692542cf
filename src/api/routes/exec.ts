import type { FastifyInstance } from 'fastify';
import type { ExecConfig, ExecState } from '../../container/index.ts';
import { StrataError } from '../../errors/index.ts';
import { readJson } from '../body.ts';
import { checkDetachKeys } from '../detach-keys.ts';
import { serveStart } from '../hijack.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { versionOf } from '../server.ts';
import { execRequest, execStartRequest } from '../shapes/container.ts';
import { readSize } from '../terminal-size.ts';
import type { ApiBackend } from '../types.ts';
import { execFields, withKnownFields } from '../version-history.ts';

type Backend = Pick<ApiBackend, 'containers'>;
type ById = { Params: { id: string } };

export function addExecRoutes(app: FastifyInstance, { containers }: Backend): void {
  const { exec } = containers;

  app.post<ById>('/containers/:id/exec', async (request, reply) => {
    const config = withKnownFields(await readJson(request, execRequest), execFields, versionOf(request));
    if ((config.Cmd ?? []).length === 0) throw new StrataError('invalid_argument', 'No exec command specified');
    checkDetachKeys(config.DetachKeys ?? '', 'escape');
    const { id } = await exec.create(request.params.id, config as ExecConfig);
    sendJson(reply, { Id: id }, 201);
  });

  app.post<ById>('/exec/:id/start', async (request, reply) => {
    const given = await readJson(request, execStartRequest);
    const { Detach: detach = false, Tty, ConsoleSize } = withKnownFields(given, execFields, versionOf(request));
    const state = exec.inspect(request.params.id);
    const tty = Tty ?? state.config.Tty ?? false;
    const how = { detach, tty, ...(ConsoleSize && { consoleSize: ConsoleSize }) };
    if (detach) {
      await exec.start(state.id, how);
      return sendEmpty(reply, 200);
    }
    const { AttachStdin, DetachKeys: detachKeys = '' } = state.config;
    const streams = { tty, stdin: AttachStdin ? 'whole' : 'none', detachKeys } as const;
    await serveStart(request, reply, async () => await exec.start(state.id, how), streams);
    return reply;
  });

  app.post<ById>('/exec/:id/resize', async (request, reply) => {
    const { rows, columns } = readSize(request);
    await exec.resize(request.params.id, rows, columns);
    sendEmpty(reply, 200);
  });

  app.get<ById>('/exec/:id/json', async (request, reply) => sendJson(reply, execView(exec.inspect(request.params.id))));
}

function execView(state: ExecState): Record<string, unknown> {
  const { config } = state;
  const [entrypoint = '', ...rest] = config.Cmd;
  return {
    ID: state.id,
    Running: state.running,
    ExitCode: state.exitCode,
    ProcessConfig: {
      tty: config.Tty ?? false,
      entrypoint,
      arguments: rest,
      privileged: config.Privileged ?? false,
      ...(config.User && { user: config.User }),
    },
    OpenStdin: config.AttachStdin ?? false,
    OpenStderr: config.AttachStderr ?? false,
    OpenStdout: config.AttachStdout ?? false,
    CanRemove: !state.running && state.exitCode !== null,
    ContainerID: state.containerID,
    DetachKeys: config.DetachKeys ?? '',
    Pid: state.pid,
  };
}
