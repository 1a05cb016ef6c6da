/** Archives: hostile members, damaged archives, pipes, real tools, and the memory they take. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { VerifyTrailError } from '../../src/errors.js'
import { archiveSource, BodyError, memorySource, type ReadAnswer, type Source, verifyTrail } from '../../src/index.js'
import { ANSWER, formatRoots, KEY } from '../../src/sources/export-records.js'
import { joinParts } from '../../src/sources/split-archive.js'
import { paxRecords, sealed, type TarMember, tar, tarHeader, type ZipMember, zip } from '../support/archives.js'
import { caseMetadata, caseObjects, casePath, differences, readCases, runCase } from '../support/cases.js'
import { hasTool } from '../support/tools.js'

const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'verify-trail-archive-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
let files = 0

/** Opens these bytes as a file. */
async function open(bytes: Uint8Array, name = 'a.tar'): Promise<Source> {
  const folder = join(scratch, String(files++))
  mkdirSync(folder)
  writeFileSync(join(folder, name), bytes)
  const source = await archiveSource(join(folder, name))
  t.teardown(() => source.close?.())
  return source
}

/** The paths of parts of so many bytes, as `split` names them. */
function split(bytes: Uint8Array, size: number, name: string): string[] {
  const folder = join(scratch, String(files++))
  mkdirSync(folder)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => {
    const path = join(folder, `${name}.${String(i).padStart(3, '0')}`)
    writeFileSync(path, bytes.subarray(i * size, (i + 1) * size))
    return path
  })
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof VerifyTrailError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'no error'
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The text of an object; else what was answered, in short. */
async function read(source: Source, key: string): Promise<string> {
  return textOf(await source.read(key))
}

async function textOf(answer: ReadAnswer): Promise<string> {
  if (answer.kind === 'missing') return 'missing'
  if (answer.kind === 'unreadable') return `${answer.reason}: ${answer.detail ?? ''}`
  if (answer.body instanceof Uint8Array) return Buffer.from(answer.body).toString()
  try {
    return Buffer.concat(await collect(answer.body)).toString()
  } catch (error) {
    if (error instanceof BodyError) return `${error.reason}: ${error.message}`
    throw error
  }
}

async function listed(source: Source): Promise<string[]> {
  return (await collect(source.list(''))).map((part) =>
    part.kind === 'object' ? part.key : `${part.key}! ${part.reason}: ${part.detail ?? ''}`,
  )
}

const text = (value: string): Uint8Array => Buffer.from(value)
const member = (name: string, value = name): TarMember => ({ name, bytes: text(value) })

const KEYS = ['a/x', 'a/y/z', 'a.b', 'a!', 'a0', 'a/y0', 'ü/\u{1f600}', 'ü/\uffee', `long/${'n'.repeat(180)}`, 'empty']

t.test('an archive and the same objects in memory answer alike', async (t) => {
  const objects = new Map(KEYS.map((key) => [key, text(key === 'empty' ? '' : key)]))
  const members = KEYS.map((name) => ({ name, bytes: objects.get(name) ?? text('') }))
  const archives: [string, Source][] = [
    ['tar', await open(tar(members))],
    ['tar, in another order', await open(tar([...members].reverse()))],
    ['tar, base-256 sizes', await open(tar(members.map((one) => ({ ...one, base256: true as const }))))],
    [
      'tar.gz in two members',
      await open(Buffer.concat([gzipSync(tar(members).subarray(0, 1000)), gzipSync(tar(members).subarray(1000))])),
    ],
    ['two tars put together', await open(Buffer.concat([tar(members.slice(0, 4)), tar(members.slice(4))]))],
    ['zip', await open(zip(members.map((one, index) => ({ ...one, deflate: index % 2 === 0 }))))],
    ['zip64', await open(zip(members, { zip64: true }))],
    ['pipe', await archiveSource('-', { input: Readable.from([tar(members).subarray(0, 100), tar(members).subarray(100)]) })],
    ['a tar in parts of 700 bytes', await archiveSource(split(tar(members), 700, 'a.tar'))],
    ['a tar in parts of 512 bytes', await archiveSource(split(tar(members), 512, 'a.tar'))],
    ['tar.gz in parts', await archiveSource(split(gzipSync(tar(members)), 50, 'a.tar.gz'))],
    ['zip in parts', await archiveSource(split(zip(members.map((one) => ({ ...one, deflate: true }))), 33, 'a.zip'))],
    ['pipe, gzip', await archiveSource('-', { input: Readable.from([gzipSync(tar(members))]) })],
  ]
  const memory = memorySource({ name: 'memory', objects })
  const withoutSizes = (parts: readonly { key: string }[]): string[] => parts.map(({ key }) => key)
  for (const [what, archive] of archives) {
    for (const prefix of ['', 'a/', 'a/y/', 'ü/', 'none/', 'a/none/', 'a.b/']) {
      const [mine, its] = [await archive.folders(prefix), await memory.folders(prefix)]
      if (!('folders' in mine && 'folders' in its)) throw new Error('unreadable')
      t.same(
        [mine.folders, withoutSizes(mine.objects)],
        [its.folders, withoutSizes(its.objects)],
        `${what}: folders of '${prefix}'`,
      )
      t.same(
        withoutSizes(await collect(archive.list(prefix))),
        withoutSizes(await collect(memory.list(prefix))),
        `${what}: list '${prefix}'`,
      )
    }
    for (const key of [...KEYS, 'none', 'a', 'a/', 'A/x', '../a/x', '/a/x', 'a//x', 'a/./x', '\ud800']) {
      const expected = KEYS.includes(key)
        ? key === 'empty'
          ? ''
          : key
        : /^(?:none|a|a\/|A\/x)$/.test(key)
          ? 'missing'
          : 'unsafe-name: '
      t.equal(await read(archive, key), expected, `${what}: reads '${key}'`)
    }
    await archive.close?.()
  }
})

