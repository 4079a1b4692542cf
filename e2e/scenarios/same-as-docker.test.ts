/**
 * A script written for docker runs with Strata: the same words give the same output, the same complaints and the same
 * exit code. Each line of the tables below is run with the real Docker 28 client and with Strata's own command line,
 * both against this engine; they must agree except for the program's name.
 *
 * Where Strata differs on purpose is in `docs/DIFFERENCES.md`, and not in these tables.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { dockerIs28, makeTwins, type Twins } from '../harness/twins.ts';

const skip = (await dockerIs28()) ? false : 'needs the docker client 28: others have other words';
/** Below what connections of this machine get by chance; another one in each run. */
const port = randomInt(20_000, 30_000);
let engine: TestEngine;
let twins: Twins;

before(async () => {
  if (skip) return;
  engine = await startEngine({ bases: ['busybox'] });
  twins = await makeTwins(engine);
  const context = join(engine.work, 'context');
  mkdirSync(context);
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nLABEL color=red size="two words"\nENV A=1 B=2\nCMD ["true"]\n',
  );
  writeFileSync(join(context, 'Broken'), 'FROM busybox\nCPOY a b\n');
  writeFileSync(join(engine.work, 'vars'), 'ONE=1\n# no\nHOME\nTWO=a b\n');
  await engine.docker([
    'build',
    '-q',
    '-t',
    'labelled:1',
    '-t',
    'labelled:2',
    '-t',
    'host.test:5000/team/labelled',
    context,
  ]);
  await engine.docker(['volume', 'create', '--label', 'a=1', 'things']);
  await engine.docker(['network', 'create', '--label', 'a=1', 'lan']);
  await engine.docker([
    ...['run', '-d', '--name', 'web', '--label', 'a=1', '--label', 'b.c=d', '-v', 'things:/data', '--tmpfs', '/t'],
    ...[
      '-p',
      `127.0.0.1:${port}:80`,
      '-p',
      `127.0.0.1:${port + 1}:53/udp`,
      '--expose',
      '99',
      '-e',
      'X=y',
      '--restart',
      'on-failure:3',
    ],
    ...['--health-cmd', 'true', '--health-interval', '1h', '-m', '64m', '--network', 'lan', '--hostname', 'web-host'],
    ...['busybox', 'sh', '-c', 'echo first; echo oops >&2; echo last; touch /made /etc/changed; exec sleep 1000'],
  ]);
  await engine.docker(
    [
      'run',
      '--name',
      'done',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3; do echo line $i; done; exit 7',
    ],
    { accept: [7] },
  );
  await engine.docker(['create', '--name', 'fresh', 'labelled:1']);
});
after(async () => {
  await engine?.stop();
});

/** All lines take minutes; every fifth is a sample that still sees each kind of mistake. */
const stride = process.env['STRATA_TEST_ALL'] === '1' ? 1 : 5;

function agree(title: string, lines: string, { inOrder = false } = {}): void {
  test(title, { skip }, async () => {
    const all = lines
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const chosen = inOrder ? all : all.filter((_, index) => index % stride === 0);
    const differences: string[] = [];
    const left = chosen.values();
    const work = async () => {
      for (const line of left) {
        const difference = await twins.compare(line);
        if (difference !== undefined) differences.push(difference);
      }
    };
    await Promise.all(Array.from({ length: inOrder ? 1 : 3 }, work));
    assert.ok(differences.length === 0, `${differences.length} lines differ\n${differences.join('\n')}`);
  });
}

agree(
  'words that nobody knows',
  `
  nosuch
  image nosuch
  container nosuch x
  network nosuch
  volume nosuch
  system nosuch
  --nosuch
  --nosuch ps
  -Z ps
  ps --nosuch
  ps -Z
  ps -aZ
  images --nosuch
  run --nosuch busybox
  run -Z busybox
  run --name
  run -m
  run --rm=maybe busybox
  run -m x busybox true
  run --cpus x busybox true
  run --pids-limit x busybox true
  ps -n x
  ps --last=
  logs --tail
  stop -t x web
  --host
  ps --all=2
  ps --no-trunc=no
  ps ---
  `,
);

agree(
  'too few and too many arguments',
  `
  ps x
  images a b
  run
  create
  start
  stop
  restart
  kill
  rm
  rmi
  pause
  unpause
  wait
  logs
  logs a b
  exec
  exec web
  attach
  attach a b
  top
  port
  diff
  diff a b
  rename
  rename a
  rename a b c
  update
  update web
  commit
  commit a b c
  cp
  cp a
  cp a b c
  export
  export a b
  import
  save
  load x
  tag
  tag a
  tag a b c
  history
  history a b
  inspect
  pull
  pull a b
  push
  push a b
  search
  login a b
  logout a b
  build
  build a b
  version x
  info x
  events x
  system df x
  system prune x
  image prune x
  image inspect
  image rm
  image ls a b
  container prune x
  container inspect
  container ls x
  network create
  network create a b
  network rm
  network connect
  network connect lan
  network connect a b c
  network disconnect lan
  network inspect
  network ls x
  network prune x
  volume create a b
  volume rm
  volume inspect
  volume ls x
  volume prune x
  `,
);

