import { StrataError } from '../errors/index.ts';

/** Why a process did not start, in runc's words, and the exit code that a shell would give. */
export interface FailureReason {
  readonly text: string;
  readonly exitCode: number;
}

/** What crun or runc said about `command` as runc says it; its own message where it is about something else. */
export function failureReason(message: string, command: string): FailureReason {
  const said = message.trim().replace(/^[\d\-T:.Z+]+ /, '');
  const chdir = /chdir `(.*)`: (.*)/.exec(said);
  if (chdir)
    return {
      text: `chdir to cwd (${JSON.stringify(chdir[1])}) set in config.json failed: ${chdir[2]!.toLowerCase()}`,
      exitCode: /name too long/i.test(chdir[2]!) ? 128 : 127,
    };
  const quoted = `exec: ${JSON.stringify(command)}`;
  const isTooLong = /^open executable.*file name too long/i.test(said);
  if (isTooLong && command.includes('/'))
    return { text: `${quoted}: stat ${command}: file name too long`, exitCode: 128 };
  if (
    command === '' ||
    isTooLong ||
    /executable file .* not found|stat `?.*`?: no such file or directory|^executable path is empty/i.test(said)
  ) {
    const why = command.includes('/')
      ? `stat ${command}: no such file or directory`
      : 'executable file not found in $PATH';
    return { text: `${quoted}: ${why}`, exitCode: 127 };
  }
  if (/^open executable: Operation not permitted|is a directory/i.test(said))
    return { text: `${quoted}: is a directory: permission denied`, exitCode: 126 };
  if (/^open executable|exec.*permission denied/i.test(said))
    return { text: `${quoted}: permission denied`, exitCode: 126 };
  return { text: said === '' ? 'the runtime failed without a message' : said, exitCode: 128 };
}

const createFailed =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init';
const execFailed = 'OCI runtime exec failed: exec failed: unable to start container process';

/** The error of a container, or of an exec in one, that did not start. */
export function startFailure(message: string, command: string, exec: boolean): StrataError {
  const { text, exitCode } = failureReason(message, command);
  const code = { 126: 'command_not_executable', 127: 'command_not_found' }[exitCode] ?? 'runtime_failed';
  return new StrataError(
    code === 'runtime_failed' ? 'internal' : 'invalid_argument',
    `${exec ? execFailed : createFailed}: ${text}`,
    { code, exitCode },
  );
}

/** The error of an exec whose working directory is no absolute path. */
export function relativeFolder(): StrataError {
  return new StrataError('invalid_argument', 'OCI runtime exec failed: exec failed: Cwd must be an absolute path', {
    code: 'invalid_cwd',
    exitCode: 128,
  });
}

/** The error of a container with a limit that the kernel does not have, in the runtime's words. */
export function limitFailure(why: string): StrataError {
  const text = `error setting cgroup config for procHooks process: ${why}`;
  return new StrataError('invalid_argument', `${createFailed}: ${text}`, { code: 'limit_failed', exitCode: 128 });
}

/** The error of a container with settings of a namespace that is not its own, in the runtime's words. */
export function foreignSetting(why: string): StrataError {
  return new StrataError('invalid_argument', `${createFailed.split(': unable', 1)[0]}: ${why}`, {
    code: 'foreign_namespace',
    exitCode: 125,
  });
}

/** The error of a container whose mount has no place in its root, in the runtime's words. */
export function mountFailure(
  {
    Type,
    Source,
    Destination: target,
  }: { readonly Type: string; readonly Source: string; readonly Destination: string },
  why: string,
  cause?: unknown,
): StrataError {
  const source = JSON.stringify(Type === 'tmpfs' ? 'tmpfs' : Source);
  const text = `error mounting ${source} to rootfs at ${JSON.stringify(target)}: create mountpoint for ${target} mount: ${why}`;
  return new StrataError('invalid_argument', `${createFailed}: ${text}`, {
    code: 'mount_failed',
    exitCode: 128,
    cause,
  });
}