t.test('hostile members are named, and never read or written', async (t) => {
  const nameless = Buffer.from([0x61, 0x2f, 0xff])
  const source = await open(
    tar([
      member('/abs/x'),
      member('./dot/x'),
      member('../up/x'),
      member('a/../../x'),
      member('a//x'),
      { name: nameless, bytes: text('1') },
      { name: 'dir/', type: '5' },
      { name: 'file/', bytes: text('with bytes') },
      { name: 'links/soft', type: '2' },
      { name: 'links/hard', type: '1' },
      { name: 'links/device', type: '3' },
      { name: 'links/fifo', type: '6' },
      member('twice', 'one'),
      member('twice', 'two'),
      member('./twice', 'three'),
      member('.DS_Store'),
      member('sub/x.json'),
      member('sub/x.json.metadata.json'),
      member('sub/y.json.metadata.json'),
    ]),
  )
  t.same(await listed(source), [
    '../up/x! unsafe-name: not a name that an object is read by',
    'a/../../x! unsafe-name: not a name that an object is read by',
    'a//x! unsafe-name: not a name that an object is read by',
    'a/x! unsafe-name: not a name that an object is read by',
    'a/\ufffd! unsafe-name: not a name that an object is read by',
    'abs/x',
    'dot/x',
    'file! unsafe-name: not a name that an object is read by',
    'file/! unsafe-name: not a name that an object is read by',
    'links/device! link: device',
    'links/fifo! link: FIFO',
    'links/hard! link: hard link',
    'links/soft! link: symbolic link',
    'sub/x.json',
    'sub/y.json.metadata.json',
    'twice! duplicate-name: several members have this name',
    'up/x! unsafe-name: not a name that an object is read by',
    'x! unsafe-name: not a name that an object is read by',
  ])
  t.equal(source.ignored, 2)
  await listed(source)
  t.equal(source.ignored, 2, 'counted once')
  t.equal(await read(source, 'twice'), 'duplicate-name: several members have this name')
  t.equal(await read(source, 'links/soft'), 'link: symbolic link')
  t.equal(await read(source, 'sub/x.json.metadata.json'), 'sub/x.json.metadata.json', 'a sidecar is read when asked for')
})

/** In the folder that every tool would put a log file into. */
const FORGED = 'AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/forged.json.gz'

