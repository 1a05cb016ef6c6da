import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import t from 'tap'
import { compareKeys } from '../../src/core/compare-keys.js'
import { VerifyTrailError } from '../../src/errors.js'
import { directorySource } from '../../src/sources/directory.js'
import { memorySource } from '../../src/sources/memory.js'
import type { FolderListing, ListedObject, ReadAnswer, Source, UnlistedPart } from '../../src/sources/source.js'

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function bytesOf(answer: ReadAnswer): Promise<Buffer> {
  if (answer.kind !== 'object') throw new Error(`no object: ${JSON.stringify(answer)}`)
  return answer.body instanceof Uint8Array ? Buffer.from(answer.body) : Buffer.concat(await collect(answer.body))
}

async function errorOf(promise: Promise<unknown>): Promise<{ code?: string; message?: string }> {
  try {
    await promise
    return {}
  } catch (error) {
    if (error instanceof VerifyTrailError) return { code: error.code, message: error.message }
    throw error
  }
}

interface Teardown {
  teardown(callback: () => void): void
}

/** A directory outside the project, with the given files. */
function exported(t: Teardown, files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'verify-trail-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const [key, bytes] of Object.entries(files)) {
    mkdirSync(join(root, key, '..'), { recursive: true })
    writeFileSync(join(root, key), bytes)
  }
  return root
}

/** Runs as somebody without root's rights, where we are root. */
async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return run()
  process.seteuid?.(65534)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** A directory's listing tells no sizes: asking each file for its own would cost more than all the rest. */
const object = (key: string): ListedObject => ({ kind: 'object', key })
const unreadable = (key: string, reason: UnlistedPart['reason']) => ({ kind: 'unreadable', key, reason })
const POSIX = process.platform !== 'win32'

const KEYS: Readonly<Record<string, string>> = {
  'a/x': 'ax',
  'a/y/z': 'ayz',
  'a.b': 'a.b',
  'a!': 'a!',
  a0: 'a0',
  'ü/\u{1f600}': 'emoji',
  'ü/\uffee': 'halfwidth',
  'ü/\ufffd': 'replacement character',
  'A/x': 'another',
  ' leading/trailing ': 's',
  empty: '',
}

function foldersOf(answer: Awaited<ReturnType<Source['folders']>>): FolderListing {
  if ('folders' in answer) return answer
  throw new Error(answer.reason)
}

t.test('a directory and the same objects in memory answer alike', async (t) => {
  const objects = new Map(Object.entries(KEYS).map(([key, text]) => [key, Buffer.from(text)]))
  const root = exported(t, KEYS)
  const directory = await directorySource(root)
  const memory = memorySource({ name: 'memory', objects })
  for (const prefix of ['', 'a/', 'a/y/', 'ü/', 'none/', 'a/none/', 'a.b/']) {
    const listed = (await collect(memory.list(prefix))).map(({ key }) => object(key))
    t.same(await collect(directory.list(prefix)), listed, `lists ${JSON.stringify(prefix)}`)
    const { folders, objects: direct } = foldersOf(await memory.folders(prefix))
    const below = { folders, objects: direct.map(({ key }) => object(key)) }
    t.same(await directory.folders(prefix), below, `folders of ${JSON.stringify(prefix)}`)
  }
  for (const key of [...Object.keys(KEYS), 'none', 'a', 'a/', 'a/x/y', 'none/x', 'a.b/c', 'a/X']) {
    const [one, other] = [await directory.read(key), await memory.read(key)]
    t.equal(one.kind, other.kind, `reads ${JSON.stringify(key)}`)
    if (one.kind === 'object') t.ok((await bytesOf(one)).equals(await bytesOf(other)))
  }
})

t.test('a source in memory', async (t) => {
  const bytes = Buffer.from('x')
  const objects = new Map<string, Uint8Array | { bytes: Uint8Array; metadata: Record<string, string> }>([
    ['b', bytes],
    ['a/', Buffer.alloc(0)],
    ['a/1', { bytes, metadata: { signature: 's' } }],
    ['a0', bytes],
  ])
  const other = memorySource({ name: 'other', objects: new Map() })
  const source = memorySource({
    name: 'm',
    bucket: 'bucket',
    kind: 'store',
    path: ['p'],
    prefix: 'a/',
    objects,
    otherBucket: () => other,
  })
  t.match(source, { name: 'm', bucket: 'bucket', kind: 'store', path: ['p'], prefix: 'a/' })
  t.equal(source.otherBucket?.('x'), other)
  t.same(await source.read('a/1'), { kind: 'object', body: bytes, metadata: { signature: 's' } })
  t.same(await source.read('b'), { kind: 'object', body: bytes })
  t.same(await source.folders(''), {
    folders: ['a/'],
    objects: [
      { ...object('a0'), size: 1 },
      { ...object('b'), size: 1 },
    ],
  })
  t.same(await source.folders('a/'), {
    folders: [],
    objects: [
      { ...object('a/'), size: 0 },
      { ...object('a/1'), size: 1 },
    ],
  })
  const plain = memorySource({ name: 'm', objects })
  t.equal(plain.kind, 'export')
  t.notOk('bucket' in plain || 'path' in plain || 'prefix' in plain || 'otherBucket' in plain)
})

