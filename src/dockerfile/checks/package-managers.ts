/** What is known of package managers: how they install, what they leave behind and how that is avoided. */

import { operandsOf, programOf, type ShellCommand } from './shell-text.ts';

export interface PackageManager {
  readonly name: string;
  readonly programs: readonly string[];
  /** First operands that download and install. */
  readonly installs: readonly string[];
  /** First operands that already leave lists or caches. */
  readonly fills: readonly string[];
  readonly removes: readonly string[];
  /** Folders that it fills. */
  readonly caches: readonly string[];
  /** Options of the install command after which nothing is left. */
  readonly cleanOptions: readonly string[];
  /** Whether a command cleans up. */
  readonly cleans: (command: ShellCommand) => boolean;
  /** Options that take the next word along. */
  readonly valuedOptions: readonly string[];
  /** How to avoid it, for the message. */
  readonly advice: string;
}

const subcommand =
  (word: string, ...more: string[]) =>
  (command: ShellCommand) => {
    const operands = packageOperands(command);
    return operands[0] === word && more.every((name) => operands.includes(name));
  };

export const packageManagers: readonly PackageManager[] = [
  {
    name: 'apt-get',
    programs: ['apt-get', 'apt', 'aptitude'],
    installs: ['install'],
    fills: ['update'],
    removes: ['purge', 'remove', 'autoremove'],
    caches: ['/var/lib/apt/lists', '/var/lib/apt'],
    cleanOptions: [],
    cleans: (command) => ['dist-clean', 'distclean'].includes(packageOperands(command)[0] ?? ''),
    valuedOptions: ['-o', '--option', '-t', '--target-release', '--default-release', '-c', '--config-file', '-a'],
    advice: '"rm -rf /var/lib/apt/lists/*"',
  },
  {
    name: 'apk',
    programs: ['apk'],
    installs: ['add'],
    fills: ['add', 'update'],
    removes: ['del'],
    caches: ['/var/cache/apk'],
    cleanOptions: ['--no-cache', '--no-network'],
    cleans: () => false,
    valuedOptions: [
      '-t',
      '--virtual',
      '-X',
      '--repository',
      '-p',
      '--root',
      '--arch',
      '--keys-dir',
      '--repositories-file',
      '--wait',
    ],
    advice: '"apk add --no-cache"',
  },
  {
    name: 'dnf',
    programs: ['dnf', 'yum', 'microdnf', 'tdnf'],
    installs: ['install', 'groupinstall', 'localinstall'],
    fills: ['install', 'groupinstall', 'update', 'upgrade', 'makecache'],
    removes: ['remove', 'erase', 'autoremove'],
    caches: ['/var/cache/dnf', '/var/cache/yum', '/var/cache/libdnf5'],
    cleanOptions: [],
    cleans: subcommand('clean', 'all'),
    valuedOptions: [
      '-c',
      '--config',
      '-x',
      '--exclude',
      '--installroot',
      '--releasever',
      '--repo',
      '--enablerepo',
      '--disablerepo',
    ],
    advice: '"dnf clean all"',
  },
  {
    name: 'zypper',
    programs: ['zypper'],
    installs: ['install', 'in'],
    fills: ['install', 'in', 'refresh', 'ref', 'update', 'up'],
    removes: ['remove', 'rm'],
    caches: ['/var/cache/zypp'],
    cleanOptions: [],
    cleans: (command) => ['clean', 'cc'].includes(packageOperands(command)[0] ?? ''),
    valuedOptions: ['-r', '--repo', '-R', '--root', '--from', '-c', '--config'],
    advice: '"zypper clean --all"',
  },
];

export function managerOf(command: ShellCommand): PackageManager | undefined {
  const program = programOf(command);
  return packageManagers.find((manager) => manager.programs.includes(program));
}

/** The action of a package manager and what it is done to. */
export function packageOperands(command: ShellCommand): string[] {
  return operandsOf(command, managerOf(command)?.valuedOptions);
}

/** The packages that a command installs; empty where it installs none. */
export function installedPackages(command: ShellCommand): string[] {
  const manager = managerOf(command);
  const [action = '', ...packages] = packageOperands(command);
  return manager?.installs.includes(action) ? packages : [];
}

/** Installers of language packages: they read a list of dependencies from the context, and little else. */
export function isDependencyInstall(command: ShellCommand): boolean {
  const program = programOf(command);
  const [action = '', object = ''] = operandsOf(command);
  switch (program) {
    case 'npm':
    case 'pnpm':
      return ['ci', 'install', 'i'].includes(action);
    case 'yarn':
      return action === '' || action === 'install';
    case 'pip':
    case 'pip3':
      return action === 'install' && command.some((word) => word === '-r' || word.startsWith('--requirement'));
    case 'bundle':
    case 'composer':
    case 'poetry':
      return action === 'install' || action === '';
    case 'go':
      return action === 'mod' && object === 'download';
    case 'cargo':
      return action === 'fetch';
    case 'dotnet':
      return action === 'restore';
    default:
      return false;
  }
}

const toolNames = new Set([
  ...[
    'build-essential',
    'gcc',
    'g++',
    'clang',
    'llvm',
    'make',
    'cmake',
    'ninja',
    'ninja-build',
    'autoconf',
    'automake',
  ],
  ...[
    'libtool',
    'binutils',
    'musl-dev',
    'libc-dev',
    'libc6-dev',
    'linux-headers',
    'rustc',
    'cargo',
    'golang',
    'golang-go',
  ],
  ...[
    'go',
    'default-jdk',
    'maven',
    'gradle',
    'gfortran',
    'bison',
    'flex',
    'build-base',
    'alpine-sdk',
    'gcc-c++',
    'kernel-devel',
  ],
]);

/** Compilers, their tools and headers, without the version that may follow (`gcc=12`, `gcc-12`). */
export function isBuildTool(name: string): boolean {
  const plain = name.replace(/[=<>~].*$/, '').replace(/:\w+$/, '');
  return (
    toolNames.has(plain) ||
    toolNames.has(plain.replace(/-\d+(\.\d+)*$/, '')) ||
    /^lib.*-dev(el)?$/.test(plain) ||
    /-devel$/.test(plain)
  );
}