t.test('what tools would put into another folder, or extract at all, is never passed over', async (t) => {
  const clean = [member('a')]
  const foreign = (magic: string, prefix: string): Buffer => {
    const block = tarHeader(text('forged.json.gz'), 1, '0')
    block.write(magic, 257, 'latin1')
    block.write(prefix, 345)
    return Buffer.concat([sealed(block), Buffer.alloc(512, 'f'), Buffer.alloc(1024)])
  }
  const begun = tar(clean, Buffer.alloc(0))
  const x = (records: Record<string, string>, type = 'x'): TarMember => ({ name: 'x', type, bytes: paxRecords(records) })
  const forged = member('harmless', 'forged')
  const long: TarMember = { name: '././@LongLink', type: 'L', bytes: text(`${FORGED}\0`) }
  /** A header with these bytes in it, sealed as well as it can be. */
  const altered = (at: number, bytes: Uint8Array, isChecksum = false): Buffer => {
    const block = Buffer.from(
      sealed(
        Buffer.concat([
          tarHeader(text('x'), 0, '0').subarray(0, at),
          bytes,
          tarHeader(text('x'), 0, '0').subarray(at + bytes.length),
        ]),
      ),
    )
    if (isChecksum) {
      const sum = Number.parseInt(block.toString('latin1', 148, 154), 8)
      block.set([0x80, 0, 0, 0, 0, 0, sum >>> 8, sum & 0xff], 148)
    }
    return Buffer.concat([block, Buffer.alloc(1024)])
  }
  const gnuPrefix = Buffer.alloc(200)
  gnuPrefix.write('ustar  \0')
  gnuPrefix.write('000000000000/../AWSLogs', 345 - 257)
  const damaged: [string, Uint8Array][] = [
    ['a prefix that only some honour', Buffer.concat([begun, foreign('ustarX00', 'AWSLogs')])],
    ['a prefix in the format of GNU', Buffer.concat([begun, foreign('ustar  \0', 'AWSLogs')])],
    ['a prefix in no format', Buffer.concat([begun, foreign('\0\0\0\0\0\0\0\0', 'AWSLogs')])],
    ...['A', 'E', 'I', 'N'].map((type): [string, Uint8Array] => [`type ${type}`, tar([...clean, { ...forged, type }])]),
    ['two PAX headers', tar([...clean, x({ path: FORGED }), x({ path: 'b' }), forged])],
    ['the old type of PAX headers', tar([...clean, x({ path: FORGED }), x({ path: 'b' }, 'X'), forged])],
    ['a PAX header and a long name', tar([...clean, x({ path: 'b' }), long, forged])],
    ['a long name and a PAX header', tar([...clean, long, x({ path: 'b' }), forged])],
    ['two long names', tar([...clean, long, { ...long, bytes: text('b\0') }, forged])],
    [
      'a record twice',
      tar([
        ...clean,
        { name: 'x', type: 'x', bytes: Buffer.concat([paxRecords({ path: FORGED }), paxRecords({ path: 'b' })]) },
        forged,
      ]),
    ],
    ['two sizes', tar([...clean, { ...forged, pax: { size: '0' } }])],
    ['an old sparse file', tar([...clean, { ...forged, type: 'S' }])],
    ['a sparse file', tar([...clean, { ...forged, pax: { 'GNU.sparse.name': FORGED, 'GNU.sparse.major': '1' } }])],
    ['a name before a volume label', tar([...clean, long, { name: 'label', type: 'V' }, forged])],
    ['a size before a volume label', tar([...clean, x({ size: '0' }), { name: 'label', type: 'V' }, forged])],
    ['a folder of old, named otherwise', tar([...clean, long, { name: 'junk/', type: '\0', bytes: text('1') }])],
    ['a folder of old with bytes', tar([...clean, { name: 'junk/', type: '\0', bytes: text('1') }])],
    ['a checksum in base-256', Buffer.concat([begun, altered(148, Buffer.from([0x80, 0, 0, 0, 0]), true)])],
    ['a mode that is none', Buffer.concat([begun, altered(100, Buffer.from('rw-r--r-'))])],
    ['a prefix behind what looks like a time', Buffer.concat([begun, altered(257, gnuPrefix)])],
  ]
  for (const [what, bytes] of damaged) {
    const [first, ...others] = await listed(await open(bytes))
    t.match(first, /^! damaged-archive: /, what)
    t.same(others, ['a'], `${what}: nothing more is read`)
  }
  const elsewhere = FORGED.replace('/us-east-1/', '//us-east-1/')
  const names: [string, string | Uint8Array, Partial<TarMember>][] = [
    ['upwards, as GNU tar extracts it', `a/../${FORGED}`, {}],
    ['upwards, followed', FORGED.replace('/us-east-1/', '/x/../us-east-1/'), {}],
    ['two slashes', elsewhere, {}],
    ['a dot', FORGED.replace('/us-east-1/', '/./us-east-1/'), {}],
    ['a slash at the end', `${FORGED}/`, {}],
    ['what follows a NUL', 'harmless', { pax: { path: `${FORGED}\0.txt` } }],
    ['what is a folder for some', FORGED, { type: 'D' }],
    ['what is a folder for some, and named so', `${FORGED}/`, { type: 'D' }],
    ['a file that is named like a folder', `${FORGED}/`, { bytes: text('') }],
    ['a link that is named like a folder', `${FORGED}/`, { type: '1', bytes: text('') }],
    ['a volume label', FORGED, { type: 'V', bytes: text('') }],
  ]
  for (const [what, name, rest] of names) {
    const parts = await listed(await open(tar([...clean, { name, bytes: text('1'), ...rest }])))
    t.ok(
      parts.some((part) => part.startsWith(`${FORGED}! `)),
      what,
    )
  }
  const links: [string, TarMember[]][] = [
    ['a link with a slash', [{ name: 'ln/', type: '2' }, member('ln/forged.json.gz')]],
    ['a hard link to a link', [{ name: 'a2', type: '2' }, { name: 'b', type: '1' }, member('b/forged.json.gz')]],
    ['what has the name of a hard link', [{ name: 'x', type: '1' }, member('x')]],
    ['what has the name of a symbolic link', [member('x'), { name: './x', type: '2' }]],
  ]
  for (const [what, members] of links)
    t.match(
      (await listed(await open(tar([...clean, ...members]))))[0],
      /^! damaged-archive: .* is a link, and other members/,
      what,
    )
  const throughLink = [...clean, { name: 'link', type: '2' }, member('link/forged.json.gz')]
  t.match((await listed(await open(tar(throughLink))))[0], /^! damaged-archive: "link" is a link/)
  const twice = tar([...clean, { name: 'link', type: '2' }, { name: 'link', type: '2' }, member('link/forged.json.gz')])
  t.match((await listed(await open(twice)))[0], /^! damaged-archive: "link" is a link/)
  const inZip = zip([{ name: 'link', mode: 0o120777, bytes: text('AWSLogs') }, { name: 'link/forged.json.gz' }])
  t.match((await listed(await open(inZip, 'a.zip')))[0], /^! damaged-archive: "link" is a link/)
  t.same(await listed(await open(tar([...clean, { name: 'a0', type: '2' }, member('a00/b')]))), [
    'a',
    'a0! link: symbolic link',
    'a00/b',
  ])
  const zips: [string, Partial<ZipMember>][] = [
    ['backslashes, made on Windows', { name: FORGED.replaceAll('/', '\\'), host: 0 }],
    ['backslashes', { name: FORGED.replaceAll('/', '\\') }],
    ['some backslashes, made on Windows', { name: FORGED.replace('/us-east-1/', '\\us-east-1/'), host: 0 }],
    ['the field for Unicode', { name: 'harmless', unicodePath: FORGED }],
    ['the field for Unicode in one place', { name: 'harmless', localUnicodePath: FORGED }],
    ['the local header', { name: 'harmless', localName: FORGED }],
    ['the directory', { name: FORGED, localName: 'harmless' }],
    ['two slashes', { name: elsewhere }],
    ['another method', { name: FORGED, localMethod: 8 }],
    ['control characters', { name: FORGED.replace('Logs', '\u0001Logs') }],
    ['what is no ASCII', { name: Buffer.from(FORGED.replace('Logs', '\xffLogs'), 'latin1'), flags: 0 }],
  ]
  for (const [what, rest] of zips) {
    const parts = await listed(await open(zip([{ name: 'a' }, { name: '', bytes: text('1'), ...rest }]), 'a.zip'))
    const found = parts.some((part) => part === FORGED || part.startsWith(`${FORGED}! `))
    t.ok(found, `zip: ${what}`)
    t.equal(parts.includes(FORGED), /^backslashes/.test(what), `zip: ${what}: only what all tools agree on is read`)
  }
  const local = zip([{ name: FORGED, bytes: text('1') }])
  const hidden = local.subarray(0, local.indexOf('PK\x01\x02'))
  const one = zip([{ name: 'a' }])
  const unnamed: [string, Buffer][] = [
    ['within a member, for a stream', zip([{ name: 'a', bytes: hidden, localSize: 0 }])],
    ['within a member whose length no stream is told', zip([{ name: 'a', bytes: hidden, flags: 0x808 }])],
    ['behind what is deflated', zip([{ name: 'a', bytes: text('a'), deflate: true, tail: hidden, flags: 0x808 }])],
    ['between two', zip([{ name: 'a', behind: hidden }, { name: 'b' }])],
    ['behind the last', zip([{ name: 'a' }, { name: 'b', behind: hidden }])],
    ['another directory at the end', Buffer.concat([one, local.subarray(hidden.length, -22), one.subarray(-22)])],
  ]
  for (const [what, bytes] of unnamed)
    t.match((await listed(await open(bytes, 'a.zip')))[0], /^! damaged-archive: /, `zip: ${what}`)
  t.same(await listed(await open(zip([{ name: 'a', behind: text('padding, as zipalign writes') }, { name: 'b' }]), 'a.zip')), [
    'a',
    'b',
  ])
})