agree(
  'what is not there',
  `
  start nosuch
  start nosuch nosuch2
  stop nosuch
  restart nosuch
  kill nosuch
  rm nosuch
  rm nosuch nosuch2
  rm -f nosuch
  rm -v nosuch
  rmi nosuch
  rmi nosuch nosuch2
  rmi -f nosuch
  pause nosuch
  unpause nosuch
  wait nosuch
  wait nosuch nosuch2
  logs nosuch
  logs -f nosuch
  exec nosuch true
  exec -it nosuch true
  attach nosuch
  attach done
  top nosuch
  top done
  port nosuch
  diff nosuch
  rename nosuch other
  update -m 64m nosuch
  commit nosuch
  cp nosuch:/x .
  cp web:/nosuch .
  cp web:/nosuch -
  cp nosuch web:/
  cp nosuch web:/nosuch/
  cp /etc/passwd nosuch:/x
  cp /etc/passwd web:/nosuch/x
  cp a b
  cp web:/a web:/b
  cp - -
  export nosuch
  export -o out.tar nosuch
  import nosuch.tar
  save nosuch
  save -o out.tar nosuch
  save busybox nosuch
  save -o nosuch/out.tar busybox
  load -i nosuch.tar
  tag nosuch x
  tag busybox Bad
  tag busybox x:
  tag busybox x@sha256:aa
  history nosuch
  inspect nosuch
  inspect web nosuch
  inspect nosuch web nosuch2
  inspect -f '{{.Id}}' nosuch
  inspect --type image web
  inspect --type container busybox
  inspect --type volume web
  inspect --type network web
  image inspect nosuch
  image inspect busybox nosuch
  container inspect nosuch
  network inspect nosuch
  network inspect bridge nosuch
  volume inspect nosuch
  network rm nosuch
  network rm bridge
  network rm lan
  network connect nosuch web
  network connect lan nosuch
  network connect lan web
  network disconnect lan nosuch
  network disconnect nosuch web
  network disconnect bridge web
  volume rm nosuch
  volume rm -f nosuch
  volume rm things
  run --rm --pull never nosuch
  run --rm --pull nosuch busybox
  create --pull never nosuch
  run --rm Bad
  run --rm --network nosuch busybox true
  run --rm --volumes-from nosuch busybox true
  run --rm --env-file nosuch busybox true
  run --rm --name web busybox true
  run --rm --name -x busybox true
  rename fresh web
  rm web
  start -a done nosuch
  unpause web
  kill done
  `,
);

