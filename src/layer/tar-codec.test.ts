import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { StrataError } from '../errors/index.ts';
import { setXattr } from '../sys/index.ts';
import { type NewTarEntry, readTar, type TarEntry, tarEnd, tarHeader, tarPadding, writeTar } from './index.ts';

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Read = TarEntry['header'] & { readonly content: Buffer };

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Read[]> {
  const entries: Read[] = [];
  for await (const { header, body } of readTar(source)) entries.push({ ...header, content: await collect(body) });
  return entries;
}

const readBytes = (bytes: Uint8Array, size = 1000) => readAll(pieces(bytes, size));

function python(script: string, ...args: string[]): string {
  return execFileSync('python3', ['-c', script, ...args], { encoding: 'utf8' });
}

const odd: readonly NewTarEntry[] = [
  { header: { path: 'dir/', type: 'dir', mode: 0o1777, mtimeSeconds: 1_600_000_000 } },
  { header: { path: 'dir/file', type: 'file', mode: 0o4755, uid: 12, gid: 34 }, body: Buffer.from('hello') },
  { header: { path: 'dir/empty', type: 'file' } },
  { header: { path: 'dir/hard', type: 'hardlink', link: 'dir/file' } },
  { header: { path: 'soft', type: 'symlink', mode: 0o777, link: 'dir/file' } },
  { header: { path: 'null', type: 'char', major: 1, minor: 3 } },
  { header: { path: 'disk', type: 'block', major: 259, minor: 70000 } },
  { header: { path: 'pipe', type: 'fifo', mode: 0o600 } },
  { header: { path: 'ids', type: 'file', uid: 3_000_000_000, gid: 4_294_967_294 } },
  { header: { path: `${'d'.repeat(90)}/${'e'.repeat(60)}/f`, type: 'file' }, body: Buffer.alloc(513, 1) },
  { header: { path: `long/${'x'.repeat(250)}`, type: 'file' }, body: Buffer.alloc(512, 2) },
  { header: { path: 'longlink', type: 'symlink', link: '../'.repeat(60) } },
  { header: { path: 'grün/日本', type: 'file' }, body: Buffer.from('ü') },
  { header: { path: 'old', type: 'file', mtimeSeconds: -5, mtimeNanoseconds: 250_000_000 } },
  { header: { path: 'exact', type: 'file', mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 123_456_789 } },
  {
    header: {
      path: 'attributes',
      type: 'file',
      xattrs: new Map([
        ['security.capability', Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0x3d, 0])],
        ['user.ü', Buffer.from('ü\n=')],
        ...['user.a=b', 'user.=', 'user.100%', 'user.%25', 'user.%3D', 'user.%253D=%'].map(
          (name) => [name, Buffer.from(name)] as const,
        ),
      ]),
    },
    body: Buffer.from('x'),
  },
];

function expected({ header, body }: NewTarEntry): Read {
  const content = Buffer.from((body as Uint8Array | undefined) ?? []);
  return {
    mode: header.type === 'dir' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    link: '',
    major: 0,
    minor: 0,
    xattrs: new Map(),
    ...header,
    size: content.length,
    content,
  };
}