t.test('a tar that says that it is an export hides nothing', async (t) => {
  const roots = { name: 'pax', type: 'g', bytes: paxRecords(formatRoots([{ folder: 'b/', prefix: '', bucket: 'b' }])) }
  const hash = '0'.repeat(64)
  const mine = [
    roots,
    member('b/a'),
    { ...member(`_verify-trail/objects/${hash}`), pax: { [KEY]: 'b/a//b' } },
    { name: `_verify-trail/answers/${hash}`, pax: { [KEY]: 'b/gone', [ANSWER]: '{"kind":"missing"}' } },
    member('_verify-trail/report.json'),
    member('_verify-trail/SHA256SUMS'),
    member(`_verify-trail/versions/${hash}/list.json`),
  ]
  const honest = await open(tar(mine))
  t.same(await listed(honest), ['b/a', 'b/a//b'])
  t.equal(await read(honest, 'b/gone'), 'missing')
  t.same(await listed(await open(tar([...mine, member(`old/${FORGED}`), member(FORGED)]))), [
    FORGED,
    'b/a',
    'b/a//b',
    `old/${FORGED}`,
  ])
  const answer = { [KEY]: 'b/gone', [ANSWER]: '{"kind":"missing"}' }
  const hidden: [string, TarMember][] = [
    ['a key that is not its name', { ...member(`b/${FORGED}`), pax: { [KEY]: 'b/x' } }],
    ['an answer that is a file', { name: `_verify-trail/answers/${hash}`, bytes: text('1'), pax: answer }],
    ['an answer under a name of an object', { name: `b/${FORGED}`, pax: answer }],
    ['an answer without a key', { name: `b/${FORGED}`, pax: { [ANSWER]: '{"kind":"missing"}' } }],
    ['what no export writes there', member(`_verify-trail/${FORGED}`)],
    ['a link', { name: '_verify-trail', type: '2' }],
  ]
  for (const [what, one] of hidden) t.match((await listed(await open(tar([...mine, one]))))[0], /^! damaged-archive: /, what)
})

t.test('hostile members of a zip', async (t) => {
  const big = Buffer.alloc(20 * 1024 * 1024, 'x')
  const members = [
    { name: '../up', bytes: text('1') },
    { name: 'C:\\x', bytes: text('backslash') },
    { name: 'dir/' },
    { name: 'encrypted', bytes: text('1'), flags: 0x801 },
    { name: 'method', bytes: text('1'), method: 14 },
    { name: 'soft', bytes: text('target'), mode: 0o120777 },
    { name: 'twice', bytes: text('1') },
    { name: 'twice', bytes: text('2') },
    { name: 'crc', bytes: text('1'), crc: 7 },
    { name: 'size', bytes: text('12345'), size: 4, deflate: true },
    { name: 'more', bytes: text('12345'), size: 6 },
    { name: 'other', bytes: text('1'), localName: 'named' },
    { name: 'big', bytes: big, deflate: true },
    { name: 'bomb', bytes: big, deflate: true, size: 9 * 1024 * 1024 },
    { name: 'big-crc', bytes: big, crc: 1 },
    { name: Buffer.from([0x81]), bytes: text('cp437'), flags: 0 },
    { name: 'dir/x', bytes: text('x') },
    { name: '__MACOSX/dir/._x', bytes: Buffer.from([0, 5, 0x16, 7, 0, 2]) },
    { name: '__MACOSX/dir/._y', bytes: Buffer.from([0, 5, 0x16, 7, 0, 2]) },
    { name: 'dir/z', bytes: text('z') },
    { name: '__MACOSX/dir/._z', bytes: text('a log file') },
  ]
  const source = await open(zip(members), 'a.zip')
  const refused = (await listed(source)).filter((one) => one.includes('!'))
  t.same(refused, [
    '../up! unsafe-name: not a name that an object is read by',
    'encrypted! unsupported-member: encrypted',
    'method! unsupported-member: compressed with another method than deflate',
    'named! unsafe-name: tools differ in the name that they give it',
    'other! unsafe-name: tools differ in the name that they give it',
    'soft! link: symbolic link',
    'twice! duplicate-name: several members have this name',
    'up! unsafe-name: not a name that an object is read by',
  ])
  t.equal(source.ignored, 1)
  const ofMacOs = (await listed(source)).filter((one) => one.startsWith('__MACOSX/'))
  t.same(ofMacOs, ['__MACOSX/dir/._y', '__MACOSX/dir/._z'], 'what has no file beside it, or is something else, is not ignored')
  t.equal(await read(source, 'C:/x'), 'backslash')
  t.equal(await read(source, 'ü'), 'cp437')
  t.equal(await read(source, 'crc'), 'damaged-archive: its checksum is not that of its bytes')
  t.equal(await read(source, 'size'), 'damaged-archive: its bytes are not the 4 that were put in')
  t.equal(await read(source, 'more'), 'damaged-archive: its sizes contradict each other')
  t.equal(await read(source, 'big'), big.toString())
  t.match(await read(source, 'bomb'), /^damaged-archive: its bytes are not the 9437184/)
  t.match(await read(source, 'big-crc'), /^damaged-archive: its checksum/)
  const overlapping = zip([{ name: 'aaaa', bytes: zip([{ name: 'b', bytes: text('1') }]) }, { name: 'c' }])
  overlapping.writeUInt32LE(2, overlapping.length - 22 - (46 + 1) + 42)
  t.match(await messageOf(open(overlapping, 'o.zip')), /ERR_SOURCE: .*members overlap/)
  const cut = zip(members).subarray(0, 400)
  t.match(await messageOf(open(cut, 'cut.zip')), /ERR_SOURCE: .*the zip cannot be read: .*truncated/)
  const hidden = await open(
    zip(
      [
        { name: 'a', bytes: text('1') },
        { name: 'b', bytes: text('2') },
      ],
      { entries: 1 },
    ),
    'hidden.zip',
  )
  t.match(await listed(hidden), [/^! damaged-archive: its directory goes on/, 'a'])
  t.match(await read(hidden, 'b'), /^damaged-archive: it is not in the part that could be read/)
})

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes
}