agree(
  'what cannot be',
  `
  P run --rm -d busybox nosuch | wc -c
  run --rm --restart always busybox true
  run -d --attach stdin busybox
  run --rm -a nosuch busybox true
  run --rm --memory 1 busybox true
  run --rm --mount type=bind,source=/nosuch,target=/x busybox true
  run --rm --mount type=nosuch,target=/x busybox true
  run --rm --mount type=bind busybox true
  run --rm --mount nosuch busybox true
  run --rm --mount type=volume,source=x,target=/x,nosuch=1 busybox true
  run --rm -v /a:/b:nosuch busybox true
  run --rm -v rel/x:/y busybox true
  run --rm -v /a:/b:/c:/d busybox true
  run --rm --tmpfs x busybox true
  run --rm -p x busybox true
  run --rm -p 70000:80 busybox true
  run --rm -p 80:80:80:80 busybox true
  run --rm -p 1.2.3.4.5:80:80 busybox true
  run --rm -p 8000-8002:80-81 busybox true
  run --rm -p 80/nosuch busybox true
  run --rm --network container:web -p 80:80 busybox true
  run --rm --network container:web -P busybox true
  run --rm --network container:web --expose 80 busybox true
  run --rm --network container:web -h x busybox true
  run --rm --network container:web --dns 1.1.1.1 busybox true
  run --rm --network container:web --add-host a:1.1.1.1 busybox true
  run --rm --network container:web --link done busybox true
  run --rm --network container:web --ip 1.2.3.4 busybox true
  run --rm --network container:done busybox true
  run --rm --network container:nosuch busybox true
  run --rm --network container: busybox true
  run --rm --network host --link web busybox true
  run --rm --network host --ip 1.2.3.4 busybox true
  run --rm --uts host -h x busybox true
  run --rm --network lan --ip nosuch busybox true
  run --rm --network lan --ip 203.0.113.7 busybox true
  run --rm --network bridge --ip6 fd00::5 busybox true
  run --rm --expose x busybox true
  run --rm -e =x busybox true
  run --rm -l =x busybox true
  run --rm --add-host x busybox true
  run --rm --add-host x:y busybox true
  run --rm --device x:y:z:w busybox true
  run --rm --device /dev/nosuch busybox true
  run --rm --ulimit x busybox true
  run --rm --ulimit nosuch=1 busybox true
  run --rm --ulimit nofile=9:1 busybox true
  run --rm --security-opt nosuch busybox true
  run --rm --security-opt seccomp=nosuch.json busybox true
  run --rm --cap-add nosuch busybox true
  run --rm --log-driver nosuch busybox true
  run --rm --log-opt x busybox true
  run --rm --log-opt x=y busybox true
  run --rm --ipc nosuch busybox true
  run --rm --pid nosuch busybox true
  run --rm --uts nosuch busybox true
  run --rm --userns nosuch busybox true
  run --rm --cgroupns nosuch busybox true
  run --rm --network container:nosuch busybox true
  run --rm --network host -p 80:80 --hostname x busybox true
  run --rm --network none --ip 1.2.3.4 busybox true
  run --rm --ip 1.2.3.4 busybox true
  run --rm --network lan --ip x busybox true
  run --rm --mac-address x busybox true
  run --rm --health-retries -1 busybox true
  run --rm --health-interval 1ms --health-cmd x busybox true
  run --rm --no-healthcheck --health-cmd x busybox true
  run --rm --restart nosuch busybox true
  run --rm --restart on-failure:x busybox true
  run --rm --stop-signal nosuch busybox true
  run --rm --platform nosuch/x/y/z busybox true
  run --rm --platform linux/arm64 busybox true
  run --rm --runtime nosuch busybox true
  run --rm --cidfile /etc/passwd busybox true
  run --rm --sysctl x busybox true
  run --rm --sysctl nosuch.y=1 busybox true
  run --rm --memory-swappiness 200 busybox true
  run --rm -m 64m --memory-swap 32m busybox true
  run --rm --cpus 1000 busybox true
  run --rm --cpu-shares -1 busybox true
  run --rm --cpuset-cpus x busybox true
  run --rm --blkio-weight 1 busybox true
  run --rm --oom-score-adj 5000 busybox true
  run --rm --shm-size -1 busybox true
  run --rm --group-add nosuch busybox true
  run --rm -u nosuch busybox true
  run --rm -w rel busybox true
  run --rm -h 'bad name' busybox true
  run --rm --link web busybox true
  run --rm --link nosuch:x busybox true
  run --rm --gpus all busybox true
  run --rm --storage-opt size=1g busybox true
  run --rm --isolation nosuch busybox true
  run --rm -it busybox true
  kill -s nosuch web
  kill -s 99 web
  stop -s nosuch fresh
  update --restart nosuch web
  update -m 1 web
  update -m 1k done
  update --cpus x web
  commit -c 'NOSUCH x' web x
  commit -c 'RUN x' web x
  commit web Bad
  exec -u nosuch web true
  exec -w rel web true
  exec -d -i web nosuch
  exec --env-file nosuch web true
  exec -it web true
  exec fresh true
  exec done true
  network create bridge
  network create --subnet nosuch x
  network create --subnet 10.9.8.7/24 x
  network create --subnet 10.9.8.0/24 --subnet 10.9.9.0/24 x
  network create --gateway 10.9.8.1 x
  network create --subnet 10.9.8.0/24 --gateway 10.9.9.1 x
  network create -d nosuch x
  network create ''
  volume create --driver nosuch x
  volume create 'bad name'
  volume create x
  logs --since nosuch web
  logs --until nosuch web
  logs --tail nosuch web
  events --since nosuch
  events --since 0 --until 1 --filter nosuch=1
  events --since 0 --until 1 --filter nosuch
  ps --filter nosuch=1
  ps --filter nosuch
  ps --filter status=nosuch
  ps --filter exited=x
  ps --filter health=nosuch
  ps --filter is-task=x
  ps --filter before=nosuch
  images --filter nosuch=1
  images --filter nosuch
  images --filter dangling=nosuch
  images --filter before=nosuch
  images --filter since=nosuch
  images --filter until=nosuch
  images Bad
  network ls --filter nosuch=1
  network ls --filter dangling=nosuch
  network ls --filter type=nosuch
  volume ls --filter nosuch=1
  volume ls --filter dangling=nosuch
  image prune -f --filter nosuch=1
  container prune -f --filter nosuch=1
  network prune -f --filter nosuch=1
  volume prune -f --filter nosuch=1
  system prune -f --filter nosuch
  system prune -f --volumes --filter until=1h
  import -c 'NOSUCH x' vars
  load -i vars
  load --input vars -q
  save busybox > /dev/full
  pull Bad
  pull -a busybox:1
  pull host.test:1/nosuch
  push nosuch
  push -a busybox:1
  push busybox@sha256:aa
  login -p x
  login -u x --password-stdin < /dev/null
  login --password-stdin < /dev/null
  login -u x -p y --password-stdin < /dev/null
  logout host.test
  -H unix:///nosuch.sock ps
  -H tcp://127.0.0.1:1 ps
  -H unix:///nosuch.sock run busybox
  top web nosuch
  top web -o nosuch
  port web 1
  port web 80/udp
  cp vars web:/nosuch/
  `,
);

