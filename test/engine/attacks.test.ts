/**
 * Attacks that once worked: a trail that was tampered with and came out valid, an untouched one (but for what an attacker put
 * beside it) that came out invalid, and planted digests that cost the verifier its memory or its requests.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { isoSeconds } from '../../fixtures/events.js'
import { gzip } from '../../fixtures/gzip.js'
import { testKey } from '../../fixtures/keys.js'
import type { ObjectStore, Place } from '../../fixtures/store.js'
import { type DigestFile, HOUR, MINUTE, sha256, Trail, type TrailOptions } from '../../fixtures/trail.js'
import {
  directorySource,
  type Finding,
  type Gap,
  memorySource,
  type PublicKeySource,
  parsePublicKeyList,
  type Source,
  type Summary,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/index.js'

const BUCKET = 'example-trail-logs'
const SECOND = 1000
const DAY = 24 * HOUR
const FORGED = '{"Records":[{"eventName":"Forged"}]}'

function publicKeys(): PublicKeySource {
  const list = parsePublicKeyList(Buffer.from(keysOf('march', 'april', 'ireland', 'spki')))
  if (!list.ok) throw new Error(list.reason)
  return {
    lookup: ({ fingerprint }) => {
      const key = list.keys.find((one) => one.fingerprint === fingerprint)
      return key === undefined ? { kind: 'unknown' } : { kind: 'key', key, origin: 'test keys' }
    },
  }
}

/**
 * `export`: in a directory of the bucket's name. `unnamed`: in a directory of another name. `store`: live. `bare`: as
 * `export`, and the metadata were lost.
 */
type Kind = 'export' | 'unnamed' | 'bare' | 'store'

function source(store: ObjectStore, kind: Kind = 'export', bucket = BUCKET): Source {
  const objects = store.bucket(bucket)
  if (kind === 'store') {
    const otherBucket = (name: string): Source | undefined => (store.buckets.has(name) ? source(store, kind, name) : undefined)
    return memorySource({ name: `s3://${bucket}`, kind, bucket, objects, otherBucket })
  }
  if (kind === 'unnamed') return memorySource({ name: 'seized', path: ['evidence', 'seized'], objects })
  const bytes = new Map([...objects].map(([key, object]) => [key, object.bytes] as const))
  return memorySource({ name: bucket, path: [bucket], objects: kind === 'bare' ? bytes : objects })
}

type Options = Omit<VerifyTrailOptions, 'sources'>

interface Told {
  readonly verdict: Summary['verdict']
  readonly summary: Summary
  readonly findings: readonly (Finding | Gap)[]
  /** `CODE reason verdict`, each once. */
  readonly codes: readonly string[]
  /** The same, of what is said of one object. */
  readonly of: (place: Place) => readonly string[]
}

async function verify(from: Source | readonly Source[], options: Options = {}): Promise<Told> {
  const findings: (Finding | Gap)[] = []
  const now = new Date('2026-11-01T00:00:00Z')
  const sources = 'name' in from ? [from] : from
  for await (const result of verifyTrail({ sources, publicKeys: publicKeys(), now, ...options })) {
    if (result.kind === 'finding' || result.kind === 'gap') findings.push(result)
    if (result.kind !== 'summary') continue
    const { verdict } = result
    const codes = [...new Set(findings.map(text))].sort()
    const of = (place: Place): string[] => findings.filter(({ object }) => object === uri(place)).map(text)
    return { verdict, summary: result, findings, codes, of }
  }
  throw new Error('the run ended without a summary')
}

/** Without what is said because of age only. */
function text(finding: Finding | Gap): string {
  return `${finding.code}${'reason' in finding ? ` ${finding.reason}` : ''} ${finding.verdict}`
}

/** From the start of the trail to its end, asked. */
function asked(world: World): Options {
  return { startTime: new Date(world.from), endTime: new Date(world.to) }
}

const never = (test: Pick<typeof t, 'not'>, verdict: Summary['verdict'], told: Told, about: string): void => {
  test.not(told.verdict, verdict, `${about}: never ${verdict}`, { codes: told.codes })
}

interface Planted {
  readonly start?: number
  readonly logFiles?: readonly object[]
  readonly previous?: { readonly digest: DigestFile; readonly signature: string }
}