t.test('a damaged tar is read as far as it goes, and nothing in it is missing', async (t) => {
  const whole = tar([member('a'), member('b'), member('c')])
  const damages: [string, Uint8Array, RegExp, string[]][] = [
    [
      'within a member',
      whole.subarray(0, 512 * 3),
      /ends within the member/,
      ['a', 'b! damaged-archive: the archive ends within it'],
    ],
    ['within a header', whole.subarray(0, 512 * 4 + 9), /ends within a header/, ['a', 'b']],
    ['at the end of a member', whole.subarray(0, 512 * 4), /no end mark/, ['a', 'b']],
    ['a header that is none', Buffer.concat([tar([member('a')]), Buffer.alloc(512, 'x')]), /no tar header at byte 2048/, ['a']],
    ['gzip, cut', gzipSync(whole, { level: 0 }).subarray(0, 2500), /breaks off \(unexpected end of file\)/, ['a', 'b']],
    ['gzip, small and cut', gzipSync(whole, { level: 0 }).subarray(0, 2500), /breaks off/, ['a', 'b']],
    [
      'gzip, small, and junk',
      Buffer.concat([gzipSync(whole), text('junk')]),
      /breaks off \(incorrect header check\)/,
      ['a', 'b', 'c'],
    ],
    [
      'gzip, small, of another length',
      flipped(gzipSync(whole), gzipSync(whole).length - 4),
      /breaks off \(incorrect length check\)/,
      ['a', 'b', 'c'],
    ],
    ['gzip, small, one bit changed', flipped(gzipSync(whole, { level: 0 }), 15 + 512 * 5), /breaks off/, ['a', 'b', 'c']],
    ['a link with bytes', tar([member('a'), { name: 'l', type: '2', bytes: text('1') }]), /tools differ/, ['a']],
    [
      'a global name',
      tar([member('a'), { name: 'g', type: 'g', bytes: paxRecords({ path: 'b' }) }, member('c')]),
      /one name or size/,
      ['a'],
    ],
    [
      'PAX records that are none',
      tar([member('a'), { name: 'x', type: 'x', bytes: text('8 path=b\n') }, member('c')]),
      /is none/,
      ['a'],
    ],
    ['a PAX size that is none', tar([member('a'), { ...member('b'), pax: { size: '-1' } }]), /no usable size/, ['a']],
    [
      'a size beyond the end',
      tar([member('a'), { name: 'b', pax: { size: '99999999999' } }]),
      /ends within the member/,
      ['a', 'b! damaged-archive: the archive ends within it'],
    ],
    [
      'a header for no member',
      tar([member('a'), { name: 'x', type: 'x', bytes: paxRecords({ path: 'b' }) }]),
      /no member follows/,
      ['a'],
    ],
    ['a header of many bytes', tar([member('a'), { name: 'x', type: 'x', size: 2 ** 21 }]), /has 2097152 bytes/, ['a']],
  ]
  for (const [what, bytes, reason, members] of damages) {
    const source = await open(bytes)
    const [first, ...others] = await listed(source)
    t.match(first, /^! damaged-archive: /, what)
    t.match(first, reason, what)
    t.same(others, members, what)
    const folders = await source.folders('')
    t.ok('objects' in folders && folders.objects.some(({ key, kind }) => key === '' && kind === 'unreadable'), what)
    t.match(await read(source, 'none'), /^damaged-archive: /, what)
  }
})

t.test('what is no archive is refused, with what to do', async (t) => {
  const refused: [Uint8Array, string, RegExp][] = [
    [text('BZh91AY'), 'x.tar.bz2', /bzip2 -dc .*x\.tar\.bz2 \| verify-trail - …/],
    [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0]), 'x.tar.xz', /xz -dc/],
    [Buffer.alloc(600, 'x'), 'x.tar.gz.ab', /give all parts: .*x\.tar\.gz\.\*/],
    [Buffer.alloc(600, 'x'), 'x.tar.b', /give all parts: .*x\.tar\.\*/],
    [Buffer.concat([Buffer.from('PK\x07\x08'), Buffer.alloc(600)]), 'x.z01', /zip -s 0 ARCHIVE\.zip --out whole\.zip/],
    [Buffer.from("7z\xbc\xaf'\x1c", 'latin1'), 'x.7z', /7z x -ofolder .*x\.7z, and give the folder/],
    [text('{}'), 'x.json', /no archive that can be read \(give a \.tar, /],
    [Buffer.alloc(0), 'x.tar', /no archive/],
    [Buffer.alloc(10240), 'x.tar', /the archive is empty/],
    [gzipSync(text('a log file')), 'x.json.gz', /what is in it is no tar/],
    [gzipSync(tar([member('a')])).subarray(0, 12), 'x.tgz', /cannot be inflated/],
    [tar([{ name: 'x', type: 'x', size: 2 ** 21 }]), 'x.tar', /nothing in it can be read/],
  ]
  for (const [bytes, name, sentence] of refused) t.match(await messageOf(open(bytes, name)), sentence, name)
  const zipped = archiveSource('-', { input: Readable.from([zip([{ name: 'a' }])]) })
  t.match(await messageOf(zipped), /zip has its directory at its end/)
  t.match(await messageOf(archiveSource(join(scratch, 'none.tar'))), /ERR_SOURCE: .*ENOENT/)
  t.match(await messageOf(archiveSource(scratch)), /neither a file nor a pipe/)
  const zstd = await messageOf(open(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]), 'x.tar.zst'))
  t.match(
    zstd,
    'createZstdDecompress' in (await import('node:zlib')) ? /cannot be inflated/ : /zstd -dc .*x\.tar\.zst \| verify-trail - …/,
  )
})