describe('the tar codec', () => {
  let base: string;
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'layer-tar-'));
  });
  after(() => rmSync(base, { recursive: true }));

  it('reads back everything that it writes, however the bytes are cut', async () => {
    const bytes = await collect(writeTar(odd));
    for (const size of [1, 511, 512, 513, 1 << 20]) {
      assert.deepEqual(await readBytes(bytes, size), odd.map(expected));
    }
  });

  it('is read by python and GNU tar as it was meant', async () => {
    const file = join(base, 'ours.tar');
    writeFileSync(file, await collect(writeTar(odd)));
    const listing = python(
      `import tarfile,sys,json
print(json.dumps([[m.name,m.type.decode(),m.mode,m.uid,m.gid,m.size,m.mtime,m.linkname,m.devmajor,m.devminor,
  m.pax_headers.get('SCHILY.xattr.security.capability','').encode('utf8','surrogateescape').hex()] for m in tarfile.open(sys.argv[1])]))`,
      file,
    );
    const flags = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' };
    assert.deepEqual(
      JSON.parse(listing),
      odd
        .map(expected)
        .map((entry) => [
          entry.path.replace(/\/$/, ''),
          flags[entry.type],
          entry.mode,
          entry.uid,
          entry.gid,
          entry.size,
          entry.mtimeSeconds + entry.mtimeNanoseconds / 1e9,
          entry.link,
          entry.major,
          entry.minor,
          Buffer.from(entry.xattrs.get('security.capability') ?? []).toString('hex'),
        ]),
    );
    const names = execFileSync('tar', ['-tf', file, '--quoting-style=literal'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    assert.deepEqual(
      names,
      odd.map(({ header }) => header.path),
    );
  });

  it('writes attributes whose names hold an equals sign as GNU tar does', async () => {
    const [theirs, ours, file] = [join(base, 'theirs.tar'), join(base, 'ours-xattr.tar'), join(base, 'attributed')];
    writeFileSync(file, '');
    const name = 'trusted.a=%b';
    setXattr(file, name, Buffer.from('x'));
    execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-cf', theirs, '-C', base, 'attributed']);
    assert.deepEqual((await readAll(createReadStream(theirs)))[0]!.xattrs, new Map([[name, Buffer.from('x')]]));
    const header = { path: 'attributed', type: 'file', xattrs: new Map([[name, Buffer.from('x')]]) } as const;
    writeFileSync(ours, await collect(writeTar([{ header }])));
    const record = (archive: string) => /SCHILY\.xattr\.[^\n]*/.exec(readFileSync(archive, 'latin1'))?.[0];
    assert.equal(record(ours), record(theirs));
  });

  for (const format of ['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT']) {
    it(`reads what python writes as ${format}`, async () => {
      const file = join(base, `${format}.tar`);
      python(
        `import tarfile,io,sys
t=tarfile.open(sys.argv[1],'w',format=tarfile.${format})
def add(name,type=tarfile.REGTYPE,body=b'',**k):
    i=tarfile.TarInfo(name); i.type=type; i.size=len(body); i.mtime=1600000000
    for a in k: setattr(i,a,k[a])
    t.addfile(i,io.BytesIO(body))
add('d',tarfile.DIRTYPE,mode=0o750,uid=1,gid=2)
add('d/f',body=b'x'*1000)
add('p'*80+'/'+'n'*90,body=b'long')
add('l',tarfile.SYMTYPE,linkname='d/f')
add('h',tarfile.LNKTYPE,linkname='d/f')
add('c',tarfile.CHRTYPE,devmajor=5,devminor=1)
if sys.argv[2]!='USTAR_FORMAT':
    add('n'*300,body=b'longer')
    add('s',tarfile.SYMTYPE,linkname='t'*300)
    add('ids',uid=3000000000,gid=4000000000)
t.close()`,
        file,
        format,
      );
      const entries = await readAll(createReadStream(file, { highWaterMark: 700 }));
      const by = new Map(entries.map((entry) => [entry.path, entry]));
      assert.deepEqual(
        { ...by.get('d/'), ...by.get('d') },
        expected({
          header: {
            ...(by.get('d') ?? by.get('d/'))!,
            type: 'dir',
            mode: 0o750,
            uid: 1,
            gid: 2,
            mtimeSeconds: 1_600_000_000,
          },
        }),
      );
      assert.deepEqual(by.get('d/f')?.content, Buffer.alloc(1000, 'x'));
      assert.equal(by.get(`${'p'.repeat(80)}/${'n'.repeat(90)}`)?.content.toString(), 'long');
      assert.deepEqual([by.get('l')?.type, by.get('l')?.link], ['symlink', 'd/f']);
      assert.deepEqual([by.get('h')?.type, by.get('h')?.link, by.get('h')?.size], ['hardlink', 'd/f', 0]);
      assert.deepEqual([by.get('c')?.type, by.get('c')?.major, by.get('c')?.minor], ['char', 5, 1]);
      if (format === 'USTAR_FORMAT') return;
      assert.equal(by.get('n'.repeat(300))?.content.toString(), 'longer');
      assert.equal(by.get('s')?.link, 't'.repeat(300));
      assert.deepEqual([by.get('ids')?.uid, by.get('ids')?.gid], [3_000_000_000, 4_000_000_000]);
    });
  }

  for (const format of ['--format=gnu', '--sparse-version=0.0', '--sparse-version=0.1', '--sparse-version=1.0']) {
    it(`reads sparse files of GNU tar, ${format}`, async () => {
      const name = join(base, `sparse${format.replace(/\W/g, '')}`);
      const fd = openSync(name, 'w+');
      for (let piece = 0; piece < 40; piece++) writeSync(fd, Buffer.alloc(5000, piece + 1), 0, 5000, piece * 200_000);
      ftruncateSync(fd, 9_000_000);
      const tar = `${name}.tar`;
      const posix = format === '--format=gnu' ? [] : ['--format=pax'];
      execFileSync('tar', [
        '-C',
        base,
        '-S',
        format,
        ...posix,
        '-cf',
        tar,
        name.slice(base.length + 1),
        '-C',
        '/',
        'etc/hostname',
      ]);
      const want = execFileSync('sha256sum', [name], { encoding: 'utf8' }).slice(0, 64);
      const [sparse, next] = await readAll(createReadStream(tar, { highWaterMark: 999 }));
      assert.equal(sparse!.path, name.slice(base.length + 1));
      assert.equal(sparse!.size, 9_000_000);
      assert.equal(createHash('sha256').update(sparse!.content).digest('hex'), want);
      assert.equal(next!.path, 'etc/hostname');
    });
  }

  it('reads old V7 archives and archives without an end mark', async () => {
    if (existsSync('/etc/hostname')) {
      const v7 = execFileSync('tar', ['--format=v7', '-C', '/etc', '-cf', '-', 'hostname']);
      assert.equal((await readBytes(v7))[0]?.path, 'hostname');
      assert.equal((await readBytes(v7.subarray(0, 1024)))[0]?.path, 'hostname');
    }
    assert.deepEqual(await readBytes(tarEnd()), []);
    assert.deepEqual(await readBytes(new Uint8Array(0)), []);
  });

  it('gives the next entry even when a body was left unread', async () => {
    const bytes = await collect(writeTar(odd));
    const names: string[] = [];
    for await (const { header } of readTar(pieces(bytes, 100))) names.push(header.path);
    assert.deepEqual(
      names,
      odd.map(({ header }) => header.path),
    );
  });

  it('refuses to write a body that is not as long as announced', async () => {
    const write = (size: number) =>
      collect(writeTar([{ header: { path: 'f', type: 'file', size }, body: Buffer.from('four') }]));
    await assert.rejects(write(5), { kind: 'data_loss' });
    await assert.rejects(write(3), { kind: 'data_loss' });
    assert.equal((await write(4)).length, 2048);
  });

  const file = (size: number, body: Uint8Array) =>
    Buffer.concat([tarHeader({ path: 'f', type: 'file', size }), body, tarPadding(body.length)]);
  /** Sets a field of the first header and makes the checksum right again. */
  const patched = (bytes: Buffer, at: number, text: string | Buffer, header = 0) => {
    const copy = Buffer.from(bytes);
    Buffer.from(text).copy(copy, header + at);
    copy.fill(0x20, header + 148, header + 156);
    const sum = copy.subarray(header, header + 512).reduce((total, byte) => total + byte, 0);
    copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148, 'latin1');
    return copy;
  };
  const pax = (...records: string[]) => {
    const body = Buffer.from(records.join(''), 'latin1');
    const header = Buffer.from(tarHeader({ path: 'x', type: 'file', size: body.length }));
    return Buffer.concat([patched(header, 156, 'x'), body, tarPadding(body.length)]);
  };
  const record = (key: string, value: string) => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
    return `${length}${rest}`;
  };
  const good = file(4, Buffer.from('four'));
  const hostile: readonly (readonly [string, Buffer])[] = [
    ['a wrong checksum', Buffer.concat([good.subarray(0, 10), Buffer.from('!'), good.subarray(11)])],
    ['a size that is no number', patched(good, 124, 'xyz')],
    ['a negative size', patched(good, 124, Buffer.alloc(12, 0xff))],
    ['a size beyond all bounds', patched(good, 124, Buffer.from([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]))],
    ['an owner of -1', Buffer.concat([pax(record('uid', '4294967295')), good])],
    ['an unknown type', patched(good, 156, 'Z')],
    ['a PAX size that differs from the ustar size', Buffer.concat([pax(record('size', '0')), good])],
    ['a ustar size of 0 under a PAX size', Buffer.concat([pax(record('size', '512')), file(0, Buffer.alloc(512))])],
    ['a PAX size below zero', Buffer.concat([pax(record('size', '-1')), good])],
    ['a PAX record that is longer than the header', Buffer.concat([pax('99 path=x\n'), good])],
    ['a PAX record of no length', Buffer.concat([pax('0 path=x\n'), good])],
    ['a PAX record without a key', Buffer.concat([pax('6 =xx\n'), good])],
    ['a PAX record without an end', Buffer.concat([pax('9 path=xx'), good])],
    ['a null byte in a PAX path', Buffer.concat([pax(record('path', 'a\0b')), good])],
    ['a PAX time that is none', Buffer.concat([pax(record('mtime', '12h')), good])],
    ['a sparse map without a pair', Buffer.concat([pax(record('GNU.sparse.numbytes', '1')), good])],
    [
      'a sparse map outside the file',
      Buffer.concat([pax(record('GNU.sparse.size', '4'), record('GNU.sparse.map', '2,4')), good]),
    ],
    [
      'a sparse map that does not fit the data',
      Buffer.concat([pax(record('GNU.sparse.size', '9'), record('GNU.sparse.map', '0,2')), good]),
    ],
    [
      'an extended header of gigabytes',
      patched(Buffer.from(tarHeader({ path: 'x', type: 'file', size: 2 ** 32 })), 156, 'x'),
    ],
    ['a long name of gigabytes', patched(Buffer.from(tarHeader({ path: 'x', type: 'file', size: 2 ** 32 })), 156, 'L')],
    ['data after an empty block', Buffer.concat([Buffer.alloc(512), good])],
  ];
  for (const [what, bytes] of hostile) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(readBytes(bytes), (error) => {
        assert.ok(error instanceof StrataError, String(error));
        assert.equal(error.code, 'invalid_archive');
        return true;
      });
    });
  }

  it('says that an archive is cut off, wherever that is', async () => {
    const whole = Buffer.concat([pax(record('path', 'long'), record('comment', 'x'.repeat(600))), good]);
    for (const length of [1, 511, 513, 900, 1536, 1540, 2047, 2049, 2051]) {
      await assert.rejects(readBytes(whole.subarray(0, length)), { message: 'unexpected EOF' }, String(length));
    }
  });

  it('never hangs and never fails with anything but its own error, whatever the bytes', async () => {
    const sample = await collect(writeTar(odd));
    const corrupted = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { maxLength: 12 }),
        fc.nat(sample.length),
        fc.integer({ min: 1, max: 3000 }),
        fc.boolean(),
      )
      .map(([changes, length, size, repair]) => {
        let bytes = Buffer.from(sample);
        for (const [at, value] of changes) bytes[at] = value;
        // With right checksums the fuzz reaches what lies behind them.
        if (repair)
          for (let at = 0; at + 512 <= bytes.length; at += 512)
            if (bytes[at + 257] === 0x75) bytes = patched(bytes, 0, '', at);
        return { bytes: bytes.subarray(0, length), size };
      });
    await fc.assert(
      fc.asyncProperty(corrupted, async ({ bytes, size }) => {
        try {
          let total = 0;
          for await (const { header, body } of readTar(pieces(bytes, size))) {
            if (header.size > 1 << 24) continue;
            for await (const chunk of body) total += chunk.length;
          }
          assert.ok(total <= 1 << 26);
        } catch (error) {
          assert.ok(error instanceof StrataError, String((error as Error).stack));
        }
      }),
      { numRuns: 400 },
    );
  });
});