/** A well-formed digest that nobody signed. */
function plantDigest(trail: Trail, end: number, { start, logFiles = [], previous }: Planted = {}): Place {
  const place = trail.place(trail.digestKey(end))
  const body = {
    awsAccountId: trail.accountId,
    digestStartTime: isoSeconds(start ?? end - HOUR),
    digestEndTime: isoSeconds(end),
    digestS3Bucket: place.bucket,
    digestS3Object: place.key,
    digestPublicKeyFingerprint: testKey('march').fingerprint,
    digestSignatureAlgorithm: 'SHA256withRSA',
    newestEventTime: null,
    oldestEventTime: null,
    previousDigestS3Bucket: previous?.digest.bucket ?? null,
    previousDigestS3Object: previous?.digest.key ?? null,
    previousDigestHashValue: previous === undefined ? null : sha256(previous.digest.text),
    previousDigestHashAlgorithm: previous === undefined ? null : 'SHA-256',
    previousDigestSignature: previous?.signature ?? null,
    logFiles,
  }
  return trail.store.put(place, gzip(Buffer.from(JSON.stringify(body))))
}

function entry({ bucket, key }: Place, content = FORGED): object {
  return {
    s3Bucket: bucket,
    s3Object: key,
    hashValue: sha256(content),
    hashAlgorithm: 'SHA-256',
    newestEventTime: null,
    oldestEventTime: null,
  }
}

/** A trail that the attacker only writes names of. */
function fake(world: World, options: Omit<TrailOptions, 'store'> = {}): Trail {
  return new Trail({ store: world.store, trail: 'zzz-planted', ...options })
}

/** Counts what is asked of a source, and of the other buckets of its store. */
class Counting {
  readonly reads: string[] = []
  readonly others: string[] = []

  of(at: Source): Source {
    const { reads, others } = this
    const { name, kind, bucket, path } = at
    return {
      name,
      kind,
      ...(bucket === undefined ? {} : { bucket }),
      ...(path === undefined ? {} : { path }),
      folders: (prefix, options) => at.folders(prefix, options),
      list: (prefix, options) => at.list(prefix, options),
      read: (key, options) => {
        reads.push(key)
        return at.read(key, options)
      },
      otherBucket: (other) => {
        others.push(other)
        return at.otherBucket?.(other)
      },
    }
  }
}

const KINDS: readonly Kind[] = ['export', 'unnamed', 'store']

t.test('A1: an unsigned digest after the default end makes no forged log file of a proven hour wait', async (t) => {
  const world = new World(6)
  const forged = world.plant(world.time(3, 35))
  plantDigest(fake(world), world.time(7), { logFiles: [entry(forged)] })
  const told = await verify(source(world.store))
  t.equal(told.verdict, 'invalid')
  t.same(told.of(forged), ['LOG_FILE_UNLISTED not-listed invalid'])
  const live = await verify(source(world.store, 'store'), { now: new Date(world.time(7)), startTime: new Date(world.from) })
  never(t, 'valid', live, 'a store')
})

t.test('A1: nor does one of the same chain, nor one under another prefix', async (t) => {
  for (const [about, options] of [
    ['the same chain', { trail: 'management-events' }],
    ['another prefix', { prefix: 'evil' }],
  ] as const) {
    for (const kind of KINDS) {
      const world = new World(6)
      const forged = world.plant(world.time(3, 35))
      plantDigest(fake(world, options), world.time(7), { logFiles: [entry(forged)] })
      const now = new Date(world.time(7, 40))
      never(t, 'valid', await verify(source(world.store, kind), { now }), `${about}, ${kind}`)
    }
  }
})

t.test('A1: nor one of which the log file lies where no chain is known', async (t) => {
  const world = new World(6)
  const trail = fake(world, { prefix: 'evil' })
  const forged = world.plant(trail.logKey(world.time(2, 35), 'ForgedForgedForg'))
  plantDigest(fake(world), world.time(7), { logFiles: [entry(forged)] })
  never(t, 'valid', await verify(source(world.store)), 'export')
  plantDigest(trail, world.time(5, 40), { start: world.time(5), logFiles: [entry(forged)] })
  const live = { now: new Date(world.time(7)), startTime: new Date(world.from) }
  never(t, 'valid', await verify(source(world.store, 'store'), live), 'store')
})

