import { isIP } from 'node:net';

/** Values of options that are refused at once; each gives the value to keep, or throws the reason. */

export function checkEnv(text: string): string {
  if (text.startsWith('=')) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

export function checkLabel(text: string): string {
  if (text.startsWith('=')) throw new Error(`invalid label '${text}': empty name`);
  return text;
}

/** Settings of the kernel that belong to a container's own namespaces. */
const sysctlNames = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
];

export function checkSysctl(text: string): string {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const known = at !== -1 && (sysctlNames.includes(name) || /^(net|fs\.mqueue)\./.test(name));
  if (!known) throw new Error(`sysctl '${text}' is not allowed`);
  return text;
}

export function checkStream(text: string): string {
  const stream = text.toLowerCase();
  if (!['stdin', 'stdout', 'stderr'].includes(stream)) throw new Error('valid streams are STDIN, STDOUT and STDERR');
  return stream;
}

/** `host:address` or `host=address`, an IPv6 address in brackets or bare; `host-gateway` is this machine. */
export function checkHost(text: string): string {
  const at = text.search(/[:=]/);
  const [host, address] = [text.slice(0, at), text.slice(at + 1).replace(/^\[(.*)\]$/, '$1')];
  if (at <= 0 || address === '') throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  if (address !== 'host-gateway' && isIP(address) === 0) {
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  return `${host}:${address}`;
}
