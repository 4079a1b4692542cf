/** A daemon that is killed at some instant: starts and ends containers and steps as fast as it can. Its argument is its place. */
import type { Digest } from '../../oci/index.ts';
import { openParts, type TestPlace } from './host.ts';

const place = JSON.parse(process.argv[2]!) as TestPlace;
const parts = await openParts(place);
/** Tells its processes from everybody else's. */
const mark = `PLACE=${place.top}`;
process.stdout.write('open\n');

async function one(cmd: readonly string[], autoRemove: boolean): Promise<void> {
  const { container } = await parts.containers.create({
    config: { Cmd: cmd, Env: [mark] },
    host: { AutoRemove: autoRemove, PortBindings: { '80/tcp': [{ HostPort: '' }] } },
    image: async () => ({ id: `sha256:${'1'.repeat(64)}` as Digest, snapshot: parts.image, config: {} }),
  });
  await parts.containers.start(container.id);
}

async function step(): Promise<void> {
  const active = await parts.snapshots.prepare(parts.image);
  const mounted = await parts.snapshots.mount(active);
  const io = { stdout: () => {}, stderr: () => {}, signal: new AbortController().signal };
  await parts.steps.run(
    {
      root: mounted.target,
      args: ['sleep', '33'],
      env: ['PATH=/bin', mark],
      cwd: '/',
      user: { uid: 0, gid: 0, groups: [], home: '/' },
      mounts: [],
      network: 'bridge',
      insecure: false,
    },
    io,
  );
}

void step();
for (;;) {
  await one(['sleep', '0.1'], true);
  await one(['sh', '-c', 'echo kept; exit 4'], false);
  await one(['sleep', '300'], false);
}