agree(
  'lists and their formats',
  `
  ps
  ps -a
  ps -q
  ps -aq
  ps -l
  ps -n 2
  ps -n 0
  ps --no-trunc
  ps -a --no-trunc -q
  ps -s
  ps -as --no-trunc
  ps --format table
  ps --format json
  ps -a --format json
  ps --format '{{json .}}'
  ps --format '{{json .Names}} {{json .Ports}}'
  ps --format '{{.ID}} {{.Image}} {{.Command}} {{.CreatedAt}} {{.RunningFor}} {{.Ports}} {{.State}} {{.Status}} {{.Size}} {{.Names}} {{.Labels}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}} {{.Platform}}'
  ps --format '{{.Label "a"}}-{{.Label "b.c"}}-{{.Label "nosuch"}}'
  ps --format 'table {{.Names}}\\t{{.Status}}\\t{{.Label "b.c"}}'
  ps --format 'table {{.ID}}\\t{{.Size}}\\t{{.Mounts}}\\t{{.Networks}}\\t{{.State}}\\t{{.RunningFor}}\\t{{.LocalVolumes}}'
  ps --format 'table {{upper .Names}}\\t{{.Image | printf "%10s"}}'
  ps --format '{{.Nosuch}}'
  ps --format 'table {{.Nosuch}}'
  ps --format '{{.ID'
  ps --format '{{nosuch .ID}}'
  ps --format '{{if}}'
  ps --format 'x'
  ps --format ''
  ps --format ' {{.Names}} '
  ps --format '{{upper .Names}} {{lower .Image}} {{title .Names}} {{split .Image "y"}} {{join (split .Image "y") "-"}} {{pad .Names 2 3}}| {{truncate .Names 2}} {{println .Names}}'
  ps --format '{{index (split .Image "y") 1}} {{len .Names}} {{slice .Names 1 2}} {{printf "%q %-8s| %5d %x %v" .Names .Names 3 .Names .Image}}'
  ps --format '{{if eq .Names "web"}}yes{{else}}no{{end}} {{if and .Names (not .Size)}}a{{else if .Image}}b{{end}} {{with .Names}}{{.}}{{end}} {{range $i, $p := split .Image "y"}}{{$i}}={{$p}},{{end}}'
  ps --format '{{- .Names -}} {{/* no */}} {{"a" | printf "%s-%s" "b"}} {{ne 1 2}} {{lt 1 2}} {{or "" "x"}} {{print 1 2 "a" "b"}} {{html "<a>"}} {{js "a'"'"'b"}} {{urlquery "a b"}} {{true}} {{1.5}} {{0x10}} {{1e3}}'
  ps --format '{{range $x := split "a,b" ","}}{{if eq $x "b"}}{{break}}{{end}}{{$x}}{{end}} {{$y := 1}}{{$y = 2}}{{$y}}'
  ps --format '{{index .Names 0}} {{len 3}}'
  ps --format '{{.Names.Nosuch}}'
  ps --format '{{printf "%d" .Names}} {{printf "%!"}} {{printf "%s"}}'
  ps --filter name=we
  ps --filter name='^/web$'
  ps -a --filter name=web --filter name=done -q
  ps -a --filter status=exited
  ps -a --filter status=created --filter status=running
  ps -a --filter exited=7
  ps -a --filter exited=0
  ps --filter label=a
  ps --filter label=a=1
  ps --filter label=a=2
  ps --filter ancestor=busybox
  ps -a --filter ancestor=labelled:1
  ps --filter volume=things
  ps --filter volume=/data
  ps --filter network=lan
  ps --filter publish=80
  ps --filter publish=${port}
  ps --filter publish=27380-27389
  ps --filter publish=${port + 1}
  ps --filter publish=${port + 1}/udp
  ps --filter publish=5-3
  ps --filter publish=nosuch
  ps --filter expose=99/tcp
  ps --filter expose=52-53/udp
  network ls --filter type=nosuch
  ps --filter health=starting
  ps --filter health=none
  ps -a --filter before=done
  ps -a --filter since=web
  ps --filter id=nosuch
  container ls
  container list -q
  container ps -q
  images
  images -a
  images -q
  images -aq
  images --no-trunc
  images --digests
  images --format table
  images --format json
  images --format '{{json .}}'
  images --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}} {{.CreatedSince}} {{.CreatedAt}} {{.Size}} {{.VirtualSize}} {{.SharedSize}} {{.UniqueSize}} {{.Containers}}'
  images --format 'table {{.ID}}\\t{{.Repository}}\\t{{.Digest}}\\t{{.CreatedAt}}'
  images --format '{{.Nosuch}}'
  images busybox
  images busybox:latest
  images nosuch
  images labelled:2
  images labelled
  images 'lab*'
  images host.test:5000/team/labelled
  images --filter dangling=true
  images --filter dangling=false
  images --filter label=color
  images --filter label=color=blue
  images --filter reference='busy*'
  images --filter reference='*/*/*'
  images --filter before=labelled:1
  images --filter since=busybox
  images --filter until=1h
  image ls -q busybox
  image list --format '{{.Repository}}'
  history busybox
  history labelled:1
  history --no-trunc labelled:1
  history -q labelled:1
  history -H=false labelled:1
  history --format json labelled:1
  history --format '{{.ID}} {{.CreatedBy}} {{.CreatedAt}} {{.CreatedSince}} {{.Size}} {{.Comment}}' labelled:1
  history --format 'table {{.CreatedBy}}\\t{{.Size}}' labelled:1
  network ls
  network ls -q
  network ls --no-trunc
  network ls --format json
  network ls --format '{{.ID}} {{.Name}} {{.Driver}} {{.Scope}} {{.IPv6}} {{.IPv4}} {{.Internal}} {{.Labels}} {{.Label "a"}} {{.CreatedAt}}'
  network ls --filter name=la
  network ls --filter driver=bridge
  network ls --filter label=a=1
  network ls --filter type=custom
  network ls --filter type=builtin -q
  network ls --filter dangling=true
  network ls --filter scope=local
  network ls --filter id=nosuch
  volume ls
  volume ls -q
  volume ls --format json
  volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}} {{.Labels}} {{.Label "a"}} {{.Links}} {{.Size}} {{.Status}} {{.Availability}} {{.Group}}'
  volume ls --filter name=thi
  volume ls --filter dangling=true
  volume ls --filter dangling=0
  volume ls --filter label=a=1
  volume ls --filter driver=local
  `,
);

