import { join } from 'node:path';
import { StrataError } from '../../../errors/index.ts';
import type { RegistryCredentials } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { readLine } from '../../confirm.ts';
import { bool, text } from '../../flags/flag.ts';
import { credentialsOf } from '../../registry-auth.ts';
import type { Session } from '../../session.ts';

const hub = 'https://index.docker.io/v1/';

export const command = defineCommand({
  synopsis: '[OPTIONS] [SERVER]',
  details: 'Without a server, Docker Hub is meant.',
  args: { min: 0, max: 1 },
  flags: {
    password: text('p', 'Password or Personal Access Token (PAT)'),
    'password-stdin': bool('', 'Take the Password or Personal Access Token (PAT) from stdin'),
    username: text('u', 'Username'),
  },
  async run({ flags, given, args, session, client }) {
    if (given.has('password') && flags['password-stdin']) {
      throw new StrataError(
        'invalid_argument',
        'conflicting options: cannot specify both --password and --password-stdin',
      );
    }
    if (flags['password-stdin'] && flags.username === '')
      throw new StrataError('invalid_argument', 'the --password-stdin option requires --username to be set');
    if (given.has('password'))
      session.stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
    const host = hostOf(args[0]);
    const server = host === 'docker.io' ? hub : host;
    const auth = await askCredentials(session, host, flags);
    const { system } = await client();
    const { Status, IdentityToken } = await system.login({ ...auth, serveraddress: server });
    const kept = IdentityToken ? { username: auth.username ?? '', identitytoken: IdentityToken } : auth;
    const { loadDockerConfig, storeCredentials } = await import('../../../docker-config/index.ts');
    const { warning } = await storeCredentials(loadDockerConfig(join(session.configDir, 'config.json')), host, kept);
    if (warning) session.stderr.write(`${warning.trimEnd()}\n\n`);
    if (Status) session.stdout.write(`${Status}\n`);
    return 0;
  },
});

export function hostOf(server: string | undefined): string {
  const host = (server ?? 'docker.io').replace(/^https?:\/\//, '').split('/')[0]!;
  return ['index.docker.io', 'registry-1.docker.io', 'docker.io', ''].includes(host) ? 'docker.io' : host;
}

async function askCredentials(
  session: Session,
  host: string,
  flags: { readonly username: string; readonly password: string; readonly 'password-stdin': boolean },
): Promise<RegistryCredentials> {
  const given = flags['password-stdin'] ? await readAll(session) : flags.password;
  if (flags.username !== '' && given !== '') return { username: flags.username, password: given };
  const known = await credentialsOf(session, host);
  if (flags.username === '' && known && (known.password || known.identitytoken)) {
    const user = known.username ? ` [Username: ${known.username}]` : '';
    const note = session.stderr.isTTY ? noteOnTerminal : ' Info -> ';
    session.stderr.write(
      `Authenticating with existing credentials...${user}\n\n${note}${otherAccount(session.stderr.isTTY)}\n\n\n`,
    );
    return known;
  }
  if (!session.stdin.isTTY) {
    throw new StrataError('invalid_argument', 'Error: Cannot perform an interactive login from a non TTY device', {
      code: 'no_tty',
    });
  }
  if (flags.username === '' && host === 'docker.io') session.stdout.write(aboutHub(session));
  const username =
    flags.username ||
    (await ask(session, `Username${known?.username ? ` (${known.username})` : ''}: `)).trim() ||
    known?.username ||
    '';
  if (username === '') throw new StrataError('invalid_argument', 'Error: Non-null Username Required');
  const password = flags.password || (await askHidden(session, 'Password: '));
  if (password === '') throw new StrataError('invalid_argument', 'Error: Password Required');
  return { username, password };
}

/** What docker says before it asks for an account of Docker Hub. */
function aboutHub({ env }: Session): string {
  const account =
    "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\n";
  const token =
    'You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/\n\n';
  return account + (env['DOCKER_CLI_HINTS'] === 'false' ? '' : token);
}

/** As docker's client marks a note. */
const noteOnTerminal = '\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m';

function otherAccount(isTerminal: boolean | undefined): string {
  const text = "To login with a different account, run 'strata logout' followed by 'strata login'";
  return isTerminal ? `\x1b[0m\x1b[3m${text}\x1b[0m` : text;
}

async function ask(session: Session, question: string): Promise<string> {
  session.stdout.write(question);
  return await readLine(session.stdin);
}

/** A terminal in raw mode echoes nothing. */
async function askHidden({ stdin, stdout }: Session, question: string): Promise<string> {
  // Before anybody is asked: a quick answer would be shown.
  stdin.setRawMode?.(true);
  stdout.write(question);
  try {
    return await new Promise((resolve, reject) => {
      let text = '';
      const onData = (chunk: Buffer) => {
        for (const char of String(chunk)) {
          if (char === '\r' || char === '\n' || char === '\x04') return done(() => resolve(text));
          if (char === '\x03') return done(() => reject(new StrataError('cancelled', '', { exitCode: 130 })));
          text = char === '\x7f' || char === '\b' ? text.slice(0, -1) : text + char;
        }
      };
      const done = (settle: () => void) => {
        stdin.off('data', onData);
        stdin.pause();
        settle();
      };
      stdin.on('data', onData);
      stdin.resume();
    });
  } finally {
    stdin.setRawMode?.(false);
    stdout.write('\n');
  }
}

async function readAll({ stdin }: Session): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