t.test('A2: a known chain of which no hour is left in the default range leaves the run unverified', async (t) => {
  for (const options of [{}, { regions: ['us-east-1', 'eu-west-1'] }, { trails: ['management-events'] }]) {
    const world = new World(6)
    const other = world.also({ region: 'eu-west-1' }, 6)
    world.store.delete(...other.digests.slice(0, -1))
    for (const log of other.logs) world.store.edit(log, () => gzip(Buffer.from(FORGED)))
    never(t, 'valid', await verify(source(world.store), options), `export, ${JSON.stringify(options)}`)
    const live = { ...options, now: new Date(world.time(6, 40)) }
    never(t, 'valid', await verify(source(world.store, 'store'), live), `store, ${JSON.stringify(options)}`)
  }
})

t.test('A3: a trail that was begun as a decoy makes no forged log file wait', async (t) => {
  for (const begun of [0, 10, 30]) {
    const world = new World(6)
    world.also({ trail: 'decoy', start: isoSeconds(world.time(4, begun)) }).start()
    const forged = [world.plant(world.time(4, 35)), world.plant(world.time(5, 35))]
    const told = await verify(source(world.store))
    never(t, 'valid', told, `begun at minute ${begun}`)
    for (const place of forged) t.notOk(told.of(place).join().includes('PENDING'), 'does not wait')
    never(t, 'valid', await verify(source(world.store), { trails: ['management-events'] }), 'narrowed to the other trail')
  }
})

t.test('A4: a trail whose prefix begins like an AWSLogs folder is found', async (t) => {
  const account = 'AWSLogs/111122223333'
  const organization = 'AWSLogs/o-abcdefghij'
  const below = ['', '/x', '/x/y', '/x/AWSLogs']
  const prefixes = [
    'AWSLogs/other',
    'x/AWSLogs/y/AWSLogs',
    ...['AWSLogs', account, organization].flatMap((at) => below.map((x) => at + x)),
  ]
  for (const prefix of prefixes) {
    for (const kind of ['export', 'store'] as const) {
      const world = new World(4)
      const nested = world.also({ trail: 'second', prefix }, 4)
      for (const log of nested.logs) world.store.edit(log, () => gzip(Buffer.from(FORGED)))
      never(t, 'valid', await verify(source(world.store, kind), asked(world)), `${prefix}, ${kind}`)
    }
  }
})

t.test('A4: so is one below the folder of an account that was not asked for', async (t) => {
  const others = [
    'AWSLogs/999999999999',
    'AWSLogs/999999999999/x',
    'AWSLogs/o-abcdefghij/999999999999/x',
    'AWSLogs/999999999999/Config',
  ]
  for (const prefix of others) {
    for (const kind of ['export', 'store'] as const) {
      const world = new World(4)
      const nested = world.also({ trail: 'second', prefix }, 4)
      for (const log of nested.logs) world.store.edit(log, () => gzip(Buffer.from(FORGED)))
      const told = await verify(source(world.store, kind), { ...asked(world), accountIds: ['111122223333'] })
      t.equal(told.verdict, 'invalid', `${prefix}, ${kind}`)
    }
  }
  const world = new World(2)
  world.also({ trail: 'second', accountId: '999999999999' }, 2)
  const all = source(world.store, 'store')
  const refused = { kind: 'unreadable', reason: 'access-denied' } as const
  const folders = all.folders.bind(all)
  all.folders = async (prefix, options) => (prefix.startsWith('AWSLogs/999999999999/') ? refused : folders(prefix, options))
  const told = await verify(all, { ...asked(world), accountIds: ['111122223333'] })
  t.strictSame([told.verdict, told.codes], ['valid', []], 'and nothing is said of an account that may not be looked at')
})

