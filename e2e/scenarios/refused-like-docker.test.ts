/**
 * What Docker refuses, Strata refuses: in its words and with its exit code, through the real docker client. The words are
 * recorded from Docker 28.5; with `STRATA_PEERS` in the environment and `DOCKER_HOST` at such an engine, each line is asked
 * of that, too.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { execute, startEngine, type TestEngine } from '../harness/engine.ts';
import { dockerIs28 } from '../harness/twins.ts';

const skip = (await dockerIs28()) ? false : 'needs the docker client 28: others have other words';
const peer = process.env['STRATA_PEERS'] ? process.env['DOCKER_HOST'] : undefined;
let engine: TestEngine;

before(async () => {
  if (skip) return;
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => await engine?.stop());

interface Answer {
  readonly code: number;
  readonly output: string;
}

/** Without ids, places of the engine's own, and what the client adds. */
function plain(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll(/(lstat|mkdir) \S+\/(x{300})/g, '$1 ROOT/$2')
    .replaceAll('x'.repeat(300), 'LONG')
    .replace(/^docker: /, '')
    .replace(/\n\nRun 'docker .*/s, '')
    .trim();
}

async function ask(line: readonly string[], host?: string): Promise<Answer> {
  const env = host === undefined ? {} : { DOCKER_HOST: host };
  const options = { accept: 'any' as const, timeoutMs: 60_000 };
  const { code, stderr } =
    host === undefined
      ? await engine.docker(line, options)
      : await execute('docker', line, { ...options, env: { ...(process.env as Record<string, string>), ...env } });
  return { code, output: plain(stderr).replace('Error response from daemon: ', '') };
}

/** The client ends with 127 where the message speaks of a file that is not there. */
async function compare(rows: readonly (readonly [string, number, string])[]): Promise<void> {
  for (const [text, code, output] of rows) {
    const line = text.replaceAll('LONG', 'x'.repeat(300)).split(' ');
    assert.deepEqual(await ask(line), { code, output }, text);
    if (peer) assert.deepEqual(await ask(line, peer), { code, output }, `${text} (the other engine)`);
  }
}

test('settings that cannot be', { skip }, async () => {
  await compare([
    ['create -w foo busybox', 1, "the working directory 'foo' is invalid, it needs to be an absolute path"],
    ['run --rm -w foo nosuch', 125, "the working directory 'foo' is invalid, it needs to be an absolute path"],
    ['run --rm -w /LONG busybox', 125, 'lstat ROOT/LONG: file name too long'],
    ['run --rm -v /LONG busybox', 125, 'lstat ROOT/LONG: file name too long'],
    ['run --rm --health-interval 1us --health-cmd x busybox', 125, 'Interval in Healthcheck cannot be less than 1ms'],
    ['run --rm --stop-signal foo busybox', 125, 'invalid signal: foo'],
    ['run --rm --stop-signal 99 busybox true', 0, ''],
    ['run --rm --ipc foo busybox', 125, 'invalid IPC mode: foo'],
    ['run --rm --cap-add foo busybox', 125, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    ['run --rm --memory-reservation 1m busybox', 125, 'Minimum memory reservation allowed is 6MB'],
    ['run --rm --cpuset-cpus x busybox', 125, 'Invalid value x for cpuset cpus: invalid format: x'],
    ['run --rm --log-opt a=b busybox', 125, "unknown log opt 'a' for json-file log driver"],
    [
      'run --rm --log-opt max-size=x busybox',
      125,
      "failed to create task for container: failed to initialize logging driver: invalid size: 'x'",
    ],
    [
      'run --rm --storage-opt size=1G busybox',
      125,
      "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    ],
    ['run --rm --gpus all busybox', 125, 'could not select device driver "" with capabilities: [[gpu]]'],
  ]);
});

test('what is done with a container that is there', { skip }, async () => {
  const make = ['run', '-d', '--name', 'strata-refused', '-m', '64m', '--cpus', '1', 'busybox', 'sleep', '300'];
  const hosts = [undefined, ...(peer ? [peer] : [])];
  for (const host of hosts) assert.equal((await ask(make, host)).code, 0);
  try {
    await compare([
      // Why a process does not start is told on its standard output.
      ['exec -w foo strata-refused true', 128, ''],
      ['exec strata-refused nope', 127, ''],
      ['exec -u nope strata-refused true', 1, 'unable to find user nope: no matching entries in passwd file'],
      ['exec --detach-keys foo strata-refused true', 1, 'Invalid escape keys (foo) provided'],
      [
        'kill -s 99 strata-refused',
        1,
        'cannot kill container: strata-refused: the linux daemon does not support signal 99',
      ],
      ['update --memory-reservation 1m strata-refused', 1, 'Minimum memory reservation allowed is 6MB'],
      [
        'update --cpu-period 10000 strata-refused',
        1,
        'Cannot update container ID: Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set',
      ],
      ['rm -l strata-refused', 1, 'Conflict, cannot remove the default link name of the container'],
      ['network rm bridge', 1, 'bridge is a pre-defined network and cannot be removed\nexit status 1'],
      ['network create -d foo strata-refused', 1, 'plugin "foo" not found'],
      ['network create --ipam-driver foo strata-refused', 1, 'plugin "foo" not found'],
      [
        'volume create a',
        1,
        'create a: volume name is too short, names should be at least two alphanumeric characters',
      ],
      [
        'volume create -o size=10m strata-refused',
        1,
        'create strata-refused: quota size requested but no quota support',
      ],
      ['cp strata-refused:/LONG /tmp/x', 1, 'lstat /LONG: file name too long'],
      ['commit -c EXPOSE\tx strata-refused', 1, 'Invalid containerPort: x'],
    ]);
  } finally {
    for (const host of hosts) await ask(['rm', '-f', 'strata-refused'], host);
  }
});

test('mounts that cannot be', { skip }, async () => {
  await compare([
    ['run --rm --tmpfs foo busybox', 125, "invalid mount path: 'foo' mount path must be absolute"],
    ['run --rm --tmpfs /a:bad busybox', 125, 'invalid tmpfs option "bad"'],
    ['run --rm --volumes-from nope busybox', 125, 'No such container: nope'],
    ['create --volumes-from nope:zz busybox', 1, 'invalid mode: zz'],
    ['run --rm --mount type=volume,dst=/x,volume-opt=a busybox', 125, 'create ID: invalid option: "a"'],
    ['run --rm -v x:y busybox true', 0, ''],
    ['run --rm -v /tmp:/x:ro,rw busybox', 125, 'invalid mode: ro,rw'],
    ['run --rm -v /tmp:/x -v /etc:/x busybox', 125, 'Duplicate mount point: /x'],
    [
      'run --rm -v /proc/nope/x:/x busybox',
      127,
      "error while creating mount source path '/proc/nope/x': mkdir /proc/nope: no such file or directory",
    ],
  ]);
});

const icc = 'com.docker.network.bridge.enable_icc';
const mode = 'com.docker.network.bridge.gateway_mode_ipv4';
const noConfig =
  'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.';

test('options of networks that cannot be', { skip }, async () => {
  const create = (options: string, message: string): readonly [string, number, string] => [
    `network create ${options} strata-refused`,
    1,
    message,
  ];
  const parse = (option: string, why: string) =>
    create(`-o ${option}`, `failed to parse ${option.replace('=', ' value: ')} (${why})`);
  const noBool = 'strconv.ParseBool: parsing "x": invalid syntax';
  await compare([
    create('--ipv4=false', 'IPv4 or IPv6 must be enabled'),
    create('-o com.docker.network.enable_ipv4=false', 'IPv4 or IPv6 must be enabled'),
    parse(`${icc}=x`, noBool),
    parse('com.docker.network.bridge.enable_ip_masquerade=x', noBool),
    parse('com.docker.network.bridge.inhibit_ipv4=x', noBool),
    parse(`${mode}=x`, 'unknown gateway mode x'),
    parse('com.docker.network.bridge.gateway_mode_ipv6=x', 'unknown gateway mode x'),
    create(`-o ${mode}=isolated`, "gateway mode 'isolated' can only be used for an internal network"),
    parse('com.docker.network.driver.mtu=x', 'strconv.Atoi: parsing "x": invalid syntax'),
    create('-o com.docker.network.driver.mtu=-1', 'invalid MTU number: -1'),
    parse('com.docker.network.bridge.host_binding_ipv4=x', 'nil ip'),
    parse('com.docker.network.host_ipv4=x', 'nil ip'),
    create(
      '--subnet 10.250.7.0/24 --ip-range 10.250.7.130/28',
      'invalid network config:\ninvalid ip-range 10.250.7.130/28: it should be 10.250.7.128/28',
    ),
    create(
      '--subnet 10.250.7.0/24 --aux-address a=10.250.7.1',
      'failed to allocate secondary ip address (a:10.250.7.1): Address already in use',
    ),
    create(
      '--subnet 10.250.7.0/24 --gateway 10.250.7.255',
      'failed to allocate gateway (10.250.7.255): Address already in use',
    ),
    create('--scope swarm', 'cannot create a swarm scoped network when swarm is not active'),
    create('--ingress', 'Ingress network can only be global scope network'),
    create('--config-only --internal', noConfig),
    create('--config-only --attachable', noConfig),
    create('--config-only --scope local', noConfig),
    create('--config-from nosuch', 'configuration network "nosuch" does not exist'),
    create(
      '-d overlay',
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ),
    create('-d host', 'only one instance of "host" network is allowed'),
    create('-d null', 'only one instance of "null" network is allowed'),
    create('--ipam-driver null', 'ipv4 pool is empty'),
  ]);
});

/** One request to the API, with the status and what was answered. */
async function api(method: string, path: string, body?: object): Promise<readonly [number, string]> {
  return await new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: engine.socket, method, path, headers: { 'content-type': 'application/json' }, agent: false },
      (answer) => void text(answer).then((all) => resolve([answer.statusCode ?? 0, all]), reject),
    );
    sent.on('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

test('the API: networks that cannot be, what has no effect, what is of an older version', { skip }, async () => {
  const config = (one: object) => ({ IPAM: { Config: [one] } });
  const Subnet = '10.250.7.0/24';
  const outside = "parent subnet 10.250.7.0/24 doesn't contain";
  const noIPv6 = 'IPv6 is not supported on networks: containers have IPv4 addresses alone';
  const wrong = 'invalid network config:\n';
  const rows: readonly (readonly [object, number, string])[] = [
    [{ EnableIPv4: false }, 400, 'IPv4 or IPv6 must be enabled'],
    // Docker has these; here they are refused.
    [{ EnableIPv6: true }, 501, noIPv6],
    [{ EnableIPv4: false, EnableIPv6: true }, 501, noIPv6],
    [{ Options: { 'com.docker.network.enable_ipv6': 'true' } }, 501, noIPv6],
    [{ Driver: 'macvlan' }, 501, 'network driver "macvlan" is not supported: networks are bridges'],
    [{ Driver: 'ipvlan' }, 501, 'network driver "ipvlan" is not supported: networks are bridges'],
    [{ Scope: 'global' }, 400, 'invalid scope "global": networks are of this engine alone'],
    [{ Scope: 'swarm' }, 403, 'cannot create a swarm scoped network when swarm is not active'],
    [{ Ingress: true }, 403, 'Ingress network can only be global scope network'],
    [{ ConfigOnly: true, Scope: 'local' }, 403, noConfig],
    [{ ConfigFrom: { Network: 'zz' } }, 404, 'configuration network "zz" does not exist'],
    [{ IPAM: { Driver: 'zz' } }, 404, 'plugin "zz" not found'],
    [{ IPAM: { Driver: 'null' } }, 400, 'ipv4 pool is empty'],
    [config({ IPRange: '10.250.8.128/28' }), 400, `${wrong}invalid subnet : invalid CIDR block notation`],
    [
      config({ Subnet, IPRange: '10.250.8.128/28' }),
      400,
      `${wrong}invalid ip-range 10.250.8.128/28: ${outside} ip-range`,
    ],
    [config({ Subnet, IPRange: 'x' }), 400, `${wrong}invalid ip-range x: invalid CIDR block notation`],
    [
      config({ Subnet, IPRange: '10.250.0.0/16' }),
      400,
      `${wrong}invalid ip-range 10.250.0.0/16: CIDR block is bigger than its parent subnet ${Subnet}`,
    ],
    [config({ Subnet, Gateway: '10.250.8.1' }), 400, `${wrong}invalid gateway 10.250.8.1: ${outside} this address`],
    [config({ Subnet, Gateway: 'x' }), 400, `${wrong}invalid gateway x: invalid address`],
    [
      config({ Subnet, AuxiliaryAddresses: { a: '10.250.8.1' } }),
      400,
      `${wrong}invalid auxiliary address a: ${outside} this address`,
    ],
    [config({ Subnet, AuxiliaryAddresses: { a: 'x' } }), 400, `${wrong}invalid auxiliary address a: invalid address`],
    [
      { Options: { [icc]: 'x' } },
      400,
      `failed to parse ${icc} value: x (strconv.ParseBool: parsing "x": invalid syntax)`,
    ],
  ];
  for (const [body, status, message] of rows) {
    const answer = await api('POST', '/v1.51/networks/create', { Name: 'strata-refused', ...body });
    assert.deepEqual([answer[0], JSON.parse(answer[1])], [status, { message }], JSON.stringify(body));
  }
  const made = async (version: string, body: object) => {
    const [status, answer] = await api('POST', `/v${version}/networks/create`, { Name: 'strata-refused', ...body });
    assert.equal(status, 201, answer);
    assert.equal((await api('DELETE', '/networks/strata-refused'))[0], 204);
    return (JSON.parse(answer) as { Warning: string }).Warning;
  };
  // Before 1.48 nothing was said of IPv4.
  assert.equal(await made('1.47', { EnableIPv4: false }), '');
  assert.equal(await made('1.43', { CheckDuplicate: false, Options: { [icc]: 'true' } }), '');
  assert.match(
    await made('1.51', { Options: { 'some.unknown': 'x' } }),
    /^option "some.unknown" is unknown to the bridge driver/,
  );
  assert.match(await made('1.51', { IPAM: { Options: { zz: 'x' } } }), /^option "zz" is unknown to the IPAM driver/);
  for (const [path, status] of [
    ['/networks/', 200],
    ['/v1.51/networks/bridge?scope=local', 200],
    ['/v1.51/networks/bridge?scope=swarm', 404],
    ['/v1.51/networks/bridge?verbose=1', 200],
    ['/v1.51/networks/bridge?verbose=xx', 400],
    ['/v1.51/networks/bridge/', 404],
  ] as const)
    assert.equal((await api('GET', path))[0], status, path);
});

test('networks tell of containers that come and go, in the order of Docker', { skip }, async () => {
  const since = (Date.now() - 1) / 1000;
  for (const line of [
    'network create strata-first',
    'network create strata-second',
    'run -d --name strata-one --network strata-first busybox sleep 1000',
    'network connect strata-second strata-one',
    'network disconnect strata-second strata-one',
    'restart -t 0 strata-one',
    'kill strata-one',
    'network connect strata-second strata-one',
    'network disconnect strata-second strata-one',
    'rm strata-one',
    'run --rm --name strata-two --network none busybox true',
    'run --rm --name strata-three --network host busybox true',
    'network rm strata-first',
    'network prune -f',
  ])
    await engine.docker(line.split(' '));
  const until = String(Date.now() / 1000);
  const { stdout } = await engine.docker([
    'events',
    '--since',
    String(since),
    '--until',
    until,
    '--format',
    '{{json .}}',
  ]);
  interface Event {
    readonly Type: string;
    readonly Action: string;
    readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  }
  const told = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
    .filter(({ Type }) => Type === 'network' || Type === 'container');
  const ids = new Map(
    told.filter(({ Type }) => Type === 'container').map(({ Actor }) => [Actor.ID, Actor.Attributes['name']]),
  );
  const lines = told.map(({ Type, Action, Actor: { Attributes } }) =>
    [Type, Action, Attributes['name'], Attributes['type'], ids.get(Attributes['container'] ?? '')]
      .filter(Boolean)
      .join(' '),
  );
  assert.deepEqual(
    lines.filter((line) => !/ (attach|stop) /.test(line)),
    [
      'network create strata-first bridge',
      'network create strata-second bridge',
      'container create strata-one',
      'network connect strata-first bridge strata-one',
      'container start strata-one',
      'network connect strata-second bridge strata-one',
      'network disconnect strata-second bridge strata-one',
      'container kill strata-one',
      'container kill strata-one',
      'network disconnect strata-first bridge strata-one',
      'container die strata-one',
      'network connect strata-first bridge strata-one',
      'container start strata-one',
      'container restart strata-one',
      'container kill strata-one',
      'network disconnect strata-first bridge strata-one',
      'container die strata-one',
      // What does not run is on no network.
      'container destroy strata-one',
      'container create strata-two',
      'network connect none null strata-two',
      'container start strata-two',
      'network disconnect none null strata-two',
      'container die strata-two',
      'container destroy strata-two',
      'container create strata-three',
      'network connect host host strata-three',
      'container start strata-three',
      'network disconnect host host strata-three',
      'container die strata-three',
      'container destroy strata-three',
      'network destroy strata-first bridge',
      'network destroy strata-second bridge',
      'network prune',
    ],
  );
});
