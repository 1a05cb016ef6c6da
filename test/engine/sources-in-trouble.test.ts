/** Sources that cannot answer, places and buckets, verdicts that join, runs that end early: never valid, never a false alarm. */
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { testKey } from '../../fixtures/keys.js'
import { Random } from '../../fixtures/random.js'
import type { ObjectStore, Place } from '../../fixtures/store.js'
import { type DigestFile, type DigestOptions, HOUR, type LogFile, signAsCloudTrail } from '../../fixtures/trail.js'
import {
  BodyError,
  type Finding,
  type FolderListing,
  type Gap,
  type KeyQuery,
  memorySource,
  type PublicKeySource,
  parsePublicKeyList,
  type ReadAnswer,
  type Result,
  type Source,
  type Summary,
  type UnreadableObject,
  type UnreadableReason,
  VerifyTrailError,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/index.js'

const BUCKET = 'example-trail-logs'
const START = '2026-03-14T08:00:00Z'
const TRAIL = 'management-events'

const on = (time: string): number => Date.parse(`2026-03-14T${time}Z`)
const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z')
const short = (time: string): string => time.replace('2026-03-14T', '').replace(/Z$/, '')

function publicKeys(asked: KeyQuery[] = []): PublicKeySource {
  const list = parsePublicKeyList(Buffer.from(keysOf('march', 'april', 'ireland', 'spki')))
  if (!list.ok) throw new Error(list.reason)
  return {
    lookup: (query) => {
      asked.push(query)
      const key = list.keys.find((one) => one.fingerprint === query.fingerprint)
      return key === undefined ? { kind: 'unknown' } : { kind: 'key', key, origin: 'test keys' }
    },
  }
}

interface Told {
  readonly verdict: string
  readonly summary: Summary
  readonly results: readonly Result[]
  readonly findings: readonly (Finding | Gap)[]
  /** `CODE reason`, gaps with their time. */
  readonly said: readonly string[]
}

type Options = Omit<VerifyTrailOptions, 'sources'>

const RANGE = { startTime: START, endTime: '2026-03-14T12:00:00Z', now: new Date('2026-11-01T00:00:00Z') }

async function verify(sources: Source | readonly Source[], options: Options = {}): Promise<Told> {
  const all = 'read' in sources ? [sources] : sources
  return told(verifyTrail({ sources: all, publicKeys: publicKeys(), ...RANGE, ...options }))
}

async function told(run: AsyncIterable<Result>): Promise<Told> {
  const results: Result[] = []
  for await (const result of run) results.push(result)
  const summary = results.at(-1)
  if (summary?.kind !== 'summary') throw new Error('the run ended without a summary')
  const findings = results.filter((result) => result.kind === 'finding' || result.kind === 'gap')
  return { verdict: summary.verdict, summary, results, findings, said: findings.map(text) }
}

function text(finding: Finding | Gap): string {
  const note = finding.verdict === 'note' ? ' note' : ''
  const reason = 'reason' in finding ? ` ${finding.reason}` : ''
  const hours = finding.kind === 'gap' ? ` ${short(finding.startTime)}-${short(finding.endTime)}` : ''
  return `${finding.code}${reason}${hours}${note}`
}

function exported(store: ObjectStore, path: readonly string[] = [BUCKET]): Source {
  return memorySource({ name: path.join('/'), path, objects: store.bucket(BUCKET) })
}

function live(store: ObjectStore, bucket = BUCKET, asked: string[] = []): Source {
  const otherBucket = (name: string): Source | undefined => {
    asked.push(name)
    return store.buckets.has(name) ? live(store, name, asked) : undefined
  }
  return memorySource({ name: `s3://${bucket}`, kind: 'store', bucket, objects: store.bucket(bucket), otherBucket })
}

interface Trouble {
  /** In place of what a read of this key answers. */
  readonly read?: (key: string) => ReadAnswer | undefined
  /** In place of a listing. */
  readonly folders?: (prefix: string) => UnreadableObject | undefined
  /** Called before every read and listing. */
  readonly before?: (key: string, signal: AbortSignal | undefined) => Promise<void>
}

/** A source that answers as another one, but for some trouble. */
function troubled(inner: Source, trouble: Trouble): Source {
  const { bucket, path, prefix, otherBucket } = inner
  return {
    name: inner.name,
    kind: inner.kind,
    ...(bucket === undefined ? {} : { bucket }),
    ...(path === undefined ? {} : { path }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(otherBucket === undefined ? {} : { otherBucket: (name) => otherBucket.call(inner, name) }),
    async folders(at, options): Promise<FolderListing | UnreadableObject> {
      await trouble.before?.(at, options?.signal)
      return trouble.folders?.(at) ?? inner.folders(at, options)
    },
    async *list(at, options) {
      await trouble.before?.(at, options?.signal)
      const answer = trouble.folders?.(at)
      if (answer === undefined) yield* inner.list(at, options)
      else yield { ...answer, key: at }
    },
    async read(key, options): Promise<ReadAnswer> {
      await trouble.before?.(key, options?.signal)
      return trouble.read?.(key) ?? inner.read(key, options)
    },
  }
}

const only = (place: Place, answer: ReadAnswer) => ({ read: (key: string) => (key === place.key ? answer : undefined) })
const MISSING: ReadAnswer = { kind: 'missing' }

async function* breaking(reason: UnreadableReason, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 100)
  throw new BodyError(reason, 'broke off')
}

const quiet: DigestOptions = { logs: [] }
const byAttacker: DigestOptions = { sign: (data) => signAsCloudTrail(data, testKey('attacker')) }
const unsigned: DigestOptions = { metadata: () => ({}) }

function hours(count: number, each: DigestOptions = {}): World {
  return new World(count, { start: START }, each)
}

const REASONS: readonly UnreadableReason[] = [
  'access-denied',
  'archived',
  'kms',
  'throttled',
  'network',
  'io',
  'no-such-bucket',
  'bucket-not-given',
  'link',
  'unsafe-name',
  'altered-in-transfer',
  'too-large',
]

t.test('a digest that cannot be read is unverified, for any reason', async (t) => {
  const world = hours(4)
  const digest = world.digest(2)
  const { bytes } = world.store.get(digest)
  for (const inner of [exported(world.store), live(world.store)]) {
    for (const reason of REASONS) {
      const answers: readonly [sentence: string, answer: ReadAnswer][] = [
        [`${reason} (${inner.kind})`, { kind: 'unreadable', reason, detail: 'why' }],
        [`${reason} (${inner.kind}), while its body comes`, { kind: 'object', body: breaking(reason, bytes) }],
      ]
      for (const [sentence, answer] of answers) {
        const run = await verify(troubled(inner, only(digest, answer)))
        const expected = [
          `DIGEST_UNREADABLE ${reason}`,
          'COVERAGE_GAP digest-invalid 09:00:00-10:00:00',
          'LOG_FILE_UNCOVERED not-covered',
        ]
        t.strictSame([run.verdict, run.said], ['unverified', expected], sentence)
        t.equal(run.findings[0]?.object, uri(digest), `${sentence}: it is named`)
      }
    }
  }
})

t.test('a digest that cannot be read, elsewhere in its chain', async (t) => {
  const denied: ReadAnswer = { kind: 'unreadable', reason: 'access-denied' }
  const rows: readonly [sentence: string, hour: number, expected: readonly string[]][] = [
    [
      'the newest',
      4,
      ['DIGEST_UNREADABLE access-denied', 'COVERAGE_GAP digest-invalid 11:00:00-12:00:00', 'LOG_FILE_UNCOVERED not-covered'],
    ],
    [
      'the first',
      1,
      ['DIGEST_UNREADABLE access-denied', 'COVERAGE_GAP digest-invalid 08:00:00-09:00:00', 'LOG_FILE_UNCOVERED not-covered'],
    ],
    ['the starting digest, which covers nothing', 0, []],
  ]
  for (const [sentence, hour, expected] of rows) {
    const world = hours(4)
    const run = await verify(troubled(live(world.store), only(world.digest(hour), denied)))
    t.strictSame(run.said, expected, sentence)
    t.equal(run.verdict, expected.length === 0 ? 'valid' : 'unverified', `${sentence}: the verdict`)
  }
})

t.test('missing is only what a read says', async (t) => {
  const denied: ReadAnswer = { kind: 'unreadable', reason: 'access-denied' }
  const listed = hours(4)
  const gone = await verify(troubled(live(listed.store), only(listed.digest(2), MISSING)))
  t.strictSame(
    gone.said,
    ['DIGEST_MISSING', 'COVERAGE_GAP digests-missing 09:00:00-10:00:00', 'LOG_FILE_UNCOVERED not-covered'],
    'a digest that is listed, and gone when it is read',
  )
  t.equal(gone.verdict, 'invalid', 'a valid digest links to it')
  const noLog = await verify(troubled(live(listed.store), only(listed.log(2), MISSING)))
  t.strictSame(
    [noLog.verdict, noLog.said],
    ['invalid', ['LOG_FILE_MISSING']],
    'a log file that is listed, and gone when it is read',
  )

  const unlisted = hours(4)
  unlisted.store.delete(unlisted.digest(2), unlisted.log(3))
  const refused = (key: string): ReadAnswer | undefined => {
    return key === unlisted.digest(2).key || key === unlisted.log(3).key ? denied : undefined
  }
  const maybe = await verify(troubled(live(unlisted.store), { read: refused }))
  t.equal(maybe.verdict, 'unverified', 'not listed, and a read is refused: perhaps it is there')
  t.notOk(
    maybe.said.some((said) => said.includes('MISSING')),
    'not called missing',
  )
  t.ok(maybe.said.includes('DIGEST_UNREADABLE access-denied'), 'the digest could not be read')
  t.ok(maybe.said.includes('LOG_FILE_UNREADABLE access-denied'), 'the log file could not be read')
})

t.test('a log file that cannot be read is unverified, for any reason', async (t) => {
  const world = hours(4)
  const log = world.log(2)
  const { bytes } = world.store.get(log)
  for (const inner of [exported(world.store), live(world.store)]) {
    for (const reason of REASONS) {
      const answers: readonly [sentence: string, answer: ReadAnswer][] = [
        [`${reason} (${inner.kind})`, { kind: 'unreadable', reason, detail: 'why' }],
        [`${reason} (${inner.kind}), while its body comes`, { kind: 'object', body: breaking(reason, bytes) }],
      ]
      for (const [sentence, answer] of answers) {
        const run = await verify(troubled(inner, only(log, answer)))
        t.strictSame([run.verdict, run.said], ['unverified', [`LOG_FILE_UNREADABLE ${reason}`]], sentence)
        t.equal(run.summary.summary.logFiles.unverified, 1, `${sentence}: counted`)
      }
    }
  }
})

t.test('a body in chunks is the same body', async (t) => {
  const world = hours(4)
  async function* bytewise(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
  }
  const read = (key: string): ReadAnswer | undefined => {
    const object = world.store.bucket(BUCKET).get(key)
    return object === undefined ? undefined : { kind: 'object', body: bytewise(object.bytes), metadata: object.metadata }
  }
  const run = await verify(troubled(live(world.store), { read }))
  t.strictSame([run.verdict, run.said], ['valid', []], 'seven bytes at a time')
})

t.test('a folder that cannot be listed is unverified', async (t) => {
  const account = 'AWSLogs/111122223333/'
  const rows: readonly [sentence: string, folder: string, code: string][] = [
    ['the day of the digests', `${account}CloudTrail-Digest/us-east-1/2026/03/14/`, 'DIGEST_UNREADABLE'],
    ['the month of the digests', `${account}CloudTrail-Digest/us-east-1/2026/03/`, 'DIGEST_UNREADABLE'],
    ['the region of the digests', `${account}CloudTrail-Digest/us-east-1/`, 'DIGEST_UNREADABLE'],
    ['the digests', `${account}CloudTrail-Digest/`, 'DIGEST_UNREADABLE'],
    ['the day of the log files', `${account}CloudTrail/us-east-1/2026/03/14/`, 'LOG_FILE_UNREADABLE'],
    ['the region of the log files', `${account}CloudTrail/us-east-1/`, 'LOG_FILE_UNREADABLE'],
    ['the log files', `${account}CloudTrail/`, 'LOG_FILE_UNREADABLE'],
    ['the account', account, 'LOG_FILE_UNREADABLE'],
    ['all accounts', 'AWSLogs/', 'LOG_FILE_UNREADABLE'],
    ['the bucket', '', 'LOG_FILE_UNREADABLE'],
  ]
  for (const [sentence, folder, code] of rows) {
    const world = hours(4)
    const answer: UnreadableObject = { kind: 'unreadable', reason: 'access-denied' }
    const refuse = (prefix: string): UnreadableObject | undefined => (prefix === folder ? answer : undefined)
    const run = await verify(troubled(live(world.store), { folders: refuse }))
    t.equal(run.verdict, 'unverified', sentence)
    t.ok(
      run.findings.some((found) => found.code === code && found.object.endsWith(folder)),
      `${sentence}: it is named`,
    )
    t.notOk(
      run.findings.some(({ verdict }) => verdict === 'invalid'),
      `${sentence}: no false alarm`,
    )
  }
})

t.test('an export in a directory of another name', async (t) => {
  const pinned = /is a copy of/
  const rows: readonly [sentence: string, path: readonly string[], options: Options, said: RegExp | null][] = [
    ['named like the bucket: nothing to say', [BUCKET], {}, null],
    ['named like the bucket, deep in directories', ['evidence', '2026', BUCKET], {}, null],
    ['of another name: what its first valid digest names', ['evidence'], {}, /is a copy of s3:\/\/example-trail-logs\/AWSLogs\//],
    ['below a directory named like the bucket', [BUCKET, 'evidence'], {}, pinned],
    ['named like the bucket in another case', ['Example-Trail-Logs'], {}, pinned],
    ['named like another bucket, which the bodies do not name', ['second-bucket'], {}, pinned],
    [
      'given with --bucket',
      ['evidence'],
      { originalPlace: { bucket: BUCKET } },
      /relocated s3:\/\/example-trail-logs\/AWSLogs\//,
    ],
  ]
  for (const [sentence, path, options, said] of rows) {
    const world = hours(4)
    const run = await verify(exported(world.store, path), options)
    t.strictSame([run.verdict, run.said], ['valid', []], sentence)
    const found = run.summary.notChecked.find((one) => /copy of|relocated/.test(one))
    if (said === null) t.equal(found, undefined, `${sentence}: pinned`)
    else t.match(found, said, `${sentence}: said in notChecked`)
    const named = run.results.every((result) => !('object' in result) || result.object.startsWith(`s3://${BUCKET}/AWSLogs/`))
    t.ok(named, `${sentence}: objects are named by their original place`)
  }
})

t.test('an export of a prefix', async (t) => {
  const rows: readonly [sentence: string, path: readonly string[], cut: string, put: string][] = [
    ['whole', [BUCKET], '', ''],
    ['without its prefix, in a directory of that name', [BUCKET, 'audit'], 'audit/', ''],
    ['without its prefix', ['evidence'], 'audit/', ''],
    ['below other directories', ['evidence'], '', 'x/y/'],
  ]
  for (const [sentence, path, cut, put] of rows) {
    const world = new World(4, { start: START, prefix: 'audit' })
    world.store.copyBucket(BUCKET, 'moved', (key) => `${put}${key.slice(cut.length)}`)
    const source = memorySource({ name: 'moved', path, objects: world.store.bucket('moved') })
    const run = await verify(source)
    t.strictSame([run.verdict, run.said], ['valid', []], sentence)
    const digest = run.results.find((result) => result.kind === 'digest')
    t.match(digest?.object, 's3://example-trail-logs/audit/AWSLogs/', `${sentence}: named by its original place`)
  }
})

t.test('--bucket that is not what the digests name', async (t) => {
  const world = hours(4)
  const run = await verify(exported(world.store, ['evidence']), { originalPlace: { bucket: 'second-bucket' } })
  t.equal(run.verdict, 'invalid', 'never valid')
  t.ok(run.said.includes('DIGEST_MOVED'), 'the digests name another bucket')
})

t.test('what is not signed names no place', async (t) => {
  const world = hours(4)
  for (const [index, end] of [on('06:30:00'), on('07:30:00'), on('13:30:00')].entries()) {
    const forger = world.also({ trail: TRAIL, bucket: 'attacker-bucket' })
    forger.now = end - HOUR
    const forged = forger.digest({ ...quiet, ...(index === 1 ? byAttacker : unsigned) })
    world.store.copy(forged, { bucket: BUCKET, key: forged.key })
  }
  const run = await verify(exported(world.store, ['evidence']))
  t.strictSame([run.verdict, run.said], ['valid', []], 'forged digests around the range name another bucket')
})

t.test('copies in an export', async (t) => {
  const build = (): World => {
    const world = hours(4)
    world.store.copyBucket(BUCKET, BUCKET, (key) => `copy/${key}`)
    return world
  }
  const same = build()
  const equal = await verify(exported(same.store, ['evidence']))
  t.strictSame([equal.verdict, equal.said], ['valid', []], 'equal copies')
  const logs = equal.results.filter((result) => result.kind === 'log-file')
  t.strictSame(
    logs.map(({ object }) => object),
    same.trail.logs.map(uri),
    'each log file is judged once',
  )
  for (const [sentence, prefix] of [
    ['in its own place', ''],
    ['in the copy', 'copy/'],
  ] as const) {
    const edited = build()
    edited.store.edit({ bucket: BUCKET, key: `${prefix}${edited.log(2).key}` }, () => edited.store.get(edited.log(3)).bytes)
    const run = await verify(exported(edited.store, ['evidence']))
    t.strictSame([run.verdict, run.said], ['invalid', ['LOG_FILE_MODIFIED']], `edited ${sentence}`)
    const half = build()
    half.store.delete({ bucket: BUCKET, key: `${prefix}${half.log(2).key}` })
    const other = await verify(exported(half.store, ['evidence']))
    t.strictSame([other.verdict, other.said], ['valid', []], `deleted ${sentence}: the other copy is there`)
  }
})

t.test('names match byte for byte', async (t) => {
  const rows: readonly [sentence: string, rename: (key: string) => string][] = [
    ['another case', (key) => key.replace('_CloudTrail_', '_cloudtrail_')],
    ['percent-encoded', (key) => key.replace('_CloudTrail_', '_CloudTrai%6c_')],
    ['an empty segment', (key) => key.replace('/us-east-1/', '/us-east-1//')],
    ['a dot segment', (key) => key.replace('/us-east-1/', '/us-east-1/./')],
  ]
  for (const [sentence, rename] of rows) {
    const world = hours(4)
    const log = world.log(2)
    world.store.move(log, { bucket: BUCKET, key: rename(log.key) })
    const run = await verify(exported(world.store))
    t.strictSame([...run.said].sort(), ['LOG_FILE_MISSING', 'LOG_FILE_UNLISTED name'], sentence)
  }
})

/** `bucket` as a copy of the bucket where the trail delivers. */
function replicated(world: World, bucket = 'replica'): ObjectStore {
  world.store.copyBucket(BUCKET, bucket, (key) => key)
  return world.store
}

async function refused(t: Test, sentence: string, run: Promise<Told>): Promise<void> {
  try {
    const { verdict, said } = await run
    t.fail(`${sentence}: ERR_REPLICA was not thrown`, { verdict, said: [...said] })
  } catch (error) {
    t.ok(error instanceof VerifyTrailError && error.code === 'ERR_REPLICA', sentence)
    t.match(error instanceof Error ? error.message : '', `--bucket ${BUCKET}`, `${sentence}: it advises --bucket`)
  }
}

t.test('a replica: all digests of a place on S3 name one other bucket under the same keys', async (t) => {
  await refused(t, 'a copy of a bucket', verify(live(replicated(hours(4)), 'replica')))
  const asked = await verify(live(replicated(hours(4)), 'replica'), { originalPlace: { bucket: BUCKET } })
  t.strictSame([asked.verdict, asked.said], ['valid', []], 'with --bucket it is verified')
  t.match(asked.summary.notChecked.join('\n'), `relocated s3://${BUCKET}/AWSLogs/`, 'which is reported as relocated')

  const two = hours(4)
  two.also({ region: 'eu-west-1', start: START }, 4)
  await refused(t, 'a copy of two regions', verify(live(replicated(two), 'replica')))

  const lost = hours(4)
  lost.store.editMetadata(lost.digest(4), {})
  await refused(t, 'a copy whose newest digest has lost its metadata', verify(live(replicated(lost), 'replica')))

  const keyless: PublicKeySource = { lookup: () => ({ kind: 'unknown' }) }
  await refused(t, 'a copy, without public keys', verify(live(replicated(hours(4)), 'replica'), { publicKeys: keyless }))
})

t.test('not a replica: not all digests name one other bucket', async (t) => {
  const moved = async (sentence: string, run: Promise<Told>): Promise<void> => {
    try {
      const { verdict, said } = await run
      t.strictSame([verdict, said.includes('DIGEST_MOVED')], ['invalid', true], sentence)
    } catch (error) {
      t.fail(`${sentence}: thrown ${error instanceof VerifyTrailError ? error.code : String(error)}`)
    }
  }
  const newest = hours(3)
  newest.trail.bucket = 'second'
  const digest = newest.trail.digest(quiet)
  newest.store.copy(digest, { bucket: BUCKET, key: digest.key })
  await moved('only the newest was delivered elsewhere', verify(live(newest.store)))

  const between = new World(0, { start: START, bucket: 'second' })
  const { trail } = between
  const early = [trail.start(), trail.digest(quiet)]
  trail.bucket = BUCKET
  trail.hours(2)
  trail.bucket = 'second'
  for (const one of [...early, trail.digest(quiet)]) between.store.copy(one, { bucket: BUCKET, key: one.key })
  await moved('the oldest and the newest were delivered elsewhere', verify(live(between.store)))

  const chains = hours(4)
  const ireland = chains.also({ region: 'eu-west-1', bucket: 'second', start: START }, 4)
  for (const one of ireland.digests) chains.store.copy(one, { bucket: BUCKET, key: one.key })
  await moved('only one of two chains was delivered elsewhere', verify(live(chains.store)))

  const three = hours(4)
  const other = three.also({ region: 'eu-west-1', bucket: 'second', start: START }, 4)
  replicated(three)
  for (const one of other.digests) three.store.copy(one, { bucket: 'replica', key: one.key })
  await moved('they name two other buckets', verify(live(three.store, 'replica')))

  const prefixed = hours(4)
  prefixed.store.copyBucket(BUCKET, 'replica', (key) => `copy/${key}`)
  await moved('under other keys', verify(live(prefixed.store, 'replica')))
})

t.test('another bucket is read only on the word of a valid digest', async (t) => {
  const elsewhere = (world: World): LogFile => {
    return world.also({ bucket: 'second', trail: 'data-events', start: iso(on('09:00:00')) }).deliver(30)
  }
  const rows: readonly [sentence: string, build: (world: World) => void, asked: readonly string[], verdict: string][] = [
    [
      'a valid digest lists a log file there',
      (world) => world.trail.digest({ ...quiet, listed: [elsewhere(world)] }),
      ['second'],
      'valid',
    ],
    [
      'a valid digest links there',
      (world) => {
        const { trail } = world
        trail.bucket = 'second'
        trail.digest(quiet)
        trail.bucket = BUCKET
        trail.digest(quiet)
      },
      ['second'],
      'valid',
    ],
    [
      'a digest that lacks its signature lists a log file there',
      (world) => world.trail.digest({ ...quiet, listed: [elsewhere(world)], ...unsigned }),
      [],
      'unverified',
    ],
    [
      'a forged digest lists a log file there',
      (world) => world.trail.digest({ ...quiet, listed: [elsewhere(world)], ...byAttacker }),
      [],
      'invalid',
    ],
    [
      'a forged digest links there',
      (world) => {
        const { trail } = world
        trail.bucket = 'second'
        trail.digest(quiet)
        trail.bucket = BUCKET
        trail.digest({ ...quiet, ...byAttacker })
      },
      [],
      'invalid',
    ],
    [
      'an unsigned digest links there',
      (world) => {
        const { trail } = world
        trail.bucket = 'second'
        trail.digest(quiet)
        trail.bucket = BUCKET
        trail.digest({ ...quiet, ...unsigned })
      },
      [],
      'unverified',
    ],
    [
      'a digest of a key that was not given lists a log file there',
      (world) => world.also({ trail: 'liar', key: 'attacker', start: START }).digest({ ...quiet, listed: [elsewhere(world)] }),
      [],
      'unverified',
    ],
    [
      'a digest that was moved lists a log file there',
      (world) => {
        const digest = world.also({ trail: 'liar', start: START }).digest({ ...quiet, listed: [elsewhere(world)] })
        world.store.move(digest, { ...digest, key: digest.key.replace('_liar_', '_other_') })
      },
      [],
      'invalid',
    ],
  ]
  for (const [sentence, build, expected, verdict] of rows) {
    const world = hours(2)
    build(world)
    const asked: string[] = []
    const endTime = new Date(world.trail.now)
    const run = await verify(live(world.store, BUCKET, asked), { endTime })
    t.strictSame([...new Set(asked)], expected, sentence)
    t.equal(run.verdict, verdict, `${sentence}: the verdict`)
  }
})

t.test('another bucket that cannot be had', async (t) => {
  const build = (): World => {
    const world = hours(2)
    const { trail } = world
    trail.bucket = 'second'
    trail.digest()
    trail.bucket = BUCKET
    trail.digest(quiet)
    return world
  }
  const world = build()
  const none = await verify(memorySource({ name: 's3', kind: 'store', bucket: BUCKET, objects: world.store.bucket(BUCKET) }))
  t.strictSame([none.verdict, none.said[0]], ['unverified', 'DIGEST_UNREADABLE bucket-not-given'], 'a source that has no others')
  const gone: ReadAnswer = { kind: 'unreadable', reason: 'no-such-bucket' }
  const inner = live(world.store)
  const deleted = await verify({
    ...troubled(inner, {}),
    otherBucket: () => troubled(live(world.store, 'second'), { read: () => gone }),
  })
  t.strictSame([deleted.verdict, deleted.said[0]], ['unverified', 'DIGEST_UNREADABLE no-such-bucket'], 'one that is no more')
  world.store.delete(...(world.trail.digests[3] === undefined ? [] : [world.trail.digests[3]]))
  const missing = await verify(live(world.store))
  t.strictSame([missing.verdict, missing.said[0]], ['invalid', 'DIGEST_MISSING'], 'one that answers: it is not there')
  const alone = build()
  const both = await verify([
    exported(alone.store),
    memorySource({ name: 'second', path: ['second'], objects: alone.store.bucket('second') }),
  ])
  t.strictSame([both.verdict, both.said], ['valid', []], 'two exports given together')
  const one = await verify(exported(alone.store))
  t.strictSame([one.verdict, one.said[0]], ['unverified', 'DIGEST_UNREADABLE bucket-not-given'], 'one export alone')
})

t.test('keys are asked for in the region of the folder, and only where it is one', async (t) => {
  const world = hours(2)
  const good = world.digest(1)
  const names = ['evil.example.com', 'us-east-1.evil', 'US-EAST-1', 'us_east_1', '..', 'us-east-0', '169.254.169.254']
  for (const name of names) {
    world.store.copy(good, { ...good, key: good.key.replace('/us-east-1/', `/${name}/`) })
    world.store.copy(good, {
      ...good,
      key: good.key.replace('/us-east-1/', `/${name}/`).replace('Digest_us-east-1', `Digest_${name}`),
    })
  }
  world.also({ region: 'eu-west-1', start: START }, 2)
  const liar = world.also({ trail: 'liar', start: START })
  liar.digest({
    ...quiet,
    body: (body) => ({ ...body, digestS3Object: String(body['digestS3Object']).replaceAll('us-east-1', 'xx-evil-1') }),
  })
  const asked: KeyQuery[] = []
  await verify(live(world.store), { publicKeys: publicKeys(asked) })
  t.strictSame([...new Set(asked.map(({ region }) => region))].sort(), ['eu-west-1', 'us-east-1'], 'no other region is asked')
})

t.test('a directory’s keys are not trusted', async (t) => {
  const world = hours(2)
  world.store.put({ bucket: BUCKET, key: 'public-keys.json' }, keysOf('march'))
  const none: PublicKeySource = { lookup: () => ({ kind: 'unknown' }) }
  const run = await verify(exported(world.store), { publicKeys: none })
  t.equal(run.verdict, 'unverified', 'keys inside a source prove nothing')
  t.ok(run.said.includes('DIGEST_KEY_UNKNOWN'), 'they are not looked at')
})

t.test('verdicts join', async (t) => {
  const empty = memorySource({ name: BUCKET, path: [BUCKET], objects: new Map() })
  const changed = (change: (world: World) => void, each: DigestOptions = {}): Source => {
    const world = hours(4, each)
    change(world)
    return exported(world.store)
  }
  const denied: ReadAnswer = { kind: 'unreadable', reason: 'access-denied' }
  const noDigests = changed((world) => world.store.deleteUnder(BUCKET, 'AWSLogs/111122223333/CloudTrail-Digest/'))
  const both = hours(4)
  both.store.delete(both.log(1))
  const rows: readonly [sentence: string, source: Source, options: Options, verdict: string][] = [
    ['all valid', changed(() => undefined), {}, 'valid'],
    ['an empty source', empty, {}, 'unverified'],
    ['only log files', noDigests, {}, 'unverified'],
    ['nothing of an asked account', changed(() => undefined), { accountIds: ['444455556666'] }, 'unverified'],
    ['nothing in the range', changed(() => undefined, quiet), { startTime: '2027-01-01', endTime: '2027-01-02' }, 'unverified'],
    ['no public keys', changed(() => undefined), { publicKeys: { lookup: () => ({ kind: 'unknown' }) } }, 'unverified'],
    [
      'something unverified beside what is valid',
      troubled(exported(hours(4).store), only(hours(4).log(2), denied)),
      {},
      'unverified',
    ],
    ['something invalid beside what is unverified', troubled(exported(both.store), only(both.log(2), denied)), {}, 'invalid'],
    ['only a starting digest', exported(hours(0).store), {}, 'unverified'],
  ]
  for (const [sentence, source, options, verdict] of rows) {
    const run = await verify(source, options)
    t.equal(run.verdict, verdict, sentence)
    const { listed, valid, invalid, unverified, missing } = run.summary.summary.logFiles
    t.equal(listed, valid + invalid + unverified + missing, `${sentence}: listed is the sum`)
    const { digests } = run.summary.summary
    t.equal(digests.found, digests.valid + digests.invalid + digests.unverified, `${sentence}: found is the sum`)
    const counted = Object.values(run.summary.summary.findings).reduce((sum, count) => sum + count, 0)
    t.equal(counted, run.findings.length, `${sentence}: every finding is counted`)
  }
})

t.test('backfill digests alone prove no hour', async (t) => {
  const world = hours(4)
  world.also({ backfill: true, start: iso(on('09:00:00')) }).digest()
  for (const digest of world.trail.digests) world.store.delete(digest)
  for (const log of world.trail.logs) world.store.delete(log)
  for (const source of [exported(world.store), live(world.store)]) {
    const run = await verify(source)
    t.not(run.verdict, 'valid', `all standard digests and their log files were deleted (${source.kind})`)
  }
})

/** More log files than are read ahead. */
const busy: DigestOptions = { logs: Array.from({ length: 200 }, (_, quarter) => quarter / 4) }

/** One that takes its time for each object. */
function slow(inner: Source): Source {
  return troubled(inner, { before: (_key, signal) => wait(1, undefined, signal === undefined ? {} : { signal }) })
}

t.test('a run that is aborted ends with a summary that says so', async (t) => {
  const said = /interrupted/
  const before = await verify(exported(hours(4).store), { signal: AbortSignal.abort() })
  t.strictSame([before.results.length, before.verdict], [1, 'unverified'], 'aborted before it began')
  t.ok(before.summary.run.interrupted, 'it says interrupted')
  t.match(before.summary.notChecked[0], said, 'and that not all was checked')

  for (const kind of ['digest', 'log-file'] as const) {
    const stop = new AbortController()
    const run = verifyTrail({
      sources: [slow(exported(hours(4, busy).store))],
      publicKeys: publicKeys(),
      ...RANGE,
      signal: stop.signal,
      concurrency: 1,
    })
    const results: Result[] = []
    for await (const result of run) {
      results.push(result)
      if (result.kind === kind) stop.abort()
    }
    const summary = results.at(-1)
    t.match(summary, { kind: 'summary', verdict: 'unverified', run: { interrupted: true } }, `aborted at the first ${kind}`)
    t.equal(results.filter((result) => result.kind === 'summary').length, 1, 'one summary')
  }

  const whole = new AbortController()
  const done = await verify(exported(hours(4).store), { signal: whole.signal })
  t.strictSame([done.verdict, done.summary.run.interrupted], ['valid', false], 'a signal that is not used changes nothing')
})

t.test('a run that is aborted while the source does not answer', async (t) => {
  for (const inner of [exported(hours(4).store), live(hours(4).store)]) {
    for (const part of ['/CloudTrail-Digest/', '/CloudTrail/']) {
      const stop = new AbortController()
      const before = async (key: string, signal: AbortSignal | undefined): Promise<void> => {
        if (!key.includes(part) || !key.endsWith('.gz')) return
        stop.abort()
        await wait(60_000, undefined, signal === undefined ? {} : { signal })
      }
      const run = await verify(troubled(inner, { before }), { signal: stop.signal })
      t.match(run.summary, { verdict: 'unverified', run: { interrupted: true } }, `${inner.kind}: reading below ${part}`)
    }
  }
})

t.test('what was found before a run was aborted counts', async (t) => {
  const world = hours(4, busy)
  world.store.delete(world.log(1))
  const stop = new AbortController()
  const run = verifyTrail({
    sources: [slow(exported(world.store))],
    publicKeys: publicKeys(),
    ...RANGE,
    signal: stop.signal,
    concurrency: 1,
  })
  const results: Result[] = []
  for await (const result of run) {
    results.push(result)
    if (result.kind === 'finding') stop.abort()
  }
  t.match(results.at(-1), { kind: 'summary', verdict: 'invalid', run: { interrupted: true } }, 'invalid stays invalid')
})

t.test('breaking out stops all reading', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    for (const concurrency of [1, 8]) {
      const world = hours(10)
      for (let account = 0; account < 4; account++) world.also({ accountId: `44445555666${account}`, start: START }, 10)
      let reads = 0
      let aborted = 0
      const before = async (key: string, signal: AbortSignal | undefined): Promise<void> => {
        if (!key.endsWith('.gz')) return
        reads++
        signal?.addEventListener('abort', () => aborted++, { once: true })
        await wait(1, undefined, signal === undefined ? {} : { signal })
      }
      const source = troubled(kind === 'store' ? live(world.store) : exported(world.store), { before })
      for await (const result of verifyTrail({ sources: [source], publicKeys: publicKeys(), ...RANGE, concurrency })) {
        if (result.kind === 'digest') break
      }
      const then = reads
      await wait(50)
      t.equal(reads, then, `${kind}, ${concurrency} at once: nothing is read any more`)
      t.ok(then < 100 && aborted > 0, `${kind}, ${concurrency} at once: not all was read (${then}), and reads are told`)
    }
  }
})