t.test('A5: what a limit of the search leaves unseen leaves the run unverified', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    const world = new World(2)
    world.store.put({ bucket: BUCKET, key: `${'d/'.repeat(150)}AWSLogs/x` }, 'x')
    const deep = await verify(source(world.store, kind), asked(world))
    t.equal(deep.verdict, 'unverified', `too deep, ${kind}`)
    const at = source(new World(2).store, kind)
    const many = Array.from({ length: 100_001 }, (_, index) => `many/${String(index).padStart(6, '0')}/`)
    const folders: Source['folders'] = async (prefix, options) => {
      const below = await at.folders(prefix, options)
      if (prefix === '' && 'folders' in below) return { ...below, folders: [...below.folders, 'many/'] }
      return prefix === 'many/' ? { folders: many, objects: [] } : below
    }
    const { name, path, bucket } = at
    const wide: Source = {
      name,
      kind: at.kind,
      ...(path === undefined ? {} : { path }),
      ...(bucket === undefined ? {} : { bucket }),
      folders,
      list: (prefix, options) => at.list(prefix, options),
      read: (key, options) => at.read(key, options),
    }
    t.equal((await verify(wide, asked(world))).verdict, 'unverified', `too many, ${kind}`)
  }
})

t.test('A5: a trail under a prefix of many folders is found', async (t) => {
  const world = new World(2)
  const deep = world.also({ trail: 'second', prefix: 'a/b/c/d/e/f/g/h/i/j/k/l' }, 2)
  world.store.delete(...deep.logs)
  t.equal((await verify(source(world.store, 'store'), asked(world))).verdict, 'invalid')
})

t.test('A6: a copy elsewhere does not stand in for a log file that was taken from its own place', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    for (const withDigest of [false, true]) {
      const world = new World(4)
      const log = world.log(2)
      const digest = world.digest(1)
      if (withDigest) world.store.copy(digest, { bucket: BUCKET, key: `backup/${digest.key}` })
      world.store.move(log, { bucket: BUCKET, key: `backup/${log.key}` })
      const about = `${kind}${withDigest ? ', a digest beside it' : ''}`
      const told = await verify(source(world.store, kind), asked(world))
      t.equal(told.verdict, 'invalid', about)
      t.ok(told.codes.includes('LOG_FILE_MISSING invalid'), about, { codes: told.codes })
    }
  }
})

t.test('A6: nor for a digest', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    const world = new World(5)
    for (const digest of [world.digest(2), world.digest(3)])
      world.store.move(digest, { bucket: BUCKET, key: `backup/${digest.key}` })
    const told = await verify(source(world.store, kind), asked(world))
    t.equal(told.verdict, 'invalid', kind)
    t.ok(told.codes.includes('DIGEST_MISSING invalid'), kind, { codes: told.codes })
  }
})

t.test('A7: a backfill digest under another prefix does not excuse a forged log file here', async (t) => {
  const world = new World(6)
  const forged = world.plant(world.time(3, 35))
  plantDigest(fake(world, { prefix: 'evil', backfill: true }), world.time(4))
  for (const kind of ['export', 'store'] as const)
    t.same((await verify(source(world.store, kind), asked(world))).of(forged), ['LOG_FILE_UNLISTED not-listed invalid'], kind)
})

t.test('A7: a log file under another prefix does not wait for the digests of this one', async (t) => {
  const world = new World(3)
  const forged = world.plant(`evil/${world.trail.logKey(world.time(3, 20), 'ForgedForgedForg')}`)
  const told = await verify(source(world.store))
  t.equal(told.verdict, 'unverified')
  t.notOk(told.codes.some((code) => code.includes('PENDING')))
  never(t, 'valid', await verify(source(world.store, 'store'), { now: new Date(world.time(3, 40)) }), uri(forged))
})

t.test('A7: a link that is named AWSLogs and leads nowhere was not looked at', async (t) => {
  const root = join(t.testdir({}), BUCKET)
  const world = new World(2)
  for (const [key, { bytes }] of world.store.bucket(BUCKET)) {
    mkdirSync(dirname(join(root, key)), { recursive: true })
    writeFileSync(join(root, key), bytes)
  }
  const range = { startTime: new Date(world.from), endTime: new Date(world.time(1)) }
  t.equal((await verify(await directorySource(root), range)).verdict, 'valid', 'before')
  mkdirSync(join(root, 'second'))
  symlinkSync('/nonexistent/AWSLogs', join(root, 'second', 'AWSLogs'))
  t.equal((await verify(await directorySource(root), range)).verdict, 'unverified', 'with the link')
})

