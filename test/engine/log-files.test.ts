/** Log files that no digest lists: the rows LOG_FILE_UNLISTED, PENDING, UNCOVERED and CLAIM_UNTRUSTED, at their edges. */
import t from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { testKey } from '../../fixtures/keys.js'
import { ObjectStore, type Place } from '../../fixtures/store.js'
import { type DigestOptions, HOUR, MINUTE, signAsCloudTrail, Trail, type TrailOptions } from '../../fixtures/trail.js'
import {
  type Finding,
  type Gap,
  type LogFileResult,
  memorySource,
  type PublicKeySource,
  parsePublicKeyList,
  type Result,
  type Source,
  type Summary,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/index.js'
import { s3Source } from '../../src/s3.js'
import { faultyStore } from '../support/faulty-store.js'

const START = '2026-03-14T08:00:00Z'
const SECOND = 1000
const DAY = 24 * HOUR

/** A time of the day on which the trails here begin. */
const on = (time: string): number => Date.parse(`2026-03-14T${time}Z`)
const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z')

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

/** Each bucket as an export in a directory of its name, or as the live store. */
function sources(store: ObjectStore, kind: 'export' | 'store' = 'export'): Source[] {
  return [...store.buckets].map(([bucket, objects]) =>
    kind === 'store'
      ? memorySource({ name: `s3://${bucket}`, kind, bucket, objects })
      : memorySource({ name: bucket, path: [bucket], objects }),
  )
}

interface Told {
  readonly verdict: string
  readonly summary: Summary
  readonly findings: readonly (Finding | Gap)[]
  readonly logs: readonly LogFileResult[]
  /** What is said of one object: `status`, then `CODE reason` of each finding. */
  readonly of: (place: Place) => readonly string[]
}

type Options = Omit<VerifyTrailOptions, 'sources' | 'startTime' | 'endTime'> & { readonly kind?: 'export' | 'store' }

async function verify(store: ObjectStore, start: number | null, end: number | null, options: Options = {}): Promise<Told> {
  const { kind, ...more } = options
  const range = {
    ...(start === null ? {} : { startTime: new Date(start) }),
    ...(end === null ? {} : { endTime: new Date(end) }),
  }
  const findings: (Finding | Gap)[] = []
  const logs: LogFileResult[] = []
  const now = new Date('2026-11-01T00:00:00Z')
  for await (const result of verifyTrail({ sources: sources(store, kind), publicKeys: publicKeys(), now, ...range, ...more })) {
    if (result.kind === 'log-file') logs.push(result)
    else if (result.kind === 'finding' || result.kind === 'gap') findings.push(result)
    else if (result.kind === 'summary') {
      const of = (place: Place): string[] => [
        ...logs.filter(({ object }) => object === uri(place)).map(({ status }) => status),
        ...findings.filter(({ object }) => object === uri(place)).map(text),
      ]
      return { verdict: result.verdict, summary: result, findings, logs, of }
    }
  }
  throw new Error('the run ended without a summary')
}

function text(finding: Finding | Gap): string {
  const reason = 'reason' in finding ? ` ${finding.reason}` : ''
  const note = finding.verdict === 'note' ? ' note' : ''
  return `${finding.code}${reason}${'mayBeBackfilled' in finding ? ' mayBeBackfilled' : ''}${note}`
}

/** Without what is said because of age only. */
function aged(texts: readonly string[]): string[] {
  return texts.map((text) => text.replace(' mayBeBackfilled', ''))
}

const quiet: DigestOptions = { logs: [] }
const byAttacker: DigestOptions = { sign: (data) => signAsCloudTrail(data, testKey('attacker')) }
const unsigned: DigestOptions = { metadata: () => ({}) }

const UNLISTED = ['unlisted', 'LOG_FILE_UNLISTED not-listed']
const NOT_COVERED = ['uncovered', 'LOG_FILE_UNCOVERED not-covered']
const NO_CHAIN = ['uncovered', 'LOG_FILE_UNCOVERED no-chain']
const PENDING = ['pending', 'LOG_FILE_PENDING too-recent note']
const FOREIGN = ['unlisted', 'LOG_FILE_UNLISTED name']

/** A trail in whose hours nothing was delivered. */
function quietWorld(count: number, start = START): World {
  return new World(count, { start }, quiet)
}

function beside(world: World, options: Omit<TrailOptions, 'store'>, count: number): Trail {
  const trail = world.also({ start: START, ...options })
  trail.start()
  return trail.hours(count, quiet)
}

t.test('unlisted: all ten minutes around its time are covered', async (t) => {
  const rows: readonly [sentence: string, start: string, time: string, expected: readonly string[]][] = [
    ['ten minutes after the first hour begins', '08:00:00', '08:10:00', UNLISTED],
    ['ten minutes less a second after it begins', '08:00:01', '08:10:00', NOT_COVERED],
    ['nine minutes after it begins', '08:00:00', '08:09:00', NOT_COVERED],
    ['ten minutes before the last hour ends', '08:00:00', '09:50:00', UNLISTED],
    ['ten minutes less a second before it ends', '07:59:59', '09:50:00', NOT_COVERED],
    ['nine minutes before it ends', '08:00:00', '09:51:00', NOT_COVERED],
    ['at the border of two digests', '08:00:00', '09:00:00', UNLISTED],
  ]
  for (const [sentence, start, time, expected] of rows) {
    const world = quietWorld(2, `2026-03-14T${start}Z`)
    const log = world.plant(nameAt(world.trail, on(time)))
    const run = await verify(world.store, on('07:00:00'), on('11:00:00'))
    t.strictSame(run.of(log), expected, sentence)
  }
})

/** A log file's key with exactly this minute in its name. */
function nameAt(trail: Trail, time: number, family?: 'CloudTrail-Insight'): string {
  const compact = (at: number): string => iso(at).replaceAll(/[-:]/g, '').slice(0, 13)
  const bucket = trail.logKey(time, 'ForgedForgedForg', family)
  const rounded = Math.ceil(time / (5 * MINUTE)) * 5 * MINUTE
  return bucket.replace(`_${compact(rounded)}Z_`, `_${compact(time)}Z_`)
}

t.test('unlisted: ten minutes around a hole', async (t) => {
  const rows: readonly [sentence: string, time: string, expected: readonly string[]][] = [
    ['ten minutes before the hole', '08:50:00', UNLISTED],
    ['nine minutes before it', '08:51:00', NOT_COVERED],
    ['in it', '09:30:00', NOT_COVERED],
    ['nine minutes after it', '10:09:00', NOT_COVERED],
    ['ten minutes after it', '10:10:00', UNLISTED],
  ]
  const world = quietWorld(1)
  world.trail.start(60)
  world.trail.hours(2, quiet)
  const planted = rows.map(([, time]) => world.plant(nameAt(world.trail, on(time))))
  const run = await verify(world.store, on('08:00:00'), on('11:00:00'))
  for (const [index, [sentence, , expected]] of rows.entries())
    t.strictSame(run.of(planted[index] ?? world.digest(0)), expected, sentence)
})

t.test('unlisted: covered by every known standard chain of its place, organization, account and region', async (t) => {
  const rows: readonly [sentence: string, also: (world: World) => void, expected: readonly string[]][] = [
    ['a second chain that covers it', (world) => beside(world, { trail: 'data-events' }, 4), UNLISTED],
    ['a second chain that ends before', (world) => beside(world, { trail: 'data-events' }, 1), NOT_COVERED],
    [
      'a second chain that begins after',
      (world) => beside(world, { trail: 'data-events', start: iso(on('10:00:00')) }, 2),
      NOT_COVERED,
    ],
    [
      'a second chain that ends before, in another bucket',
      (world) => beside(world, { trail: 'other', bucket: 'second' }, 1),
      UNLISTED,
    ],
    [
      'a second chain that ends before, of another prefix',
      (world) => beside(world, { trail: 'other', prefix: 'audit' }, 1),
      UNLISTED,
    ],
    ['one of another organization', (world) => beside(world, { trail: 'other', organizationId: 'o-exampleorgid' }, 1), UNLISTED],
    ['one of another account', (world) => beside(world, { accountId: '444455556666' }, 1), UNLISTED],
    ['one of another region', (world) => beside(world, { region: 'eu-west-1' }, 1), UNLISTED],
    [
      'a second chain that ended seven days before',
      (world) => beside(world, { trail: 'other', start: iso(on('07:00:00') - 7 * DAY) }, 1),
      NOT_COVERED,
    ],
    [
      'one that ended a second more before',
      (world) => beside(world, { trail: 'other', start: iso(on('07:00:00') - 7 * DAY - SECOND) }, 1),
      UNLISTED,
    ],
    [
      'an unsigned digest of a second trail',
      (world) => world.also({ trail: 'other', start: START }).digest({ ...quiet, ...unsigned }),
      UNLISTED,
    ],
  ]
  for (const [sentence, also, expected] of rows) {
    const world = quietWorld(4)
    also(world)
    const log = world.plant(on('09:30:00'))
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    t.strictSame(run.of(log), expected, sentence)
  }
})

t.test('unlisted: narrowing to one trail does not change what is said of an unclaimed log file', async (t) => {
  for (const [sentence, count, expected] of [
    ['the other trail covers it', 4, UNLISTED],
    ['the other trail does not', 1, NOT_COVERED],
  ] as const) {
    const world = quietWorld(4)
    beside(world, { trail: 'data-events' }, count)
    const log = world.plant(on('09:30:00'))
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'), { trails: ['management-events'] })
    t.strictSame(run.of(log), expected, sentence)
  }
})

t.test('unlisted: a log file that any valid digest of the account and region lists is none', async (t) => {
  const rows: readonly [sentence: string, options: Omit<TrailOptions, 'store'>, listed: boolean][] = [
    ['another trail', { trail: 'data-events' }, true],
    ['another trail in another bucket', { trail: 'data-events', bucket: 'second' }, true],
    ['a backfill digest', { backfill: true }, true],
    ['another account', { accountId: '444455556666' }, true],
    ['another region', { region: 'eu-west-1' }, true],
  ]
  for (const [sentence, options] of rows) {
    const world = quietWorld(4)
    const log = { ...world.plant(on('09:30:00')), ...textOf(world, on('09:30:00')) }
    const other = world.also({ start: START, ...options })
    if (!other.backfill) other.start()
    other.digest(quiet)
    other.digest({ ...quiet, listed: [log] })
    other.hours(2, quiet)
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    const own = other.accountId === '111122223333' && other.region === 'us-east-1'
    if (own) t.strictSame([run.verdict, run.of(log)], ['valid', ['valid']], sentence)
    else t.strictSame(run.of(log)[0] === 'valid' || run.verdict !== 'valid', true, `${sentence}: never passed over`)
  }
})

function textOf(world: World, time: number): { text: Buffer; newestEventTime: string; oldestEventTime: string } {
  const text = Buffer.from('{"Records":[{"eventName":"Forged"}]}')
  return { text, newestEventTime: iso(time), oldestEventTime: iso(world.from) }
}

t.test('unlisted: no backfill digest of these is unreadable or unverified', async (t) => {
  const UNPROVEN = ['uncovered', 'LOG_FILE_UNCOVERED backfill-unproven']
  const rows: readonly [
    sentence: string,
    options: Omit<TrailOptions, 'store'>,
    digest: DigestOptions,
    expected: readonly string[],
  ][] = [
    ['a valid one that does not list it', {}, {}, UNLISTED],
    ['one that lacks its signature', {}, unsigned, UNPROVEN],
    ['one of a key that was not given', { key: 'attacker' }, {}, UNPROVEN],
    ['one with a wrong signature, which is invalid', {}, byAttacker, UNLISTED],
    ['one that is no digest, which is invalid', {}, { text: () => '{}' }, UNLISTED],
    ['an unsigned one of another trail', { trail: 'data-events' }, unsigned, UNPROVEN],
    ['an unsigned one of another account', { accountId: '444455556666' }, unsigned, UNLISTED],
    ['an unsigned one of another region', { region: 'eu-west-1' }, unsigned, UNLISTED],
    ['an unsigned one of another organization', { organizationId: 'o-exampleorgid' }, unsigned, UNLISTED],
    ['an unsigned one of another place', { bucket: 'second', trail: 'data-events' }, unsigned, UNLISTED],
  ]
  for (const [sentence, options, digest, expected] of rows) {
    const world = quietWorld(4)
    world.also({ ...options, backfill: true, start: START }).digest({ ...quiet, ...digest })
    const log = world.plant(on('09:30:00'))
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    t.strictSame(run.of(log), expected, sentence)
  }
})

t.test('unlisted: younger than 30 days it carries mayBeBackfilled', async (t) => {
  const rows: readonly [sentence: string, age: number, young: boolean][] = [
    ['30 days less a second', 30 * DAY - SECOND, true],
    ['30 days', 30 * DAY, false],
    ['30 days and a second', 30 * DAY + SECOND, false],
  ]
  const world = quietWorld(4)
  const log = world.plant(on('09:30:00'))
  for (const [sentence, age, young] of rows) {
    const run = await verify(world.store, on('08:00:00'), on('11:00:00'), { now: new Date(on('09:30:00') + age) })
    t.strictSame(run.of(log), ['unlisted', `LOG_FILE_UNLISTED not-listed${young ? ' mayBeBackfilled' : ''}`], sentence)
    t.equal(run.verdict, 'invalid', `${sentence}: invalid all the same`)
  }
})

t.test('--unvalidated-trails turns unlisted into uncovered', async (t) => {
  const world = quietWorld(4)
  const log = world.plant(on('09:30:00'))
  const run = await verify(world.store, on('08:00:00'), on('12:00:00'), { unvalidatedTrails: true })
  t.strictSame([run.verdict, run.of(log)], ['unverified', ['uncovered', 'LOG_FILE_UNCOVERED unvalidated-trails']], 'never valid')
  const listed = new World(3, { start: START })
  listed.store.edit(listed.log(2), () => listed.store.get(listed.digest(1)).bytes)
  const modified = await verify(listed.store, on('08:00:00'), on('11:00:00'), { unvalidatedTrails: true })
  t.equal(modified.verdict, 'invalid', 'what is listed is judged as ever')
})

t.test('a family of log files that no valid digest lists', async (t) => {
  const FAMILY = ['uncovered', 'LOG_FILE_UNCOVERED family-not-digested']
  const insight: DigestOptions = { logs: [{ minutes: 5, family: 'CloudTrail-Insight' }] }
  const rows: readonly [sentence: string, also: (world: World) => void, expected: readonly string[]][] = [
    ['none lists any', () => undefined, FAMILY],
    ['a second trail lists one', (world) => beside(world, { trail: 'data-events' }, 3).digest(insight), UNLISTED],
    [
      'a forged digest lists one',
      (world) => world.also({ trail: 'data-events', start: START }).digest({ ...insight, ...byAttacker }),
      FAMILY,
    ],
    ['another account lists one', (world) => beside(world, { accountId: '444455556666' }, 3).digest(insight), FAMILY],
    ['another region lists one', (world) => beside(world, { region: 'eu-west-1' }, 3).digest(insight), FAMILY],
    [
      'a trail in another bucket lists one',
      (world) => beside(world, { trail: 'data-events', bucket: 'second' }, 3).digest(insight),
      FAMILY,
    ],
  ]
  for (const [sentence, also, expected] of rows) {
    const world = quietWorld(4)
    also(world)
    const log = world.plant(nameAt(world.trail, on('09:30:00'), 'CloudTrail-Insight'))
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    t.strictSame(run.of(log), expected, sentence)
  }
})

t.test('an unclaimed log file is judged by its name’s time', async (t) => {
  const rows: readonly [sentence: string, time: string, judged: boolean][] = [
    ['a minute before the start', '08:59:00', false],
    ['at the start', '09:00:00', true],
    ['a minute before the end', '10:59:00', true],
    ['at the end', '11:00:00', false],
  ]
  const world = quietWorld(6)
  for (const [sentence, time, judged] of rows) {
    const log = world.plant(nameAt(world.trail, on(time)))
    const run = await verify(world.store, on('09:00:00'), on('11:00:00'))
    t.strictSame([run.verdict, run.of(log)], judged ? ['invalid', UNLISTED] : ['valid', []], sentence)
    world.store.delete(log)
  }
})

t.test('without a time in its name it is judged by its day folder, without one always', async (t) => {
  const folder = 'AWSLogs/111122223333/CloudTrail/us-east-1'
  const midnight = Date.parse('2026-03-15T00:00:00Z')
  const rows: readonly [sentence: string, key: string, start: number, end: number, judged: boolean][] = [
    ['its day ends when the range starts', `${folder}/2026/03/14/notes.txt`, midnight, midnight + HOUR, false],
    ['its day ends a second after the range starts', `${folder}/2026/03/14/notes.txt`, midnight - SECOND, midnight + HOUR, true],
    ['its day begins when the range ends', `${folder}/2026/03/15/notes.txt`, midnight - HOUR, midnight, false],
    ['its day begins a second before the range ends', `${folder}/2026/03/15/notes.txt`, midnight - HOUR, midnight + SECOND, true],
    ['deeper in the day folder', `${folder}/2026/03/14/x/y/notes.txt`, midnight, midnight + HOUR, false],
    ['in the folder of a month', `${folder}/2026/03/notes.txt`, midnight, midnight + HOUR, true],
    ['in the folder of another month', `${folder}/2025/01/notes.txt`, midnight, midnight + HOUR, true],
    ['in the folder of the region', `${folder}/notes.txt`, midnight, midnight + HOUR, true],
    ['in the folder of the family', 'AWSLogs/111122223333/CloudTrail/notes.txt', midnight, midnight + HOUR, true],
    ['in a folder of an impossible day', `${folder}/2026/02/30/notes.txt`, midnight, midnight + HOUR, true],
    ['in a folder that is no region', 'AWSLogs/111122223333/CloudTrail/nowhere/notes.txt', midnight, midnight + HOUR, true],
    ['in a folder with one digit for the day', `${folder}/2026/3/9/notes.txt`, midnight, midnight + HOUR, true],
    [
      'in a folder beside CloudTrail’s families',
      'AWSLogs/111122223333/CloudTrail-Other/notes.txt',
      midnight,
      midnight + HOUR,
      true,
    ],
  ]
  for (const [sentence, key, start, end, judged] of rows) {
    const world = quietWorld(4, '2026-03-14T22:00:00Z')
    const file = world.plant(key)
    const run = await verify(world.store, start, end)
    t.strictSame([run.verdict, run.of(file)], judged ? ['invalid', FOREIGN] : ['valid', []], sentence)
    t.equal(run.logs.length, judged ? 1 : 0, `${sentence}: judged once`)
  }
})

t.test('name and folder disagree: judged by its day folder', async (t) => {
  const midnight = Date.parse('2026-03-15T00:00:00Z')
  const world = quietWorld(4, '2026-03-14T22:00:00Z')
  const name = world.trail.logKey(midnight - HOUR / 2, 'ForgedForgedForg')
  const file = world.plant(name.replace('/2026/03/14/', '/2026/03/15/'))
  const folder = await verify(world.store, midnight, midnight + HOUR)
  t.not(folder.verdict, 'valid', 'in the range of its folder, not of its name')
  t.equal(folder.of(file).length, 2, 'one result, one finding')
  const before = await verify(world.store, midnight - HOUR, midnight)
  t.strictSame([before.verdict, before.of(file)], ['valid', []], 'in the range of its name, not of its folder')
})

t.test('CloudTrail-Lake is none of its folders', async (t) => {
  const world = quietWorld(3)
  world.plant('AWSLogs/111122223333/CloudTrail-Lake/us-east-1/2026/03/14/notes.txt')
  world.plant('AWSLogs/111122223333/Config/us-east-1/2026/3/14/notes.txt')
  world.plant('AWSLogs/111122223333/notes.txt')
  world.plant('notes.txt')
  const run = await verify(world.store, on('08:00:00'), on('11:00:00'))
  t.strictSame([run.verdict, run.logs], ['valid', []], 'nor what lies beside them')
})

t.test('0-byte keys that end in a slash are ignored everywhere', async (t) => {
  const world = quietWorld(3)
  const folders = ['CloudTrail', 'CloudTrail-Digest', 'CloudTrail-Other'].flatMap((family) => [
    `AWSLogs/111122223333/${family}/`,
    `AWSLogs/111122223333/${family}/us-east-1/`,
    `AWSLogs/111122223333/${family}/us-east-1/2026/03/14/`,
    `AWSLogs/111122223333/${family}/us-east-1/2026/03/14/x.json.gz/`,
    `AWSLogs/111122223333/${family}/nowhere/`,
  ])
  for (const key of ['/', 'AWSLogs/', 'AWSLogs/111122223333/', 'AWSLogs/o-exampleorgid/', ...folders]) world.plant(key, '')
  world.plant(`${world.digest(1).key}/`, '')
  for (const kind of ['export', 'store'] as const) {
    for (const end of [on('11:00:00'), null]) {
      const now = new Date(on('13:00:00'))
      const run = await verify(world.store, null, end, { kind, now })
      t.strictSame([run.verdict, run.findings], ['valid', []], `${kind}, ${end === null ? 'no' : 'an'} end asked`)
    }
  }
  const full = quietWorld(3)
  const kept = full.plant('AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/14/folder/')
  const run = await verify(full.store, on('08:00:00'), on('11:00:00'))
  t.strictSame([run.verdict, run.of(kept)], ['invalid', FOREIGN], 'one with bytes in it is a file to account for')
})

t.test('a log file of an account and region without digests', async (t) => {
  for (const options of [{ accountId: '444455556666' }, { region: 'eu-west-1' }, { organizationId: 'o-exampleorgid' }]) {
    const world = quietWorld(3)
    const log = world.also({ ...options, start: START }).deliver(25)
    const run = await verify(world.store, on('08:00:00'), on('11:00:00'))
    const sentence = JSON.stringify(options)
    t.strictSame([run.verdict, run.of(log)], ['unverified', NO_CHAIN], `${sentence}: covered by none`)
    const gaps = run.findings.filter((finding) => finding.kind === 'gap')
    t.strictSame(
      gaps.map(({ reason, trail }) => [reason, trail]),
      [['not-found', null]],
      `${sentence}: has a gap`,
    )
  }
})

t.test('no end asked, an export: around the default end', async (t) => {
  const rows: readonly [sentence: string, time: string, expected: readonly string[]][] = [
    ['at the default end all ten minutes are covered', '10:50:00', UNLISTED],
    ['a minute after it', '10:51:00', PENDING],
    ['at the newest valid digestEndTime', '11:00:00', PENDING],
    ['2 h 30 min after that', '13:30:00', PENDING],
    ['2 h 31 min after that', '13:31:00', NOT_COVERED],
    ['in the year 2031: there is no upper limit', '2031', NOT_COVERED],
  ]
  for (const [sentence, time, expected] of rows) {
    const world = quietWorld(3)
    const log = world.plant(nameAt(world.trail, time === '2031' ? Date.parse('2031-03-14T09:30:00Z') : on(time)))
    const run = await verify(world.store, on('08:00:00'), null, { now: new Date(on('20:00:00')) })
    t.strictSame(aged(run.of(log)), expected, sentence)
    const verdict = { unlisted: 'invalid', pending: 'valid', uncovered: 'unverified' }[expected[0] ?? '']
    t.equal(run.verdict, verdict, `${sentence}: the run`)
    const asked = await verify(world.store, on('08:00:00'), on('14:00:00'))
    if (expected === PENDING) t.strictSame(asked.of(log), NOT_COVERED, `${sentence}: with an end asked it is not pending`)
  }
})

t.test('no end asked, an export: nothing is pending within the time that the run calls valid', async (t) => {
  for (const time of ['10:21:00', '10:25:00', '10:29:00', '10:30:00', '10:45:00']) {
    const world = quietWorld(4)
    const ireland = beside(world, { region: 'eu-west-1', start: iso(on('07:30:00')) }, 3)
    const log = world.plant(nameAt(ireland, on(time)))
    const run = await verify(world.store, on('08:00:00'), null, { now: new Date(on('20:00:00')) })
    const end = Date.parse(run.summary.summary.endTime ?? '')
    const pending = run.of(log)[0] === 'pending'
    t.notOk(run.verdict === 'valid' && on(time) < end, `${time} is not called proven up to ${iso(end)}`)
    if (on(time) >= end) t.ok(pending, `${time} waits for the next digest of its chain`)
  }
})

t.test('no end asked, a live store: around the default end', async (t) => {
  const rows: readonly [sentence: string, now: string, time: string, expected: readonly string[]][] = [
    ['covered, before the default end', '13:30:00', '10:30:00', UNLISTED],
    ['covered, after the default end: there is no upper limit', '12:30:00', '10:45:00', UNLISTED],
    ['not covered, at the default end', '13:25:00', '10:55:00', PENDING],
    ['not covered, a minute before the default end', '13:26:00', '10:55:00', NOT_COVERED],
    ['not covered, at the default end, where the chain ends', '13:30:00', '11:00:00', PENDING],
    ['not covered, a minute before it', '13:30:00', '10:59:00', NOT_COVERED],
    ['2 h 30 min after the newest digest', '13:25:00', '13:30:00', PENDING],
    ['2 h 31 min after the newest digest', '13:30:00', '13:31:00', NOT_COVERED],
    ['ten minutes after now', '12:00:00', '12:10:00', PENDING],
    ['ten minutes and a second after now', '11:59:59', '12:10:00', NOT_COVERED],
  ]
  for (const [sentence, now, time, expected] of rows) {
    const world = quietWorld(3)
    const log = world.plant(nameAt(world.trail, on(time)))
    const run = await verify(world.store, on('08:00:00'), null, { kind: 'store', now: new Date(on(now)) })
    t.strictSame(aged(run.of(log)), expected, sentence)
  }
})

t.test('no end asked: claimed only by later digests that lack only a signature', async (t) => {
  const DIGEST_UNPROVEN = ['pending', 'LOG_FILE_PENDING digest-unproven note']
  const build = (options: DigestOptions, listed = false): { world: World; log: Place } => {
    const world = quietWorld(3)
    const last = world.trail.digest({ logs: [40], ...options })
    const [log] = last.logs
    if (log === undefined) throw new Error('a log file was delivered')
    if (listed) beside(world, { trail: 'data-events' }, 3).digest({ ...quiet, listed: [log] })
    return { world, log }
  }
  const rows: readonly [sentence: string, built: { world: World; log: Place }, expected: readonly string[], verdict: string][] = [
    ['pending', build(unsigned), DIGEST_UNPROVEN, 'valid'],
    [
      'a forged later digest: untrusted, and the run is invalid',
      build(byAttacker),
      ['unverified', 'LOG_FILE_CLAIM_UNTRUSTED digest-invalid'],
      'invalid',
    ],
    ['a valid digest of another trail lists it too: checked', build(unsigned, true), ['valid'], 'valid'],
  ]
  for (const [sentence, { world, log }, expected, verdict] of rows) {
    const run = await verify(world.store, on('08:00:00'), null, { now: new Date(on('14:00:00')) })
    t.strictSame(run.of(log), expected, sentence)
    t.equal(run.verdict, verdict, `${sentence}: the run`)
  }
  const { world, log } = build(unsigned)
  const asked = await verify(world.store, on('08:00:00'), on('12:00:00'))
  t.strictSame(asked.of(log), ['unverified', 'LOG_FILE_CLAIM_UNTRUSTED digest-unverified'], 'with an end asked it is untrusted')
})

t.test('an unsigned digest beyond the default range excuses no log file in a proven hour', async (t) => {
  const rows: readonly [sentence: string, at: number, start: number | null, end: number | null][] = [
    ['planted after the default end', on('13:00:00'), on('08:00:00'), null],
    ['planted years after the default end', Date.parse('2031-03-14T09:30:00Z'), on('08:00:00'), null],
    ['planted before the default start', on('05:00:00'), null, on('11:00:00')],
    ['planted before the default start, no end asked', on('05:00:00'), null, null],
  ]
  for (const [sentence, at, start, end] of rows) {
    const world = quietWorld(4)
    const log = { ...world.plant(on('09:30:00')), ...textOf(world, on('09:30:00')) }
    const forger = world.also({ start: iso(at) })
    forger.last = world.digest(4)
    forger.digest({ ...quiet, listed: [log], ...unsigned })
    const run = await verify(world.store, start, end, { now: new Date(on('16:00:00')) })
    t.not(run.verdict, 'valid', sentence)
    t.notOk(run.of(log).includes('pending'), `${sentence}: it is not pending`)
  }
})

t.test('claims of digests that are not valid', async (t) => {
  const forged: DigestOptions = { logs: [{ minutes: 30 }], ...byAttacker }
  const other: DigestOptions = { logs: [{ minutes: 30 }], ...unsigned }
  const UNVERIFIED = ['unverified', 'LOG_FILE_CLAIM_UNTRUSTED digest-unverified']
  const INVALID = ['unverified', 'LOG_FILE_CLAIM_UNTRUSTED digest-invalid']
  const rows: readonly [sentence: string, hours: number, digest: DigestOptions, expected: readonly string[]][] = [
    ['an unsigned digest, in covered hours', 4, other, UNVERIFIED],
    ['an unsigned digest, in hours that are not covered', 1, other, UNVERIFIED],
    ['a forged digest, in covered hours: as if unclaimed', 4, forged, UNLISTED],
    ['a forged digest, in hours that are not covered', 1, forged, INVALID],
  ]
  for (const [sentence, hours, digest, expected] of rows) {
    const world = quietWorld(hours)
    const doubtful = world.also({ trail: 'data-events', start: iso(on('09:00:00')) }).digest(digest)
    const [log] = doubtful.logs
    if (log === undefined) throw new Error('a log file was delivered')
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    t.strictSame(run.of(log), expected, sentence)
    const found = run.logs.find(({ object }) => object === uri(log))
    if (expected !== UNLISTED) t.match(found?.found, /^[0-9a-f]{64}$/, `${sentence}: it is hashed all the same`)
  }
})

t.test('an invalid digest’s claims are hashed only within its own bucket, account and region', async (t) => {
  const rows: readonly [sentence: string, options: Omit<TrailOptions, 'store'>][] = [
    ['another bucket', { bucket: 'second' }],
    ['another account', { accountId: '444455556666' }],
    ['another region', { region: 'eu-west-1' }],
  ]
  for (const [sentence, options] of rows) {
    const world = new World(1, { start: START })
    const log = world.also({ ...options, trail: 'data-events', start: iso(on('10:00:00')) }).deliver(30)
    const liar = world.also({ trail: 'liar', start: iso(on('10:00:00')) })
    liar.digest({ logs: [20], listed: [log], ...byAttacker })
    const run = await verify(world.store, on('08:00:00'), on('12:00:00'))
    t.strictSame(run.of(log), NO_CHAIN, `${sentence}: unclaimed there`)
    const listed = run.logs.filter(({ findings }) => findings.includes('LOG_FILE_CLAIM_UNTRUSTED'))
    t.strictSame(
      listed.map(({ object }) => object),
      liar.logs.map(uri),
      `${sentence}: only its own was hashed`,
    )
  }
})

t.test('conflicting and repeated claims', async (t) => {
  const build = (entry: DigestOptions['entry']): { world: World; log: Place } => {
    const world = new World(3, { start: START })
    const log = world.log(2)
    const other = world.also({ trail: 'data-events', start: START })
    other.start()
    other.digest(quiet)
    other.digest({ ...quiet, listed: [log], ...(entry === undefined ? {} : { entry }) })
    other.hours(1, quiet)
    return { world, log }
  }
  const same = build(undefined)
  const agreed = await verify(same.world.store, on('08:00:00'), on('11:00:00'))
  t.strictSame([agreed.verdict, agreed.of(same.log)], ['valid', ['valid']], 'two valid digests with one hash')
  t.equal(agreed.logs.find(({ object }) => object === uri(same.log))?.listedBy.length, 2, 'both are named')
  const differs = build((entry) => ({ ...entry, hashValue: 'ab'.repeat(32) }))
  const conflict = await verify(differs.world.store, on('08:00:00'), on('11:00:00'))
  t.strictSame(conflict.of(differs.log), ['invalid', 'LOG_FILE_CONFLICTING'], 'two valid digests with different hashes')
  const one = build((entry) => ({ ...entry, hashAlgorithm: 'MD5', hashValue: 'ab'.repeat(16) }))
  const half = await verify(one.world.store, on('08:00:00'), on('11:00:00'))
  t.notOk(half.of(one.log).includes('LOG_FILE_CONFLICTING'), 'an algorithm that is not known contradicts nothing')
})

t.test('of accounts that are given as sources of their own, each log file is read once', async (t) => {
  const written = new ObjectStore()
  const trails = ['111122223333', '444455556666'].map((accountId) => new Trail({ store: written, accountId }))
  for (const trail of trails) trail.start()
  for (const trail of trails) trail.hours(3)
  const bucket = 'example-trail-logs'
  const objects = written.bucket(bucket)
  const store = await faultyStore({ bucket, objects, publicKeys: {} })
  t.teardown(() => store.close())
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' })
  const sources = await Promise.all(
    trails.map(({ accountId }) => s3Source(`s3://${bucket}/AWSLogs/${accountId}/`, { endpointUrl: store.url })),
  )
  const results: Result[] = []
  for await (const result of verifyTrail({
    sources,
    publicKeys: publicKeys(),
    endTime: new Date(trails[0]?.now ?? 0),
    workers: 0,
  }))
    results.push(result)
  for (const source of sources) await source.close?.()
  t.equal(results.filter(({ kind }) => kind === 'log-file').length, 6)
  t.equal(store.requestsOf('log file'), 6)
})