t.test(
  'what is a tar and a zip at once is refused; zeros behind a compressed tar are none of it, and nothing else is',
  async (t) => {
    const inside = zip([{ name: 'b', bytes: text('b') }])
    const block = tarHeader(text('PK\x03\x04'), 0, '0')
    const comment = Buffer.from(inside)
    comment.writeUInt16LE(1024, comment.length - 2)
    const twofold: [string, Uint8Array, string][] = [
      ['a tar that begins like a zip', Buffer.concat([block, tar([member('a')])]), 'a.tar'],
      ['a tar that ends like a zip', Buffer.concat([tar([member('a')]), inside]), 'a.tar'],
      ['a tar within the comment', Buffer.concat([tar([member('a')]), comment, Buffer.alloc(1024)]), 'a.tar'],
      ['a compressed tar that ends like a zip', Buffer.concat([gzipSync(tar([member('a')])), Buffer.alloc(1), inside]), 'a.tgz'],
      ['a tar that is named like a zip', tar([member('a')]), 'a.zip'],
    ]
    for (const [what, bytes, name] of twofold)
      t.match(await messageOf(open(bytes, name)), /ERR_SOURCE: .* at once: tools differ/, what)
    const packed = gzipSync(tar([member('a')]))
    t.same(await listed(await open(Buffer.concat([packed, Buffer.alloc(300_000)]), 'a.tgz')), ['a'])
    for (const zeros of [1, 1000, 300_000]) {
      const more = Buffer.concat([packed, Buffer.alloc(zeros), gzipSync(tar([member('b')]))])
      t.match(
        (await listed(await open(more, 'a.tgz')))[0],
        /^! damaged-archive: .*other bytes follow the zeros/,
        `${zeros} zeros`,
      )
    }
  },
)

t.test('metadata in PAX headers', async (t) => {
  const source = await open(
    tar([
      {
        ...member('a'),
        pax: {
          'SCHILY.xattr.user.signature': 'abc',
          'SCHILY.xattr.user.Signature-Algorithm': 'x',
          'SCHILY.xattr.security.selinux': 'no',
        },
      },
      {
        ...member(`b${'b'.repeat(120)}`),
        pax: { 'LIBARCHIVE.xattr.user.signature%2Dalgorithm': Buffer.from('SHA256withRSA').toString('base64') },
      },
      member('c'),
    ]),
  )
  t.match(await source.read('a'), { metadata: { signature: 'abc', 'signature-algorithm': 'x' }, metadataFrom: 'tar' })
  t.match(await source.read(`b${'b'.repeat(120)}`), { metadata: { 'signature-algorithm': 'SHA256withRSA' } })
  t.notOk('metadata' in (await source.read('c')))
})