agree(
  'everything that is known of a thing',
  `
  inspect web
  inspect web busybox lan things
  inspect bridge
  inspect none
  inspect host
  inspect done fresh
  inspect -s fresh
  inspect -s busybox
  inspect labelled:1
  container inspect web
  container inspect -s done
  image inspect busybox labelled:2
  network inspect lan bridge
  network inspect -v lan
  volume inspect things
  inspect -f json web
  inspect -f '{{json .}}' web
  inspect -f '{{json .Config}}' web busybox
  inspect -f '{{.Id}} {{.Config.Env}} {{.Config.Labels}} {{.Config.Cmd}} {{.Config.User}}' labelled:1
  inspect -f '{{.State.Status}} {{.State.Health.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}' web
  inspect -f '{{range .Mounts}}{{.Type}} {{.Name}}:{{.Destination}} {{.RW}} {{end}}' web
  inspect -f '{{.Mounts}}' web
  inspect -f '{{range $p, $c := .NetworkSettings.Ports}}{{$p}} -> {{(index $c 0).HostPort}} {{end}}' web
  inspect -f '{{index .Config.Labels "b.c"}} {{.Config.Labels.a}} {{.Config.Labels.zz}}' web
  inspect -f '{{(index .NetworkSettings.Networks "lan").IPAddress}} {{.NetworkSettings.Networks.lan.Gateway}}' web
  inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' web
  inspect -f '{{.HostConfig.PortBindings}} {{.HostConfig.Binds}} {{.HostConfig.Tmpfs}}' web
  inspect -f '{{.RootFS.Layers}} {{len .RootFS.Layers}} {{.Size}} {{.Os}}/{{.Architecture}}' busybox
  inspect -f '{{.Nosuch}}' web
  inspect -f '{{.Nosuch}}' busybox
  inspect -f '{{.Config.Nosuch}}' web
  inspect -f '{{.Nosuch' web
  inspect -f '{{index .Nosuch 0}}' web
  inspect -f '{{.Name}}' web done nosuch
  inspect -f '{{println .Name}}{{join .Config.Cmd " "}}' done
  inspect -f '{{json .Config.Cmd}} {{.Path}} {{.Args}}' done
  inspect -f '{{.SizeRw}} {{.SizeRootFs}}' web
  inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' done
  inspect --type container -f '{{.Name}}' web
  inspect --type image -f '{{.RepoTags}}' labelled:1
  inspect --type volume -f '{{.Name}} {{.Labels}}' things
  inspect --type network -f '{{.Name}} {{.Labels}} {{.Options}} {{.EnableIPv4}}' lan
  network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' lan
  volume inspect -f '{{.CreatedAt}} {{.Mountpoint}} {{.UsageData}}' things
  image inspect -f '{{.Created}} {{.RepoDigests}} {{.GraphDriver.Name}}' busybox
  image inspect --platform linux/amd64 -f '{{.Architecture}}' busybox
  image inspect --platform linux/arm64 busybox
  version --format '{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Os}} {{range .Server.Components}}{{.Name}} {{.Version}} {{end}}'
  info --format '{{.ID}} {{.Containers}} {{.ContainersRunning}} {{.Images}} {{.Driver}} {{.DriverStatus}} {{.NCPU}} {{.Name}} {{.ServerVersion}} {{.Plugins.Volume}} {{.SecurityOptions}}'
  info --format '{{json .Runtimes}} {{json .RegistryConfig}} {{json .Swarm}}'
  system df
  system df -v
  system df --format json
  system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'
  system df --format 'table {{.Type}}\\t{{.Size}}'
  system df -v --format json
  system df -v --format '{{json .Volumes}}'
  `,
);

