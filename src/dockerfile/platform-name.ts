import type { PlatformParts } from './scope.ts';

const systems = ['linux', 'windows', 'darwin', 'freebsd', 'android', 'netbsd', 'openbsd', 'solaris', 'plan9', 'wasip1'];
const architectures: Readonly<Record<string, string>> = {
  ...{ amd64: 'amd64', x86_64: 'amd64', 'x86-64': 'amd64', arm64: 'arm64', aarch64: 'arm64', arm: 'arm' },
  ...{ armhf: 'arm', armel: 'arm', '386': '386', i386: '386', ppc64le: 'ppc64le', ppc64: 'ppc64', s390x: 's390x' },
  ...{ riscv64: 'riscv64', mips: 'mips', mipsle: 'mipsle', mips64: 'mips64', mips64le: 'mips64le', wasm: 'wasm' },
  ...{ loong64: 'loong64' },
};

/** Reads `os`, `arch`, `os/arch` or `os/arch/variant`; undefined for anything else. `host` fills what is left out. */
export function readPlatformName(text: string, host: PlatformParts): { os: string; architecture: string } | undefined {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) return undefined;
  const [first = '', second] = parts;
  if (second !== undefined) return { os: first, architecture: architectureOf(second) ?? second };
  if (systems.includes(first)) return { os: first, architecture: host.architecture };
  const architecture = architectureOf(first);
  return architecture === undefined ? undefined : { os: host.os, architecture };
}

function architectureOf(name: string): string | undefined {
  return Object.hasOwn(architectures, name) ? architectures[name] : undefined;
}
