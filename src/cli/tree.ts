import type { Command } from './command.ts';

export interface Leaf {
  readonly kind: 'leaf';
  readonly summary: string;
  /**
   * Whether the daemon may run it for a caller, who is spared the start of a process (see `resident/`): it reads no
   * standard input, or says of its words whether it does (`isResident`), and resolves paths with the session.
   */
  readonly resident: boolean;
  /** Where the command lives; loaded only when it is called. */
  load(): Promise<{ readonly command: Command }>;
}

export interface Group {
  readonly kind: 'group';
  readonly summary: string;
  readonly commands: Readonly<Record<string, Leaf>>;
  /** Other names of its commands. */
  readonly aliases: Readonly<Record<string, string>>;
  /** What the complaint about an unknown command shows; default: the name of the group. */
  readonly synopsis?: string;
}

function leaf(summary: string, load: Leaf['load']): Leaf {
  return { kind: 'leaf', summary, resident: false, load };
}

function resident(summary: string, load: Leaf['load']): Leaf {
  return { ...leaf(summary, load), resident: true };
}

const image: Group = {
  kind: 'group',
  summary: 'Manage images',
  commands: {
    build: resident('Build an image from a Dockerfile', () => import('./commands/image/build.ts')),
    history: resident('Show the history of an image', () => import('./commands/image/history.ts')),
    import: leaf('Make an image of the files in an archive', () => import('./commands/image/import.ts')),
    inspect: resident('Show everything that is known of images', () => import('./commands/image/inspect.ts')),
    load: leaf('Load images from an archive', () => import('./commands/image/load.ts')),
    ls: resident('List images', () => import('./commands/image/ls.ts')),
    prune: resident('Remove unused images', () => import('./commands/image/prune.ts')),
    pull: resident('Download an image from a registry', () => import('./commands/image/pull.ts')),
    push: resident('Upload an image to a registry', () => import('./commands/image/push.ts')),
    rm: resident('Remove images', () => import('./commands/image/rm.ts')),
    save: leaf('Write images to an archive', () => import('./commands/image/save.ts')),
    tag: resident('Give an image another name', () => import('./commands/image/tag.ts')),
  },
  aliases: { list: 'ls', remove: 'rm' },
};

const container: Group = {
  kind: 'group',
  summary: 'Manage containers',
  commands: {
    attach: resident('Connect this terminal to a running container', () => import('./commands/container/attach.ts')),
    commit: resident("Make an image of a container's changes", () => import('./commands/container/commit.ts')),
    cp: leaf('Copy files between a container and this machine', () => import('./commands/container/cp.ts')),
    create: resident('Create a container without starting it', () => import('./commands/container/create.ts')),
    diff: resident('Show which files of a container were changed', () => import('./commands/container/diff.ts')),
    exec: resident('Run a command in a running container', () => import('./commands/container/exec.ts')),
    export: leaf('Write the files of a container to an archive', () => import('./commands/container/export.ts')),
    inspect: resident('Show everything that is known of containers', () => import('./commands/container/inspect.ts')),
    kill: resident('Send a signal to containers', () => import('./commands/container/kill.ts')),
    logs: resident('Show what a container wrote', () => import('./commands/container/logs.ts')),
    ls: resident('List containers', () => import('./commands/container/ls.ts')),
    pause: resident('Freeze the processes of containers', () => import('./commands/container/pause.ts')),
    port: resident('List the published ports of a container', () => import('./commands/container/port.ts')),
    prune: resident('Remove all stopped containers', () => import('./commands/container/prune.ts')),
    rename: resident('Rename a container', () => import('./commands/container/rename.ts')),
    restart: resident('Restart containers', () => import('./commands/container/restart.ts')),
    rm: resident('Remove containers', () => import('./commands/container/rm.ts')),
    run: resident('Create and start a container from an image', () => import('./commands/container/run.ts')),
    start: resident('Start stopped containers', () => import('./commands/container/start.ts')),
    stats: resident('Show the resources that containers use', () => import('./commands/container/stats.ts')),
    stop: resident('Stop running containers', () => import('./commands/container/stop.ts')),
    top: resident('Show the processes of a container', () => import('./commands/container/top.ts')),
    unpause: resident('Go on with the processes of frozen containers', () => import('./commands/container/unpause.ts')),
    update: resident('Change the limits of containers', () => import('./commands/container/update.ts')),
    wait: resident(
      'Wait until containers stop, then print their exit codes',
      () => import('./commands/container/wait.ts'),
    ),
  },
  aliases: { list: 'ls', ps: 'ls', remove: 'rm' },
};

const network: Group = {
  kind: 'group',
  summary: 'Manage networks',
  commands: {
    connect: resident('Connect a container to a network', () => import('./commands/network/connect.ts')),
    create: resident('Create a network', () => import('./commands/network/create.ts')),
    disconnect: resident('Disconnect a container from a network', () => import('./commands/network/disconnect.ts')),
    inspect: resident('Show everything that is known of networks', () => import('./commands/network/inspect.ts')),
    ls: resident('List networks', () => import('./commands/network/ls.ts')),
    prune: resident('Remove all unused networks', () => import('./commands/network/prune.ts')),
    rm: resident('Remove networks', () => import('./commands/network/rm.ts')),
  },
  aliases: { list: 'ls', remove: 'rm' },
};