t.test('no more than concurrency objects are read at once', async (t) => {
  for (const concurrency of [1, 3]) {
    for (const kind of ['export', 'store'] as const) {
      const world = hours(6)
      world.also({ region: 'eu-west-1', start: START }, 6)
      let open = 0
      let most = 0
      const inner = kind === 'store' ? live(world.store) : exported(world.store)
      const source: Source = {
        ...troubled(inner, {}),
        read: async (key, options) => {
          most = Math.max(most, ++open)
          await wait(1)
          open--
          return inner.read(key, options)
        },
      }
      const run = await verify(source, { concurrency, endTime: '2026-03-14T14:00:00Z' })
      t.equal(run.verdict, 'valid', `${kind}: the verdict`)
      t.equal(most, concurrency, `${kind}: ${concurrency} at once`)
    }
  }
})

t.test('no account and region waits for another one to be told', async (t) => {
  const world = hours(2)
  const others = Array.from({ length: 10 }, (_, n) => `4444555566${60 + n}`)
  for (const accountId of others) world.also({ accountId, start: START }, 2)
  const unread = new Set(others)
  const allRead = new AbortController()
  let left: string[] | undefined
  const before = async (key: string): Promise<void> => {
    if (!key.endsWith('.gz') || key.includes('Digest')) return
    if (unread.delete(key.split('/')[1] ?? '') && unread.size === 0) allRead.abort()
    if (!key.includes('111122223333')) return
    await wait(10_000, undefined, { signal: allRead.signal }).catch(() => undefined)
    left ??= [...unread]
  }
  const run = await verify(troubled(live(world.store), { before }), { endTime: '2026-03-14T10:00:00Z' })
  t.equal(run.verdict, 'valid', 'all is read')
  t.strictSame(left, [], 'while the first one waits for a log file, those of all others are read')
})

