/**
 * Runs the same words with the real docker client and with Strata's command line, both against one engine, and says
 * where what they print or how they end differs.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { buildProgram } from '../../scripts/build.ts';
import { execute, type Result, type TestEngine } from './engine.ts';

/** Whether the docker client of this machine is one that Strata speaks like; others have other words. */
export async function dockerIs28(): Promise<boolean> {
  const { stdout } = await execute('docker', ['--version'], { accept: 'any' }).catch(() => ({ stdout: '' }));
  return /^Docker version 28\./.test(stdout);
}

/** Of the subnets that the twins ask for: another one in each run, since runs may be beside each other. */
const octet = 20 + 2 * randomInt(40);

export interface Twins {
  /**
   * Runs one line of shell with each client. `P` is the client; a line that does not name it is the client's words.
   * `$ME` is `alpha` for docker and `bravo` for Strata, for names of things that each makes for itself; `$OCTET` is part of
   * a subnet of its own. Resolves with what
   * differs, or with nothing.
   */
  compare(line: string): Promise<string | undefined>;
  /** The same, with both answers as they are. */
  both(line: string): Promise<{ readonly docker: Result; readonly strata: Result }>;
}

export async function makeTwins(engine: TestEngine): Promise<Twins> {
  const program = await buildProgram(join(engine.work, 'twins/strata'));
  const strata = `${process.execPath} --disable-warning=ExperimentalWarning -- ${program}`;

  async function run(client: string, me: string, line: string): Promise<Result> {
    const words = /\bP\b/.test(line) ? line : `P ${line}`;
    return await execute('bash', ['-c', `P() { ${client} "$@"; }\n${words}`], {
      cwd: engine.work,
      accept: 'any',
      timeoutMs: 60_000,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: engine.work,
        ME: me,
        OCTET: String(octet + (me === 'alpha' ? 0 : 1)),
        DOCKER_HOST: `unix://${engine.socket}`,
        STRATA_HOST: `unix://${engine.socket}`,
        DOCKER_CLI_HINTS: 'false',
        BUILDKIT_PROGRESS: 'plain',
      },
    });
  }

  return {
    async compare(line) {
      const mine = line.includes('$ME');
      const first = run('docker', 'alpha', line);
      if (mine) await first;
      const [docker, own] = [await first, await run(strata, 'bravo', line)];
      const text = (result: Result) => {
        const all = shown(result, mine);
        // The names of one image come in docker's random order.
        return /^(images|image l)/.test(line) ? all.split('\n').sort().join('\n') : all;
      };
      const [expected, actual] = [text(docker), text(own)];
      return expected === actual ? undefined : `$ ${line}\n--- docker\n${expected}\n--- strata\n${actual}\n`;
    },
    async both(line) {
      const docker = await run('docker', 'alpha', line);
      return { docker, strata: await run(strata, 'bravo', line) };
    },
  };
}

/**
 * Without the program's name, without the slips of docker's client that nobody relies on, and for things that each client
 * made without what must differ: ids and times.
 */
function shown({ code, stdout, stderr }: Result, mine: boolean): string {
  const plain = (text: string) => {
    const unnamed = text
      .replace(/^DEPRECATED: The legacy builder .*\n( .*\n)+\n/, '')
      .replace(/^(See|SRun) (?='docker )/m, 'Run ')
      .replace(/^exit status 1\n/m, '')
      .replace(/^(hint: |time=").*\n/gm, '')
      .replace(/\b(Docker|Strata)(?= daemon\b)/g, 'PROGRAM')
      .replace(/\b(docker|strata)\b(?! run -d)/g, 'PROGRAM')
      // Fractions of a second pass between the two.
      .replace(/\b(\d+|an?|About an?|Less than a) (second|minute)s?( ago)?\b/g, 'SOME TIME$3');
    // A column is as wide as its texts.
    const even = unnamed.includes('SOME TIME') ? unnamed.replace(/ {2,}/g, '  ') : unnamed;
    if (!mine) return even;
    return even
      .replace(/\b(alpha|bravo)\b/g, 'ME')
      .replaceAll(`10.${octet}.`, '10.OCTET.')
      .replaceAll(`10.${octet + 1}.`, '10.OCTET.')
      .replace(/\b[0-9a-f]{64}\b/g, 'ID64')
      .replace(/\b[0-9a-f]{12}\b/g, 'ID12')
      .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+Z?/g, 'TIME');
  };
  return `exit ${code}\nstdout:\n${plain(stdout)}\nstderr:\n${plain(stderr)}`;
}