t.test('old tars: GNU long names, prefixes, signed checksums, types', async (t) => {
  const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`
  const prefixed = tarHeader(text('name'), 1, '0')
  prefixed.write('prefix/of', 345)
  const old = tarHeader(text('old'), 1, '\0')
  old.fill(0, 257, 265)
  const times = tarHeader(text('times'), 1, '0')
  times.write('ustar  \0', 257)
  times.write('15302274515\x0015302274515\0', 345)
  const source = await open(
    Buffer.concat([
      tar([{ name: '././@LongLink', type: 'L', bytes: text(`${long}\0`) }], Buffer.alloc(0)),
      tar([{ name: long.slice(0, 100), bytes: text('long') }], Buffer.alloc(0)),
      sealed(prefixed),
      Buffer.alloc(512, 'p'),
      sealed(old),
      Buffer.alloc(512, 'o'),
      sealed(times),
      Buffer.alloc(512, 't'),
      tar([
        { name: 'volume', type: 'V' },
        { name: 'contiguous', type: '7', bytes: text('7') },
        { name: 'dump/', type: 'D', bytes: text('Yx\0\0') },
      ]),
    ]),
  )
  t.same(await listed(source), [
    'contiguous',
    long,
    'old',
    'prefix/of/name',
    'times',
    'volume! unsupported-member: part of an archive of several volumes, or of a dump',
  ])
  t.equal(await read(source, 'prefix/of/name'), 'p')
  t.equal(await read(source, long), 'long')
})

t.test('archives of real tools', async (t) => {
  const folder = join(scratch, 'real')
  const name = `AWSLogs/${'x'.repeat(120)}/${'ü'.repeat(40)}.json.gz`
  mkdirSync(join(folder, 'AWSLogs', 'x'.repeat(120)), { recursive: true })
  writeFileSync(join(folder, name), 'bytes')
  const commands: [string, string, string[]][] = [
    ['gnu.tar', 'tar', ['--format=gnu', '-cf', '../gnu.tar', '.']],
    ['ustar.tar', 'tar', ['--format=ustar', '-cf', '../ustar.tar', name]],
    ['pax.tar.gz', 'tar', ['--format=pax', '-czf', '../pax.tar.gz', '.']],
    ['info.zip', 'zip', ['-qr', '../info.zip', '.']],
    ['streamed.zip', 'sh', ['-c', 'zip -qr - . | cat > ../streamed.zip']],
    ['bsd.tar', 'bsdtar', ['-cf', '../bsd.tar', '.']],
    ['bsd.zip', 'bsdtar', ['--format=zip', '-cf', '../bsd.zip', '.']],
  ]
  for (const [file, tool, args] of commands) {
    if ((tool === 'zip' || tool === 'bsdtar') && !hasTool(tool)) {
      t.comment(`SKIPPED: no ${tool} here`)
      continue
    }
    if (!t.equal(spawnSync(tool, args, { cwd: folder }).status, 0, file)) continue
    const source = await archiveSource(join(scratch, file))
    t.same(await listed(source), [name], file)
    t.equal(await read(source, name), 'bytes', file)
    await source.close?.()
  }
})

const PARTED: ReadonlySet<string> = new Set(
  readCases()
    .filter(({ expected, only }) => expected.verdict === 'valid' && only !== 's3')
    .map(({ name }) => name)
    .slice(0, 12),
)

t.test('an export in several archives is one', async (t) => {
  for (const one of readCases().filter(({ name, sources }) => PARTED.has(name) && sources.length === 1)) {
    const objects = caseObjects(join(casePath(one.name), one.sources[0] ?? ''))
    const part = (digests: boolean): TarMember[] =>
      [...objects].filter(([key]) => key.includes('-Digest/') === digests).map(([name, bytes]) => ({ name, bytes }))
    const sources = [await open(tar(part(true)), 'digests.tar'), await open(tar(part(false)), 'logs.tar')]
    const inOne = one.name === 'buckets-in-one-directory'
    const asked = inOne ? one : { ...one, options: { ...one.options, bucket: one.sources[0] ?? '' } }
    const run = await runCase(asked, sources, { metadata: caseMetadata(one) })
    t.same(differences(one, run), [], one.name)
    if (inOne) continue
    const told = await runCase(one, sources, { metadata: caseMetadata(one) })
    const codes = told.findings.map((finding) => finding.code)
    t.notOk(codes.includes('LOG_FILE_MISSING'), `${one.name}: nothing is missing where only --bucket is`)
    const isUnread = codes.includes('LOG_FILE_UNREADABLE')
    t.equal(isUnread, told.summary.summary.logFiles.listed > 0, `${one.name}: what is listed may be there`)
    if (isUnread) t.equal(told.summary.verdict, 'unverified', one.name)
  }
})

t.test('parts of one archive among the sources are put together', async (t) => {
  const bytes = tar([member('a'), member('b')])
  const parts = split(bytes, 512, 'x.tar')
  const [first = '', , third = ''] = parts
  const whole = split(bytes, bytes.length, 'whole.tar')
  const folder = join(scratch, 'numbered')
  mkdirSync(folder)
  const [one, other] = [join(folder, 'x.tar.01'), join(folder, 'x.tar.02')]
  for (const path of [one, other]) writeFileSync(path, bytes)
  const letters = ['aa', 'ab'].map((part) => join(folder, `y.tgz.${part}`))
  const packed = gzipSync(bytes)
  writeFileSync(letters[0] ?? '', packed.subarray(0, 40))
  writeFileSync(letters[1] ?? '', packed.subarray(40))
  const short = ['a', 'b'].map((part) => join(folder, `z.tgz.${part}`))
  writeFileSync(short[0] ?? '', packed.subarray(0, 40))
  writeFileSync(short[1] ?? '', packed.subarray(40))
  const fromZero = split(bytes, 1024, 'w.tar').map((path, i) => {
    const renamed = path.replace(/\d+$/, `0${i}`)
    renameSync(path, renamed)
    return renamed
  })
  const rows: [string, readonly string[], readonly (string | readonly string[])[]][] = [
    ['parts', parts, [parts]],
    ['in any order, among others', ['s3://b', ...parts.toReversed(), scratch], ['s3://b', parts, scratch]],
    ['with letters', letters, [letters]],
    ['one part alone', [first], [first]],
    ['of two archives', [...parts, ...letters], [parts, letters]],
    ['whole archives with numbers are no parts', [one, other], [one, other]],
    ['nor is what is not there', ['x.tar.00', 'x.tar.01'], ['x.tar.00', 'x.tar.01']],
    ['with one letter', short, [short]],
    ['nor what has another name', [first, ...letters, ...whole], [first, letters, ...whole]],
  ]
  for (const [name, sources, joined] of rows) t.strictSame(joinParts(sources), joined, name)
  t.throws(() => joinParts([first, third]), { code: 'ERR_SOURCE', message: /x\.tar\.001' is missing before it/ })
  t.throws(() => joinParts([third]), { code: 'ERR_SOURCE', message: /is a part of the archive that begins in .*x\.tar\.000'/ })
  const second = fromZero.slice(1, 2)
  t.throws(() => joinParts(second), { message: /begins in .*w\.tar\.00'/ }, 'what may be the first by its number, and is not')
  const source = await archiveSource(parts)
  t.match(source.name, /x\.tar\.\{000\.\.\d+\}$/)
  t.equal(source.path?.at(-1), 'x', 'it stands for a directory of that name')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  t.strictSame(await source.archive?.(), { name: source.name, bytes: bytes.length, sha256 }, 'and is known as it was whole')
  await source.close?.()
  const broken = await archiveSource(parts.slice(0, 2))
  const listed = await broken.folders('')
  t.match('objects' in listed && listed.objects, [{ kind: 'unreadable', reason: 'damaged-archive' }], 'without its last parts')
  await broken.close?.()
})

t.test('a part of an export that may be of any bucket excuses nothing that it has not, nor in the bucket itself', async (t) => {
  const [one] = readCases().filter(({ name }) => name === 'log-deleted')
  if (one === undefined) throw new Error('no such case')
  const objects = [...caseObjects(join(casePath(one.name), one.sources[0] ?? ''))]
  const members = objects.map(([name, bytes]) => ({ name, bytes }))
  const digests = members.filter(({ name }) => name.includes('-Digest/'))
  const logs = members.filter(({ name }) => !name.includes('-Digest/'))
  const metadata = caseMetadata(one)
  const missing = ({ findings }: { readonly findings: readonly { readonly code: string }[] }): number =>
    findings.filter(({ code }) => code === 'LOG_FILE_MISSING').length
  const parts = [await open(tar(digests), 'digests.tar'), await open(tar(logs), 'logs.tar')]
  t.equal(missing(await runCase(one, parts, { metadata })), 1, 'what neither part has')
  const planted = logs.map(({ name, bytes }) => ({ name: `x/${name}`, bytes }))
  const whole = [await open(tar([...digests, ...planted]), 'seized.tar')]
  t.equal(missing(await runCase(one, whole, { metadata })), logs.length + 1, 'what lies elsewhere in the bucket')
})

t.test('in an archive that is damaged, a log file that no digest lists may be listed in what was lost', async (t) => {
  const [one] = readCases().filter(({ name }) => name === 'planted-log')
  if (one === undefined) throw new Error('no such case')
  const members = [...caseObjects(join(casePath(one.name), one.sources[0] ?? ''))].map(([name, bytes]) => ({ name, bytes }))
  const whole = tar(members)
  const metadata = caseMetadata(one)
  const damaged = Buffer.concat([whole.subarray(0, whole.length - 1024), Buffer.alloc(512, 'x')])
  const told = await runCase(one, [await open(damaged, 'example-trail-logs.tar')], { metadata })
  const log = told.findings.find(({ code }) => code.startsWith('LOG_FILE_UN') && code !== 'LOG_FILE_UNREADABLE')
  t.match(log, { code: 'LOG_FILE_UNCOVERED', reason: 'digests-unseen' })
  t.equal(told.summary.verdict, 'unverified')
})

t.test('nothing is left on the disk, and the path names what the archive is of', async (t) => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('verify-trail-')).length
  const source = await open(gzipSync(tar([member('a')])), 'my-bucket.tar.gz')
  t.equal(readdirSync(tmpdir()).filter((name) => name.startsWith('verify-trail-')).length, before)
  t.equal(source.path?.at(-1), 'my-bucket')
  t.equal(await textOf(source.readNow?.('a') ?? { kind: 'missing' }), 'a')
  await source.close?.()
  await source.close?.()
})

t.test('a temporary file is announced, and only where there is one', async (t) => {
  const said: string[] = []
  const onSpool = (sentence: string): void => void said.push(sentence)
  const path = join(scratch, 'announced')
  writeFileSync(path, tar([member('a')]))
  await (await archiveSource(path, { onSpool })).close?.()
  t.same(said, [])
  writeFileSync(path, gzipSync(tar([member('a')])))
  await (await archiveSource(path, { onSpool })).close?.()
  await (await archiveSource('-', { onSpool, input: Readable.from([tar([member('a')])]) })).close?.()
  t.match(said, [/announced is written to a temporary file in /, /^standard input is written/])
})

t.test('an archive is known by the SHA-256 of the file as it was given', async (t) => {
  const small = tar([member('a')])
  const large = tar([{ name: 'large', bytes: randomBytes(12 * 1024 * 1024) }, member('a')])
  const damaged = gzipSync(large, { level: 1 }).fill(0xff, 700_000, 900_000)
  for (const [name, bytes] of [
    ['tar', small],
    ['tar, by a thread', large],
    ['zip', zip([{ name: 'a' }])],
    ['gzip', gzipSync(large, { level: 1 })],
    ['gzip, damaged', damaged],
    ['gzip, and zeros', Buffer.concat([gzipSync(small), Buffer.alloc(6 * 1024 * 1024)])],
  ] as const) {
    const path = join(scratch, name)
    writeFileSync(path, bytes)
    const [sha256] = execFileSync('sha256sum', [path], { encoding: 'utf8' }).split(' ')
    const source = await archiveSource(path)
    t.strictSame(await source.archive?.(), { name: path, bytes: bytes.length, sha256 }, name)
    await source.close?.()
    if (name === 'zip') continue
    const piped = await archiveSource('-', { input: createReadStream(path) })
    const identity = await piped.archive?.()
    if (/damaged|zeros/.test(name)) t.equal(identity?.sha256, null, `${name}: the rest of a pipe is not read`)
    else t.strictSame(identity, { name: '-', bytes: bytes.length, sha256 }, `${name}, through a pipe`)
    await piped.close?.()
  }
  const stopped = await archiveSource(join(scratch, 'tar, by a thread'))
  const hash = stopped.archive?.() ?? Promise.reject(new Error('no archive'))
  await Promise.all([t.rejects(hash, { code: 'ERR_SOURCE' }, 'closed before it was hashed'), stopped.close?.()])
})

t.test('the summary names the archive; one that is written to meanwhile has none', async (t) => {
  const plain = readCases().find(({ name }) => name === 'plain')
  if (plain === undefined) throw new Error('no case plain')
  const path = join(scratch, 'plain.tar')
  writeFileSync(path, tar([...caseObjects(casePath('plain'))].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))))
  const source = await archiveSource(path)
  t.teardown(() => source.close?.())
  const { summary } = await runCase(plain, [source])
  t.strictSame(summary.run.archives, [await source.archive?.()])
  t.match(
    await messageOf(
      (async () => {
        for await (const { kind } of verifyTrail({ sources: [source] })) {
          if (kind === 'summary') t.fail('no summary')
          appendFileSync(path, 'x')
        }
      })(),
    ),
    /ERR_SOURCE: .*plain\.tar.*changed while it was read/,
  )
})

t.test('a hundred thousand members in a small heap', async (t) => {
  const path = join(scratch, 'many.tar')
  const script = `
    import { closeSync, openSync, writeSync } from 'node:fs'
    import { tar } from ${JSON.stringify(new URL('../support/archives.ts', import.meta.url).href)}
    const file = openSync(${JSON.stringify(path)}, 'w')
    for (let i = 0; i < 100_000; i++) {
      const day = String(1 + (i * 7) % 28).padStart(2, '0')
      const name = \`AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/\${day}/111122223333_CloudTrail_us-east-1_202601\${day}T0100Z_\${String(i).padStart(16, '0')}.json.gz\`
      writeSync(file, tar([{ name }], i === 99_999 ? Buffer.alloc(1024) : Buffer.alloc(0)))
    }
    closeSync(file)`
  execFileSync(process.execPath, [...process.execArgv, '--import', 'tsx', '--input-type=module', '-e', script])
  const measure = `
    import { archiveSource } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    const before = process.memoryUsage.rss()
    const source = await archiveSource(${JSON.stringify(path)})
    const { buffers, members } = { buffers: source.address.args[1], members: source.address.args[2] }
    const bytes = Object.values(buffers).reduce((sum, buffer) => sum + buffer.byteLength, 0)
    let listed = 0
    let last = ''
    for await (const { key } of source.list('')) {
      if (key <= last) throw new Error('order')
      last = key
      listed++
    }
    console.log(JSON.stringify({ listed, each: bytes / members }))`
  const out = execFileSync(process.execPath, ['--max-old-space-size=32', '--input-type=module', '-e', measure], {
    encoding: 'utf8',
  })
  const { listed: count, each } = JSON.parse(out)
  t.equal(count, 100_000)
  t.ok(each <= 150, `${each} bytes a member`)
})