agree(
  'what containers say and do',
  `
  logs web
  logs -t done
  logs --tail 1 done
  logs -n 2 done
  logs --tail 0 done
  logs --tail all done
  logs --details done
  logs --since 1h done
  logs --since 2020-01-01 done
  logs --since 2020-01-01T00:00:00Z --until 2020-01-02 done
  logs --until 1h done
  logs -f done
  top web
  top web -o pid,args
  top web aux
  port web
  port web 80
  port web 80/tcp
  port web 53/udp
  diff web
  diff fresh
  diff done
  stats --no-stream --format '{{.Name}} {{.ID}} {{.PIDs}}'
  stats --no-stream --no-trunc --format '{{.ID}}' web
  stats --no-stream nosuch
  stats --no-stream --format '{{.Nosuch}}' web
  stats --no-stream done --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}'
  stats --no-stream -a --format '{{.Name}}'
  exec web echo hi
  exec web sh -c 'echo out; echo err >&2; exit 3'
  exec web nosuch
  exec web /etc
  exec web /etc/passwd
  exec -w /tmp -e A=1 -u 1 web sh -c 'pwd; id -u; echo $A'
  exec -w /nosuch web pwd
  exec --env-file vars web sh -c 'echo $ONE $TWO'
  exec -e X web sh -c 'echo $X'
  exec -t web tty
  exec --privileged web sh -c 'grep CapEff /proc/self/status'
  echo typed | P exec -i web cat
  echo typed | P exec web cat
  exec -d web true
  wait done
  wait done done
  run --rm busybox echo hi
  run --rm busybox sh -c 'echo out; echo err >&2; exit 4'
  run --rm busybox nosuch
  run --rm busybox /etc
  run --rm busybox /etc/passwd
  run --rm --entrypoint nosuch busybox x
  run --rm --entrypoint echo busybox a b
  run --rm --entrypoint '' busybox echo a b
  run --rm --entrypoint '' busybox
  run --rm -w /tmp busybox pwd
  run --rm -w /new/dir busybox pwd
  run --rm -e A=1 -e B -e HOME=/x busybox sh -c 'echo $A$B $HOME'
  run --rm --env-file vars busybox sh -c 'echo $ONE $TWO'
  run --rm labelled:1 sh -c 'echo $A $B'
  run --rm -h some-host busybox hostname
  run --rm -t busybox tty
  run --rm -t busybox sh -c 'echo x; exit 5'
  echo typed | P run --rm -i busybox cat
  echo typed | P run --rm -i -a stdin -a stdout busybox cat
  echo typed | P run --rm busybox cat
  run --rm -a stderr busybox sh -c 'echo out; echo err >&2'
  run --rm --read-only busybox touch /x
  run --rm -v /tmp:/x:ro busybox touch /x/zz
  run --rm -v things:/x busybox ls -a /x
  run --rm -v /x busybox ls -a /x
  run --rm --volumes-from web busybox ls -d /data
  run --rm --mount type=tmpfs,target=/q,tmpfs-size=1m busybox df -k /q
  run --rm --mount type=volume,source=things,target=/q,readonly busybox touch /q/x
  run --rm --mount type=bind,source=/etc,target=/q,ro busybox touch /q/x
  run --rm --tmpfs /x:size=1m busybox df -k /x
  run --rm -u 1000:1000 busybox id
  run --rm -u nobody busybox id -u
  run --rm --group-add 55 busybox id -G
  run --rm --cap-drop ALL busybox sh -c 'grep CapEff /proc/self/status'
  run --rm --cap-add NET_ADMIN --cap-drop CHOWN busybox sh -c 'grep CapEff /proc/self/status'
  run --rm --privileged busybox sh -c 'grep CapEff /proc/self/status'
  run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -n; ulimit -Hn'
  run --rm --shm-size 10m busybox sh -c 'df -k /dev/shm | tail -1'
  run --rm --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward
  run --rm --network none --add-host a:1.2.3.4 --add-host b=::1 busybox cat /etc/hosts
  run --rm --network none --dns 1.2.3.4 --dns-search x --dns-opt ndots:3 busybox cat /etc/resolv.conf
  run --rm --network none busybox ls /sys/class/net
  run --rm --device /dev/null:/dev/xx busybox ls /dev/xx
  run --rm --init busybox sh -c 'cat /proc/1/comm'
  run --rm --stop-signal INT --stop-timeout 1 busybox true
  run --rm --log-driver none busybox echo hi
  run --rm --log-opt max-size=1m busybox echo hi
  run --rm --health-cmd x --health-interval 1s busybox true
  run --rm --pids-limit 50 --cpus 0.5 -c 512 -m 32m busybox true
  run --rm --platform linux/amd64 busybox true
  run --rm --domainname x.y busybox true
  run --rm --sig-proxy=false busybox sh -c 'kill -9 $$'
  run --rm busybox sh -c 'kill -TERM $$'
  run --rm -q busybox true
  run --rm -- busybox echo --rm
  run --rm --name=eq busybox echo eq
  run --rm=true -i=false busybox echo eq
  `,
);