t.test('B1: a trail whose prefix changed twice is valid in an export of any name', async (t) => {
  for (const kind of [...KINDS, 'bare'] as const) {
    const world = new World(3, { prefix: 'p1' })
    for (const prefix of ['p2', 'p3']) {
      world.trail.prefix = prefix
      world.trail.hours(3)
    }
    const range = { startTime: new Date(world.from), endTime: new Date(world.time(8)) }
    t.equal((await verify(source(world.store, kind), range)).verdict, 'valid', `asked, ${kind}`)
    const now = new Date(world.time(9, 40))
    t.equal((await verify(source(world.store, kind), { now })).verdict, 'valid', `default, ${kind}`)
  }
})

t.test('B1: also where it lay under the first prefix for days', async (t) => {
  for (const kind of [...KINDS, 'bare'] as const) {
    const world = new World(60, { prefix: 'p1' }, { logs: [] })
    world.trail.prefix = 'p2'
    world.trail.hours(60, { logs: [] })
    const range = { startTime: new Date(world.from), endTime: new Date(world.time(118)) }
    t.equal((await verify(source(world.store, kind), range)).verdict, 'valid', kind)
  }
})

t.test('B2: an unsigned successor with a false signature does not make the newest digest invalid', async (t) => {
  for (const kind of ['bare', 'export'] as const) {
    const world = new World(4)
    plantDigest(world.trail, world.time(5), { previous: { digest: world.digest(4), signature: 'ab'.repeat(256) } })
    const told = await verify(source(world.store, kind))
    t.notOk(
      told.codes.some((code) => code.startsWith('DIGEST_SIGNATURE_INVALID')),
      kind,
    )
    never(t, 'invalid', told, `default, ${kind}`)
    never(t, 'invalid', await verify(source(world.store, kind), asked(world)), `asked, ${kind}`)
  }
})

t.test('B3: digests of an account of the attacker do not tell an unnamed export its bucket', async (t) => {
  for (const accountId of ['000000000000', '999999999999']) {
    const world = new World(4)
    const evil = new Trail({ store: world.store, bucket: 'attacker-bucket', accountId })
    evil.start()
    evil.hours(2)
    for (const [key, { bytes, metadata }] of world.store.bucket('attacker-bucket'))
      world.store.put({ bucket: BUCKET, key }, bytes, metadata)
    const narrow = { ...asked(world), accountIds: ['111122223333'] }
    never(t, 'invalid', await verify(source(world.store, 'unnamed'), narrow), `of account ${accountId}`)
    // Both are signed: which bucket the export is a copy of only the operator can say.
    await t.rejects(verify(source(world.store, 'unnamed'), asked(world)), { code: 'ERR_SOURCE' }, `with account ${accountId}`)
  }
})

t.test('B4: logging that was stopped at the end of an hour and started again inside it is a gap', async (t) => {
  for (const kind of KINDS) {
    for (const back of [1, 20, 30]) {
      const world = new World(3)
      world.trail.start(-back)
      world.trail.hours(3, { logs: [] })
      const range = { startTime: new Date(world.from), endTime: new Date(world.trail.now - HOUR) }
      never(t, 'invalid', await verify(source(world.store, kind), range), `${back} minutes, ${kind}`)
    }
  }
})

t.test('B5: names planted between the end of what is read and the next digest do not hide its signature', async (t) => {
  for (const count of [1, 8, 40]) {
    const world = new World(6)
    const to = Math.floor((world.time(2) + 45 * MINUTE) / MINUTE) * MINUTE
    const range = { startTime: new Date(world.from), endTime: new Date(to) }
    t.equal((await verify(source(world.store, 'bare'), range)).verdict, 'valid', 'before')
    for (let i = 1; i <= count; i++) world.store.put(world.trail.place(world.trail.digestKey(to + 70 * MINUTE + i * SECOND)), 'x')
    never(t, 'invalid', await verify(source(world.store, 'bare'), range), `${count} names`)
    t.equal((await verify(source(world.store, 'bare'), range)).verdict, 'valid', `${count} names outside the range`)
  }
})

