import { execFile } from 'node:child_process';
import { isIPv4 } from 'node:net';
import { promisify } from 'node:util';
import { StrataError } from '../errors/index.ts';
import { isInterfaceName } from './bridge-options.ts';
import { hostEnvironment } from './free-subnet.ts';

const execFileAsync = promisify(execFile);

const keys = { sysctls: 'com.docker.network.endpoint.sysctls', name: 'com.docker.network.endpoint.ifname' } as const;

type DriverOptions = Readonly<Record<string, string>>;

/** What is wrong with the driver options of an endpoint, in Docker's words. */
export function driverOptionProblems(options: DriverOptions): readonly string[] {
  return sysctlsOf(options)
    .filter((text) => parseSysctl(text) === undefined)
    .map(
      (text) =>
        `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
}

/** Driver options of an endpoint that change nothing here: Docker keeps them without a word. */
export function unknownDriverOptions(options: DriverOptions): readonly string[] {
  const known: readonly string[] = Object.values(keys);
  return Object.keys(options).filter((key) => !known.includes(key));
}

/** The name that an endpoint asks for its interface; `taken` by others in the same namespace. */
export function wantedInterfaceName(options: DriverOptions, taken: ReadonlySet<string>): string | undefined {
  const name = options[keys.name];
  if (!name) return undefined;
  const refuse = (why: string) => failed(`error renaming interface to ${JSON.stringify(name)}: ${why}`);
  if (name.length > 15) throw refuse('numerical result out of range');
  if (!isInterfaceName(name)) throw refuse('invalid argument');
  if (name === 'lo' || taken.has(name)) throw refuse('file exists');
  return name;
}

export interface InterfaceSettings {
  readonly name: string;
  readonly linkLocal?: readonly string[];
  readonly driverOptions?: DriverOptions;
}

/** `invalid_argument` for addresses that are not link-local. */
export function checkLinkLocal(addresses: readonly string[]): void {
  for (const ip of addresses)
    if (!ip.startsWith('169.254.') && !/^fe[89ab]/i.test(ip))
      throw new StrataError('invalid_argument', `invalid link local IP address: ${ip}`, { code: 'endpoint_failed' });
}

/** What netavark does not do to an interface in the namespace at `path`: more addresses, settings of the kernel. */
export async function settleInterface(
  path: string,
  { name, linkLocal = [], driverOptions = {} }: InterfaceSettings,
): Promise<void> {
  for (const ip of linkLocal) await inside(path, ['ip', 'addr', 'add', `${ip}/${isIPv4(ip) ? 16 : 64}`, 'dev', name]);
  for (const text of sysctlsOf(driverOptions)) {
    const sysctl = parseSysctl(text);
    if (!sysctl) continue;
    const file = `/proc/sys/net/${sysctl.family}/${sysctl.group}/${name}/${sysctl.setting}`;
    // Nothing here is made of what the user wrote but the arguments: the script is always the same.
    const script = `test -f "$1" || { echo "$1 is not a sysctl file" >&2; exit 1; }; printf '%s\\n' "$2" > "$1"`;
    await inside(path, ['sh', '-c', script, 'sh', file, sysctl.value]);
  }
}

async function inside(path: string, command: readonly string[]): Promise<void> {
  try {
    await execFileAsync('nsenter', [`--net=${path}`, '--', ...command], { env: hostEnvironment });
  } catch (cause) {
    throw failed((cause as { stderr?: string }).stderr?.trim() || String(cause), cause);
  }
}

function failed(why: string, cause?: unknown): StrataError {
  return new StrataError('invalid_argument', `failed to add interface to sandbox: ${why}`, {
    code: 'endpoint_failed',
    cause,
  });
}

function sysctlsOf(options: DriverOptions): readonly string[] {
  const text = options[keys.sysctls];
  return text ? text.split(',') : [];
}

/** `net.X.Y.IFNAME.Z=V`, in any case, since docker's client writes it in small letters. What becomes part of a path has no dot and no slash. */
function parseSysctl(text: string) {
  const match = /^net\.(ipv4|ipv6|mpls)\.([\w-]+)\.IFNAME\.([\w-]+)=(.*)$/is.exec(text);
  if (!match) return undefined;
  const [, family = '', group = '', setting = '', value = ''] = match;
  return { family, group, setting, value };
}