t.test('lists in the byte order of UTF-8, folders with their slash', async (t) => {
  const source = await directorySource(exported(t, KEYS))
  const keys = (await collect(source.list(''))).map((item) => item.key)
  t.same(
    keys,
    [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
  t.same(keys, [...keys].sort(compareKeys))
  t.equal(keys.length, Object.keys(KEYS).length)
})

t.test('hands out a large file in chunks', async (t) => {
  const large = Buffer.alloc(9 * 1024 * 1024 + 3, 'large')
  const source = await directorySource(exported(t, { large }))
  const answer = await source.read('large')
  t.notOk(answer.kind === 'object' && answer.body instanceof Uint8Array)
  t.ok(large.equals(await bytesOf(answer)))
  const controller = new AbortController()
  const body = await source.read('large', { signal: controller.signal })
  controller.abort(new Error('stop'))
  await t.rejects(bytesOf(body), { message: 'stop' })
  await t.rejects(source.read('large', { signal: controller.signal }), { message: 'stop' })
})

t.test('a file of another size than listed is no evidence', async (t) => {
  const source = await directorySource(exported(t, { x: 'four' }))
  t.match(await source.read('x', { size: 5 }), { kind: 'unreadable', reason: 'altered-in-transfer' })
  t.match(await source.read('x', { size: 4 }), { kind: 'object' })
})

t.test('names that would leave the directory are refused', async (t) => {
  const root = exported(t, { 'in/x': 'x', secret: 's' })
  const source = await directorySource(join(root, 'in'))
  const names = [
    '../secret',
    'x/../../secret',
    './x',
    'a/./x',
    'a//x',
    '/x',
    join(root, 'secret'),
    'x\0',
    '..',
    '.',
    '/',
    '..\\secret',
    'a\\..\\..\\secret',
    '\ud800',
  ]
  for (const name of names) {
    t.match(await source.read(name), { kind: 'unreadable', reason: 'unsafe-name' }, JSON.stringify(name))
  }
  for (const prefix of ['../', '/', 'a/../../', `${root}/`]) {
    t.match(await source.folders(prefix), { kind: 'unreadable', reason: 'unsafe-name' }, JSON.stringify(prefix))
    t.match(await collect(source.list(prefix)), [{ kind: 'unreadable', key: prefix, reason: 'unsafe-name' }])
  }
  t.match(await source.read('x'.repeat(300)), { kind: 'unreadable', reason: 'unsafe-name' })
})

t.test('links and devices are told, never followed', { skip: !POSIX && 'POSIX only' }, async (t) => {
  const root = exported(t, { 'in/a/x': 'x', 'in/b': 'b', 'out/x': 'secret' })
  const inside = join(root, 'in')
  symlinkSync(join(root, 'out'), join(inside, 'linked'))
  symlinkSync('a', join(inside, 'within'))
  symlinkSync(join(root, 'out', 'x'), join(inside, 'a', 'file'))
  symlinkSync('nowhere', join(inside, 'a', 'dangling'))
  symlinkSync('loop', join(inside, 'a', 'loop'))
  execFileSync('mkfifo', [join(inside, 'a', 'fifo')])
  const source = await directorySource(inside)
  t.match(await collect(source.list('')), [
    unreadable('a/dangling', 'link'),
    unreadable('a/fifo', 'link'),
    unreadable('a/file', 'link'),
    unreadable('a/loop', 'link'),
    object('a/x'),
    object('b'),
    unreadable('linked/', 'link'),
    unreadable('within/', 'link'),
  ])
  t.match(await source.folders(''), { folders: ['a/'], objects: [{ key: 'b' }, { key: 'linked/' }, { key: 'within/' }] })
  for (const key of ['a/file', 'a/dangling', 'a/loop', 'a/fifo', 'linked/x', 'linked', 'within/x']) {
    t.match(await source.read(key), { kind: 'unreadable', reason: 'link' }, key)
  }
  t.match(await source.folders('linked/'), { kind: 'unreadable', reason: 'link' })
  t.match(await collect(source.list('linked/')), [unreadable('linked/', 'link')])
  symlinkSync(inside, join(root, 'way'))
  const linked = await directorySource(join(root, 'way'))
  t.match(await linked.read('b'), { kind: 'object' }, 'the way to the root may be a link')
  t.equal(linked.path?.at(-1), 'in')
})

t.test('names that are no UTF-8 are told', { skip: process.platform !== 'linux' && 'Linux only' }, async (t) => {
  const root = exported(t, { 'd/ok': 'x' })
  const raw = (...bytes: number[]) => Buffer.concat([Buffer.from(`${root}/d/`), Buffer.from(bytes)])
  writeFileSync(raw(0x61, 0xff), 'x')
  writeFileSync(raw(0x61, 0xfe), 'x')
  mkdirSync(raw(0xc3, 0x28))
  const source = await directorySource(root)
  t.match(await collect(source.list('')), [
    unreadable('d/a\ufffd', 'unsafe-name'),
    object('d/ok'),
    unreadable('d/\ufffd(/', 'unsafe-name'),
  ])
})

t.test('what may not be looked at is told', { skip: !POSIX && 'POSIX only' }, async (t) => {
  const root = exported(t, { 'open/x': 'x', 'closed/x': 'x', 'open/locked': 'x', 'large/x': Buffer.alloc(9 * 1024 * 1024) })
  chmodSync(root, 0o755)
  chmodSync(join(root, 'closed'), 0)
  chmodSync(join(root, 'open', 'locked'), 0)
  chmodSync(join(root, 'large', 'x'), 0)
  t.teardown(() => chmodSync(join(root, 'closed'), 0o700))
  await asNobody(async () => {
    const source = await directorySource(root)
    t.match(await collect(source.list('')), [
      unreadable('closed/', 'access-denied'),
      object('large/x'),
      object('open/locked'),
      object('open/x'),
    ])
    t.match(await source.folders('closed/'), { kind: 'unreadable', reason: 'access-denied' })
    for (const key of ['closed/x', 'open/locked', 'large/x']) {
      t.match(await source.read(key), { kind: 'unreadable', reason: 'access-denied' }, key)
    }
    t.match(await errorOf(directorySource(join(root, 'closed'))), { code: 'ERR_SOURCE', message: /permission/ })
  })
})

t.test("the operating system's files and metadata sidecars are ignored, and counted once", async (t) => {
  const source = await directorySource(
    exported(t, {
      'a/.DS_Store': '',
      'a/Thumbs.db': '',
      'a/desktop.ini': '',
      'a/x': 'x',
      'a/x.metadata.json': '{}',
      'a/y.metadata.json': '{}',
      'a/.DS_Store.d/x': 'x',
      '.DS_Store': '',
    }),
  )
  const kept = [object('a/.DS_Store.d/x'), object('a/x'), object('a/y.metadata.json')]
  t.same(await collect(source.list('')), kept)
  t.equal(source.ignored, 5)
  t.same(await collect(source.list('a/')), kept)
  await source.folders('')
  t.equal(source.ignored, 5)
  t.match(await source.read('a/x.metadata.json'), { kind: 'object' }, 'a claim may still name one')
})

t.test('names match byte for byte', async (t) => {
  const source = await directorySource(exported(t, { 'Dir/File': 'x', 'Dir/\u00e9': 'x', 'Dir/a%20b': 'x' }))
  for (const key of ['dir/File', 'Dir/file', 'Dir/e\u0301', 'Dir/a b']) t.same(await source.read(key), { kind: 'missing' }, key)
})

t.test('deep folders are no trouble', async (t) => {
  const key = `${'d/'.repeat(900)}x`
  const source = await directorySource(exported(t, { [key]: 'deep' }))
  t.same(await collect(source.list('')), [object(key)])
  t.equal((await bytesOf(await source.read(key))).toString(), 'deep')
})

t.test('stops listing when it is told to', async (t) => {
  const source = await directorySource(exported(t, { a: '', b: '', c: '' }))
  const controller = new AbortController()
  const seen: string[] = []
  const listing = async (): Promise<void> => {
    for await (const item of source.list('', { signal: controller.signal })) {
      seen.push(item.key)
      controller.abort(new Error('stop'))
    }
  }
  await t.rejects(listing(), { message: 'stop' })
  t.same(seen, ['a'])
})

t.test('knows its place', async (t) => {
  const root = exported(t, { 'bucket/x': 'x' })
  const path = `${root}${sep}bucket${sep}`
  const source: Source = await directorySource(path)
  t.match(source, { name: path, kind: 'export', path: join(root, 'bucket').split(sep).filter(Boolean) })
  t.equal(source.bucket, undefined)
  const answer = await source.read('x')
  t.notOk('metadata' in answer, 'a directory carries no metadata')
})

t.test('what is no directory of an export does not open', async (t) => {
  const root = exported(t, { file: 'x' })
  mkdirSync(join(root, 'empty'))
  const refused = [
    ['nothing there', 'nothing', /no such directory: ".*nothing" \(give a directory/],
    ['a file', 'file', /not a directory/],
    ['a name below a file', 'file/x', /no such directory/],
    ['an empty directory', 'empty', /is empty/],
  ] as const
  for (const [sentence, name, message] of refused) {
    t.match(await errorOf(directorySource(join(root, name))), { code: 'ERR_SOURCE', message }, sentence)
  }
  t.match(await errorOf(directorySource('')), { code: 'ERR_SOURCE' }, 'an empty name')
  t.match(await errorOf(directorySource('\0')), { code: 'ERR_SOURCE' }, 'a name with a zero byte')
})
