import type { Client } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import { type Call, defineCommand } from '../../command.ts';
import { attachedStreams } from '../../create/attached.ts';
import type { Attached, CreateInput } from '../../create/config.ts';
import { createContainer } from '../../create/create-container.ts';
import { createFlags } from '../../create/flags.ts';
import { readsOrWritesFiles } from '../../create/own-files.ts';
import { runFailure } from '../../create/run-failure.ts';
import { bool, text } from '../../flags/flag.ts';
import { savedFormat } from '../../saved-format.ts';
import { followSize } from '../../terminal/follow-size.ts';
import { joinStreams } from '../../terminal/join-streams.ts';
import { forwardSignals } from '../../terminal/signals.ts';

const flags = {
  ...createFlags,
  detach: bool('d', 'Run container in background and print container ID'),
  'detach-keys': text('', 'Override the key sequence for detaching a container'),
  'sig-proxy': bool('', 'Proxy received signals to the process', true),
};

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  args: { min: 1 },
  interspersed: false,
  flags,
  examples: [
    ['run --rm -it debian:bookworm bash', 'a shell in a fresh container that is gone afterwards'],
    ['run -d --name web -p 8080:80 nginx', 'a server in the background, its port 80 on port 8080 of this machine'],
    ['run --rm -v "$PWD:/work" -w /work node:22 npm test', 'a tool that works on the files here'],
  ],
  isResident: ({ flags }) =>
    !readsOrWritesFiles(flags) &&
    (flags.detach || (!flags.tty && !attachedStreams(flags.attach, flags.interactive).stdin)),
  async run(call) {
    try {
      return call.flags.detach ? await runDetached(call) : await runAttached(call);
    } catch (error) {
      return runFailure(error, call.name, call.session);
    }
  },
});

type RunCall = Call<typeof flags>;

function inputOf({ flags, given, args, session }: RunCall): CreateInput {
  const [image = '', ...words] = args;
  return { flags, given, image, command: words, session };
}

async function runDetached(call: RunCall): Promise<number> {
  if (call.flags.attach.length > 0) throw badStreams('conflicting options: cannot specify both --attach and --detach');
  const client = await call.client();
  const { Id } = await createContainer(client, inputOf(call), { stdin: false, stdout: false, stderr: false });
  // Also where the start fails: what was created can be looked at.
  try {
    await client.containers.start(Id);
  } finally {
    call.session.stdout.write(`${Id}\n`);
  }
  return 0;
}

async function runAttached(call: RunCall): Promise<number> {
  const { flags, session } = call;
  const attached = attachedStreams(flags.attach, flags.interactive);
  if (flags.tty && attached.stdin && !session.stdin.isTTY) {
    throw badStreams('the input device is not a TTY');
  }
  const client = await call.client();
  const { Id } = await createContainer(client, inputOf(call), attached);
  const { ended } = await waitForEnd(client, Id, flags.rm);
  const stops: (() => void)[] = [];
  // A signal that comes before there is a process is held until there is one: nobody would send it again.
  const { promise: started, resolve: onStarted } = Promise.withResolvers<void>();
  if (flags['sig-proxy'] && !flags.tty)
    stops.push(forwardSignals(session, (signal) => void started.then(() => sendSignal(client, Id, signal))));
  try {
    const how = await startJoined(client, Id, call, attached, { onStarted, stops });
    if (how === 'detached') return 0;
    const { StatusCode, Error: failure } = await ended;
    if (failure?.Message) throw new StrataError('internal', failure.Message);
    return StatusCode;
  } finally {
    for (const stop of stops) stop();
  }
}

/** Asks before the start, so that an end right after it is not missed. In a record, since a promise alone would be awaited. */
async function waitForEnd(client: Client, id: string, removed: boolean) {
  const { ended } = await client.containers.wait(id, removed ? 'removed' : 'next-exit');
  ended.catch(() => {});
  return { ended };
}

async function startJoined(
  client: Client,
  id: string,
  { flags, session }: RunCall,
  attached: Attached,
  { onStarted, stops }: { readonly onStarted: () => void; readonly stops: (() => void)[] },
): Promise<'ended' | 'detached'> {
  const detachKeys = flags['detach-keys'] || savedFormat(session, 'detachKeys');
  if (!attached.stdin && !attached.stdout && !attached.stderr) {
    await client.containers.start(id);
    onStarted();
    return 'ended';
  }
  const connection = await client.containers.attach(id, { ...attached, detachKeys: detachKeys || undefined });
  const joined = joinStreams(session, connection, { ...attached, tty: flags.tty, detachKeys });
  joined.catch(() => {});
  try {
    await client.containers.start(id);
  } catch (error) {
    connection.destroy();
    await joined.catch(() => {});
    throw error;
  }
  onStarted();
  if (flags.tty) stops.push(followSize(session, (rows, columns) => client.containers.resize(id, rows, columns)));
  return await joined;
}

function sendSignal(client: Client, id: string, signal: string): Promise<void> {
  // It may be over just now.
  return client.containers.kill(id, signal).catch(() => {});
}

function badStreams(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'bad_streams' });
}