agree(
  'things that are made, changed and removed',
  `
  create --name $ME --label x=y busybox sh -c 'echo made; sleep 100'
  ps -a --filter name=$ME --format '{{.Names}} {{.Image}} {{.Status}} {{.Labels}}'
  start $ME
  start $ME
  ps --filter name=$ME --format '{{.Names}} {{.State}}'
  pause $ME
  pause $ME
  ps --filter name=$ME --format '{{.Names}} {{.State}}'
  exec $ME true
  unpause $ME
  rename $ME $ME-2
  rename $ME-2 $ME
  update -m 64m --memory-swap 64m --cpus 0.5 --restart unless-stopped $ME
  inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}' $ME
  cp vars $ME:/tmp/
  cp $ME:/tmp/vars $ME.out
  cp $ME:/tmp - | tar -t
  cp -q vars $ME:/tmp/two
  tar -c vars | P cp - $ME:/var
  exec $ME ls /var/vars
  cp $ME:/tmp/. $ME.folder
  cp -a $ME:/etc/passwd .
  cp -L $ME:/bin/sh $ME.sh
  diff $ME
  export $ME | tar -t | grep -c vars
  export -o $ME.tar $ME
  export $ME | P import - $ME-imported
  P import -m 'a message' -c 'ENV Q=1' -c 'CMD ["x"]' $ME.tar $ME-imported:2
  P import $ME.tar
  inspect -f '{{.Config.Env}} {{.Config.Cmd}} {{.Comment}}' $ME-imported:2
  history --format '{{.CreatedBy}} {{.Comment}}' $ME-imported:2
  commit $ME
  commit -m msg -a me -c 'ENV NEW=1' -c 'CMD echo hi' -c 'EXPOSE 80' -c 'LABEL l=m' $ME $ME-committed
  inspect -f '{{.Config.Env}} {{.Config.Cmd}} {{.Config.ExposedPorts}} {{.Config.Labels}} {{.Comment}} {{.Author}}' $ME-committed
  commit -p=false $ME $ME-committed:2
  stop -t 0 $ME
  stop $ME
  start -a $ME & sleep 1; P stop -t 0 $ME; wait
  restart -t 0 $ME
  kill $ME
  kill $ME
  wait $ME
  logs $ME
  rm $ME
  rm $ME
  run -d --name $ME busybox sleep 100
  rm $ME
  stop -s KILL $ME
  rm -f $ME $ME
  P run --rm -d --name $ME busybox sleep 100; P rm -f $ME
  tag busybox $ME:1
  tag $ME:1 $ME:2
  images $ME --format '{{.Repository}}:{{.Tag}}'
  rmi $ME:1
  rmi $ME:2 $ME:2
  rmi $ME-imported
  rmi $ME-imported:2 $ME-committed:2
  P rmi --no-prune $ME-committed
  image prune
  echo n | P image prune
  echo n | P container prune
  echo n | P system prune
  echo n | P system prune -a --volumes
  echo n | P volume prune
  echo n | P network prune
  echo n | P builder prune
  container prune -f --filter label=nosuch
  network prune -f --filter label=nosuch
  volume prune -f --filter label=nosuch
  image prune -f --filter label=nosuch
  save busybox | tar -t
  P save -o $ME.image labelled:1 labelled:2; P load -i $ME.image
  P load -q -i $ME.image
  P load < $ME.image
  P save labelled:1 | gzip | P load
  P load --platform linux/amd64 < $ME.image
  network create $ME
  network create $ME
  network create --subnet 10.$OCTET.0.0/24 --gateway 10.$OCTET.0.9 --ip-range 10.$OCTET.0.128/25 --aux-address a=10.$OCTET.0.5 -o com.docker.network.driver.mtu=1400 --label l=m --internal $ME-net
  network inspect -f '{{json .IPAM}} {{.Internal}} {{.Options}} {{.Labels}}' $ME-net
  network connect --alias al $ME done
  network disconnect $ME done
  network disconnect $ME done
  network rm $ME $ME-net
  network rm $ME
  network rm -f $ME
  volume create $ME
  volume create $ME
  volume create --label l=m $ME-vol
  volume inspect -f '{{.Labels}} {{.Driver}}' $ME-vol
  volume rm $ME $ME-vol
  volume rm $ME
  volume create | wc -c
  run --rm --cidfile $ME.cid busybox true
  P run --name $ME -d busybox sh -c 'exit 3'; P wait $ME
  P start -a $ME
  P start -ai $ME < /dev/null
  P attach $ME
  P rm -v $ME
  events --since 0s --until 0s
  events --since 2020-01-01 --until 2020-01-02
  P events --since 1h --until 0s --filter container=$ME --filter event=create --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
  P events --since 1h --until 0s --filter volume=$ME --format '{{json .}}' | wc -l
  P events --since 1h --until 0s --filter type=network --filter network=$ME --format '{{.Action}} {{.Scope}} {{.Actor.Attributes.type}}'
  P events --since 1h --until 0s --filter container=web
  P events --since 1h --until 0s --filter container=web --format json
  P events --since 1h --until 0s --format '{{.Nosuch}}'
  P events --since 1h --until 0s --filter image=labelled:1 --format '{{.ID}} {{.Status}} {{.From}}'
  `,
  { inOrder: true },
);

