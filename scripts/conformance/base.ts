/** The busybox that the cases were recorded on: Debian's, with small files of its own. Its content counts: cases copy it. */
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busybox } from '../../e2e/fixtures/busybox-root.ts';
import { type Base, base, tarOf } from '../bases.ts';
import type { Say } from '../kept.ts';
import { run } from '../run.ts';

const folders: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'bin dev etc etc/ssl home lib run sbin usr usr/bin usr/sbin usr/local usr/local/bin var var/lib var/log var/spool'
      .split(' ')
      .map((name) => [name, 0o755]),
  ),
  proc: 0o555,
  sys: 0o555,
  root: 0o700,
  tmp: 0o1777,
  'var/tmp': 0o1777,
};

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
lp:x:7:7:lp:/var/spool/lpd:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
guest:x:405:100:guest:/dev/null:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
kmem:x:9:
wheel:x:10:root
audio:x:29:operator
www-data:x:33:
operator:x:37:
users:x:100:
nobody:x:65534:
`;

const shadow = passwd.replace(/^([^:]*):.*$/gm, '$1:*:19700:0:99999:7:::');

// Debian's busybox has neither: stand-ins with the options that Dockerfiles use.
const addgroup = `#!/bin/sh
gid=
while getopts g:S o; do case $o in g) gid=$OPTARG;; S) ;; *) exit 1;; esac; done
shift $((OPTIND-1))
if [ -n "$2" ]; then
  grep -q "^$2:" /etc/group || { echo "addgroup: unknown group $2" >&2; exit 1; }
  sed -i -e "s/^\\($2:[^:]*:[^:]*:\\)\\$/\\1$1/;t" -e "s/^\\($2:[^:]*:[^:]*:.*\\)\\$/\\1,$1/" /etc/group
  exit 0
fi
grep -q "^$1:" /etc/group && { echo "addgroup: group '$1' in use" >&2; exit 1; }
if [ -z "$gid" ]; then gid=1000; while grep -q "^[^:]*:[^:]*:$gid:" /etc/group; do gid=$((gid+1)); done; fi
echo "$1:x:$gid:" >> /etc/group
`;

const adduser = `#!/bin/sh
uid= home= nohome= grp= gecos= shell=/bin/sh names=
while [ $# -gt 0 ]; do case $1 in -D|-S) ;; -H) nohome=1;; -h) home=$2; shift;; -g) gecos=$2; shift;; -s) shell=$2; shift;;
  -u) uid=$2; shift;; -G) grp=$2; shift;; -*) echo "adduser: unknown option $1" >&2; exit 1;; *) names="$names $1";; esac; shift; done
set -- $names
[ -n "$2" ] && exec addgroup "$1" "$2"
grep -q "^$1:" /etc/passwd && { echo "adduser: user '$1' in use" >&2; exit 1; }
if [ -z "$uid" ]; then uid=1000; while grep -q "^[^:]*:[^:]*:$uid:" /etc/passwd; do uid=$((uid+1)); done; fi
if [ -z "$grp" ]; then addgroup -g "$uid" "$1" || exit 1; gid=$uid
else gid=$(sed -n "s/^$grp:[^:]*:\\([0-9]*\\):.*/\\1/p" /etc/group); fi
home=\${home:-/home/$1}
echo "$1:x:$uid:$gid:$gecos:$home:$shell" >> /etc/passwd
echo "$1:!:19700:0:99999:7:::" >> /etc/shadow
[ -n "$nohome" ] || { mkdir -p "$home" && chown "$uid:$gid" "$home" && chmod 755 "$home"; }
`;

/** Text, and the mode where it is not 0644. */
const files: Readonly<Record<string, readonly [string, number?]>> = {
  'sbin/adduser': [adduser, 0o755],
  'sbin/addgroup': [addgroup, 0o755],
  'etc/passwd': [passwd],
  'etc/group': [group],
  'etc/shadow': [shadow, 0o640],
  'etc/os-release': ['NAME="conformance busybox"\nID=busybox\nVERSION_ID=1\nPRETTY_NAME="conformance busybox"\n'],
  'etc/nsswitch.conf': ['passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n'],
  'etc/ssl/openssl.cnf': ['# empty\n'],
};

const notApplets = ['', 'busybox', 'dpkg', 'dpkg-deb', 'rpm'];

export function recordedBusybox(say?: Say): Base {
  return base(
    {
      name: 'recorded-busybox',
      names: [
        ...['busybox:latest', 'alpine:latest', 'mirror.gcr.io/busybox:latest', 'mirror.gcr.io/alpine:latest'],
        'quay.io/libpod/busybox:latest',
      ],
      cmd: ['sh'],
      recipe: [folders, files],
      makeLayer(work) {
        const root = join(work, 'root');
        for (const [name, mode] of Object.entries(folders)) {
          mkdirSync(join(root, name), { recursive: true });
          chmodSync(join(root, name), mode);
        }
        const program = join(root, 'bin/busybox');
        copyFileSync(busybox, program);
        chmodSync(program, 0o755);
        const applets = new Set(run(program, ['--list']).split('\n'));
        for (const applet of applets)
          if (!notApplets.includes(applet)) symlinkSync('busybox', join(root, 'bin', applet));
        symlinkSync('/bin/busybox', join(root, 'usr/bin/env'));
        for (const [name, [text, mode = 0o644]] of Object.entries(files)) {
          writeFileSync(join(root, name), text);
          chmodSync(join(root, name), mode);
        }
        return tarOf(root, join(work, 'layer.tar'));
      },
    },
    say,
  );
}