t.test('C1: of the claims of planted digests on one log file, so many are kept; what a valid one says always is', async (t) => {
  const world = new World(6)
  const log = world.log(2)
  const elsewhere = world.plant(`evil/${world.trail.logKey(world.time(2, 35), 'ForgedForgedForg')}`)
  for (let i = 0; i < 300; i++) {
    const claims = [entry(log, `no. ${i}`), entry(elsewhere, `no. ${i}`), entry(elsewhere, `no. ${i}`)]
    plantDigest(world.trail, world.from - DAY + i * SECOND, { logFiles: claims })
    plantDigest(fake(world, { prefix: 'evil' }), world.time(2) + i * SECOND, { logFiles: claims })
  }
  for (const range of [asked(world), {}]) {
    const told = await verify(source(world.store), range)
    t.same(told.of(log), [], 'the valid claim is the one that counts')
    const listed = told.findings.flatMap((finding) => ('listedBy' in finding ? [finding.listedBy.length] : []))
    t.ok(Math.max(0, ...listed) <= 64, 'at most 64 are named', { listed })
    never(t, 'valid', told, 'planted in the range')
  }
  world.store.edit(log, () => gzip(Buffer.from('no. 7')))
  t.same(
    (await verify(source(world.store), asked(world))).of(log),
    ['LOG_FILE_MODIFIED invalid'],
    'nor do they excuse another hash',
  )
})

t.test('C2: log files that only planted digests list are not asked for where no listing has them', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    const world = new World(4)
    const plain = new Counting()
    await verify(plain.of(source(world.store, kind)), { ...asked(world), workers: 0 })
    world.store.bucket('other-bucket')
    const absent = Array.from({ length: 500 }, (_, i) => {
      const key = world.trail.logKey(world.time(3, 30), String(i).padStart(16, '0'))
      return entry({ bucket: i % 2 === 0 ? BUCKET : 'other-bucket', key })
    })
    plantDigest(fake(world), world.time(4), { logFiles: absent })
    plantDigest(world.trail, world.time(3, 40), { logFiles: absent })
    const flooded = new Counting()
    await verify(flooded.of(source(world.store, kind)), { ...asked(world), workers: 0 })
    t.ok(flooded.reads.length - plain.reads.length <= 6, `reads, ${kind}`, {
      before: plain.reads.length,
      after: flooded.reads.length,
    })
    t.same(flooded.others, [], 'no other bucket on the word of a digest that is not valid')
  }
})

t.test('C3: a digest is read so often whatever is planted around it', async (t) => {
  for (const kind of ['bare', 'store'] as const) {
    const counts: number[] = []
    for (const planted of [0, 100]) {
      const world = new World(4)
      const gone = world.also({ region: 'eu-west-1', start: isoSeconds(world.from - DAY) }, 48)
      const near = gone.digests.filter(({ endTime }) => Math.abs(endTime - world.from) < 8 * HOUR)
      for (const digest of near) world.store.delete(digest, ...digest.logs)
      for (let i = 0; i < planted; i++) {
        for (const at of [-6 * DAY, 5 * DAY]) world.store.put(gone.place(gone.digestKey(world.from + at + i * SECOND)), 'x')
        world.store.put(world.trail.place(world.trail.digestKey(world.time(2) + (i + 1) * SECOND)), 'x')
      }
      const counting = new Counting()
      const told = await verify(counting.of(source(world.store, kind)), { ...asked(world), workers: 0 })
      const reads = new Map<string, number>()
      for (const key of counting.reads) reads.set(key, (reads.get(key) ?? 0) + 1)
      counts.push(Math.max(...reads.values()))
      never(t, 'valid', told, `${planted} planted: the other chain is known, and has a gap`)
      t.ok(
        told.codes.some((code) => code.startsWith('COVERAGE_GAP')),
        'the gap is told',
      )
    }
    // Surveyed, walked, linked; and once more where the events around its gap are looked for.
    t.ok(Math.max(...counts) <= 4, `at most four times, ${kind}`, { counts })
  }
})

t.test('A4: of folders of other services, which are not searched, the report says so', async (t) => {
  const world = new World(4)
  world.store.put({ bucket: BUCKET, key: 'AWSLogs/111122223333/Config/x/y' }, 'x')
  for (const kind of ['export', 'store'] as const) {
    const { summary } = await verify(source(world.store, kind), asked(world))
    t.ok(
      summary.notChecked.some((sentence) => sentence.includes('(Config)')),
      kind,
    )
  }
})