/** A trail in two accounts and three regions with something of everything wrong. */
function eventful(): World {
  const world = new World(0, { start: START })
  const { trail } = world
  trail.start()
  for (let hour = 0; hour < 6; hour++) trail.digest({ logs: [5, 15, 25, 35, 45] })
  const ireland = world.also({ region: 'eu-west-1', start: iso(on('07:40:00')) })
  ireland.start()
  for (let hour = 0; hour < 3; hour++) ireland.digest({ logs: [10, 40] })
  ireland.start(30)
  for (let hour = 0; hour < 3; hour++) ireland.digest({ logs: [10, 40] })
  const second = world.also({ accountId: '444455556666', start: START }, 5)
  world.also({ trail: 'data-events', start: START }, 6)
  world.also({ backfill: true, start: iso(on('09:00:00')) }).digest()
  const at = <T>(items: readonly T[], index: number): T => {
    const item = items[index]
    if (item === undefined) throw new Error(`there is no item ${index}`)
    return item
  }
  const digest = (index: number): DigestFile => at(trail.digests, index)
  world.store.delete(at(trail.logs, 3), digest(2))
  world.store.edit(at(trail.logs, 12), () => world.store.get(at(trail.logs, 13)).bytes)
  world.store.editMetadata(digest(4), { signature: 'ab'.repeat(256) })
  world.store.edit(at(second.digests, 2), (bytes) => bytes.subarray(0, 40))
  for (const minute of [0, 20, 40]) world.plant(on('10:00:00') + minute * 60_000)
  world.plant('AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/14/notes.txt')
  world.plant(trail.digestKey(on('11:11:11')), '{}')
  return world
}

t.test('results and their order do not depend on concurrency, nor on when answers come', async (t) => {
  for (const kind of ['export', 'store'] as const) {
    for (const endTime of [new Date(on('13:00:00')), undefined]) {
      const reports = new Set<string>()
      for (const [seed, concurrency] of [1, 64, 64, 7].entries()) {
        const world = eventful()
        const random = new Random(`delays ${seed}`)
        const before = async (): Promise<void> => {
          await wait(random.below(4))
        }
        const source = troubled(kind === 'store' ? live(world.store) : exported(world.store), { before })
        const now = new Date(on('16:30:00'))
        const { startTime } = RANGE
        const options = { startTime, now, concurrency, ...(endTime === undefined ? {} : { endTime }) }
        const { results } = await told(verifyTrail({ sources: [source], publicKeys: publicKeys(), ...options }))
        const comparable = results.map((result) => (result.kind === 'summary' ? { ...result, run: null } : result))
        t.ok(results.length > 60, `${results.length} results`)
        reports.add(JSON.stringify(comparable))
      }
      t.equal(reports.size, 1, `${kind}, ${endTime === undefined ? 'no' : 'an'} end asked: one report`)
    }
  }
})