/** The paths of all fields in the order in which they come, with the kinds of their values; of lists, the first element. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.length > 0 ? fieldsOf(value[0], `${path}[]`) : [`${path}[]`];
  if (value === null || typeof value !== 'object') return [`${path} ${value === null ? 'null' : typeof value}`];
  return Object.entries(value).flatMap(([name, one]) => [`${path}.${name}`, ...fieldsOf(one, `${path}.${name}`)]);
}

/** Facts about the client that are its own. */
const own = ['.Client.NodeVersion', '.Client.NodeVersion string'];

for (const line of [
  'ps',
  'ps -as',
  'images',
  'images --digests',
  'image inspect labelled:1',
  'inspect labelled:1',
  'container inspect web',
  'container inspect -s web',
  'inspect web',
  'network ls',
  'network inspect lan',
  'inspect lan',
  'volume ls',
  'volume inspect things',
  'inspect things',
  'info',
  'version',
  'system df',
  'system df -v',
  'stats --no-stream',
  'stats --no-stream web',
  'history labelled:1',
  'events --since 0 --until 1s',
  'events --since 0 --until 1s --filter type=container',
  'events --since 0 --until 1s --filter type=volume',
])
  test(`the JSON of ${line} has docker’s fields in docker’s order`, { skip }, async () => {
    const { docker, strata } = await twins.both(`P ${line} --format json; echo; P ${line} --format '{{json .}}'`);
    const fields = ({ stdout }: { readonly stdout: string }) =>
      stdout
        .trim()
        .split(/\n+/)
        .map((text) => fieldsOf(JSON.parse(text)).filter((one) => !own.includes(one)));
    assert.deepEqual(fields(strata), fields(docker));
  });

/** What can be asked of a moment, an object or a list of them comes as one value where docker gives one. */
agree(
  'values of JSON',
  `
  events --since 0 --until 1s --filter type=image --format '{{json .}}'
  events --since 0 --until 1s --filter type=container --filter event=create --format '{{json .}}'
  events --since 0 --until 1s --format '{{json .Actor}} {{.Time}} {{.TimeNano}} {{.Scope}}'
  events --since 0 --until 1s --format '{{.time}}'
  image inspect --format '{{json .}}' labelled:1
  network ls --format '{{json .}}'
  `,
  { inOrder: true },
);
