import { readFileSync } from 'node:fs';
import { arch as nodeArch } from 'node:process';
import { StrataError } from '../errors/index.ts';
import type { Platform } from './types.ts';

const architectures: Readonly<Record<string, Pick<Platform, 'architecture' | 'variant'>>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
  ia32: { architecture: '386' },
};

/** Words that stand for an architecture when they stand alone; others may only follow an operating system. */
const knownArchitectures: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 armbe arm64be loong64 mips mipsle mips64 mips64le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
);

/** `os/architecture[/variant]`, in the form that containerd's `platforms` package normalises to. */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3) {
    throw new StrataError(
      'invalid_argument',
      `${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
      { code: 'invalid_platform', hint: 'a platform is os/architecture[/variant], for example linux/amd64' },
    );
  }
  if (parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw new StrataError('invalid_argument', `invalid platform ${JSON.stringify(text)}`, {
      code: 'invalid_platform',
      hint: 'a platform is os/architecture[/variant], for example linux/amd64',
    });
  }
  const knownSystems = ['linux', 'windows', 'darwin', 'freebsd'];
  if (parts.length === 1) {
    const word = parts[0]!.toLowerCase();
    if (knownSystems.includes(word)) return normalise(word, hostPlatform().architecture, undefined);
    if (!Object.hasOwn(architectures, word) && !knownArchitectures.has(word)) {
      throw new StrataError(
        'invalid_argument',
        `${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`,
        { code: 'invalid_platform', hint: 'a platform is os/architecture[/variant], for example linux/amd64' },
      );
    }
    return normalise('linux', word, undefined);
  }
  return normalise(parts[0]!.toLowerCase(), parts[1]!.toLowerCase(), parts[2]?.toLowerCase());
}

function normalise(os: string, architecture: string, variant: string | undefined): Platform {
  const known = architectures[architecture];
  let arch = known?.architecture ?? architecture;
  let v = variant ?? known?.variant;
  if (arch === 'arm64' && (v === '8' || v === 'v8')) v = undefined;
  if (arch === 'arm' && v === undefined) v = 'v7';
  if (arch === 'arm' && v !== undefined && /^\d$/.test(v)) v = `v${v}`;
  if (arch === 'amd64' && v === 'v1') v = undefined;
  if (arch === '') arch = hostPlatform().architecture;
  return v === undefined ? { os, architecture: arch } : { os, architecture: arch, variant: v };
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/');
}

/** The platform that this machine's kernel runs without emulation. */
export function hostPlatform(): Platform {
  const known = architectures[nodeArch];
  return {
    os: 'linux',
    architecture: known?.architecture ?? nodeArch,
    ...(known?.variant && { variant: known.variant }),
  };
}

/** As {@link hostPlatform}, with the level of an amd64 processor as containerd tells it (`v1` to `v4`). */
export function detectedPlatform(): Platform {
  const host = hostPlatform();
  if (host.architecture !== 'amd64') return host;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' '));
  const level = levels.findIndex((needed) => needed.split(' ').some((flag) => !flags.has(flag)));
  return { ...host, variant: `v${level < 0 ? levels.length + 1 : level + 1}` };
}

/** What the kernel calls the features of each level of amd64, from the second on. */
const levels: readonly string[] = [
  'cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3',
  'abm avx avx2 bmi1 bmi2 f16c fma movbe xsave',
  'avx512bw avx512cd avx512dq avx512f avx512vl',
];

/** Whether an image made for `have` serves a request for `want`: variants count only where both name one. */
export function platformMatches(want: Platform, have: Platform): boolean {
  if (want.os !== have.os || want.architecture !== have.architecture) return false;
  const a = normalise(want.os, want.architecture, want.variant).variant;
  const b = normalise(have.os, have.architecture, have.variant).variant;
  return a === undefined || b === undefined || a === b;
}