const volume: Group = {
  kind: 'group',
  summary: 'Manage volumes',
  synopsis: 'strata volume COMMAND',
  commands: {
    create: resident('Create a volume', () => import('./commands/volume/create.ts')),
    inspect: resident('Show everything that is known of volumes', () => import('./commands/volume/inspect.ts')),
    ls: resident('List volumes', () => import('./commands/volume/ls.ts')),
    prune: resident('Remove unused volumes', () => import('./commands/volume/prune.ts')),
    rm: resident('Remove volumes', () => import('./commands/volume/rm.ts')),
  },
  aliases: { list: 'ls', remove: 'rm' },
};

const system: Group = {
  kind: 'group',
  summary: 'Manage the engine',
  commands: {
    df: resident('Show how much disk images, containers and caches use', () => import('./commands/system/df.ts')),
    events: resident('Follow what happens in the engine', () => import('./commands/system/events.ts')),
    info: resident('Show the state and the settings of the engine', () => import('./commands/system/info.ts')),
    prune: resident('Remove unused data', () => import('./commands/system/prune.ts')),
    shutdown: leaf("Stop the engine's daemon", () => import('./commands/system/shutdown.ts')),
  },
  aliases: {},
};

const builder: Group = {
  kind: 'group',
  summary: 'Manage builds',
  commands: {
    build: image.commands['build']!,
    prune: resident('Remove the build cache', () => import('./commands/builder/prune.ts')),
  },
  aliases: {},
};

const manifest: Group = {
  kind: 'group',
  summary: 'Manage manifest lists, which give one name to images of many platforms',
  synopsis: 'strata manifest COMMAND',
  commands: {
    annotate: leaf('Say for which platform an image of a list is', () => import('./commands/manifest/annotate.ts')),
    create: leaf('Create a manifest list on this machine', () => import('./commands/manifest/create.ts')),
    inspect: leaf('Show an image manifest or a manifest list', () => import('./commands/manifest/inspect.ts')),
    push: leaf('Push a manifest list to a registry', () => import('./commands/manifest/push.ts')),
    rm: leaf('Remove manifest lists from this machine', () => import('./commands/manifest/rm.ts')),
  },
  aliases: {},
};

export const groups: Readonly<Record<string, Group>> = { builder, container, image, manifest, network, system, volume };

/** Commands without a group, in the order of the help. */
export const commonCommands: Readonly<Record<string, Leaf>> = {
  run: container.commands['run']!,
  exec: container.commands['exec']!,
  ps: container.commands['ls']!,
  build: image.commands['build']!,
  pull: image.commands['pull']!,
  push: image.commands['push']!,
  images: image.commands['ls']!,
  login: leaf('Log in to a registry', () => import('./commands/registry/login.ts')),
  logout: leaf('Log out from a registry', () => import('./commands/registry/logout.ts')),
  search: leaf('Search Docker Hub for images', () => import('./commands/registry/search.ts')),
  version: resident('Show the versions of client and engine', () => import('./commands/system/version.ts')),
  info: system.commands['info']!,
};

export const otherCommands: Readonly<Record<string, Leaf>> = {
  attach: container.commands['attach']!,
  commit: container.commands['commit']!,
  cp: container.commands['cp']!,
  create: container.commands['create']!,
  daemon: leaf('Run the engine in the foreground', () => import('./commands/system/daemon.ts')),
  diff: container.commands['diff']!,
  events: system.commands['events']!,
  export: container.commands['export']!,
  history: image.commands['history']!,
  import: image.commands['import']!,
  inspect: resident('Show everything that is known of an object', () => import('./commands/system/inspect.ts')),
  kill: container.commands['kill']!,
  load: image.commands['load']!,
  logs: container.commands['logs']!,
  pause: container.commands['pause']!,
  port: container.commands['port']!,
  rename: container.commands['rename']!,
  restart: container.commands['restart']!,
  rm: container.commands['rm']!,
  rmi: image.commands['rm']!,
  save: image.commands['save']!,
  start: container.commands['start']!,
  stats: container.commands['stats']!,
  stop: container.commands['stop']!,
  tag: image.commands['tag']!,
  top: container.commands['top']!,
  unpause: container.commands['unpause']!,
  update: container.commands['update']!,
  wait: container.commands['wait']!,
};

/** Every way to call a command that the daemon may run, e.g. `image ls`, `images`. */
export function residentSpellings(): readonly string[] {
  const grouped = Object.values(groups).flatMap(({ commands }) => Object.values(commands));
  const leaves = new Set([...grouped, ...Object.values(commonCommands), ...Object.values(otherCommands)]);
  return [...leaves].filter((one) => one.resident).flatMap(spellingsOf);
}

/** Every way to call this command, without the program's name. */
export function spellingsOf(wanted: Leaf): readonly string[] {
  const inGroups = Object.entries(groups).flatMap(([noun, group]) => {
    const name = Object.keys(group.commands).find((verb) => group.commands[verb] === wanted);
    if (name === undefined) return [];
    const others = Object.keys(group.aliases).filter((alias) => group.aliases[alias] === name);
    return [name, ...others].map((verb) => `${noun} ${verb}`);
  });
  const alone = Object.entries({ ...commonCommands, ...otherCommands });
  return [...inGroups, ...alone.filter(([, leaf]) => leaf === wanted).map(([name]) => name)];
}
