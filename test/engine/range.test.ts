/** "Range and scope", sentence by sentence, at its edges: what is read, judged, checked, and which hours stay open. */
import t from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { testKey } from '../../fixtures/keys.js'
import type { ObjectStore } from '../../fixtures/store.js'
import { type DigestFile, type DigestOptions, HOUR, MINUTE, signAsCloudTrail, type Trail } from '../../fixtures/trail.js'
import {
  type DigestResult,
  type Finding,
  type Gap,
  memorySource,
  type PublicKeySource,
  parseObjectKey,
  parsePublicKeyList,
  type Source,
  type Summary,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/index.js'

const BUCKET = 'example-trail-logs'
const START = '2026-03-14T08:00:00Z'
const SECOND = 1000

/** A time of the day on which the trails here begin. */
const on = (time: string): number => Date.parse(`2026-03-14T${time}Z`)
const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z')
/** `09:00:00` on that day, else with the date. */
const short = (time: string): string => time.replace('2026-03-14T', '').replace(/Z$/, '')

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

/** A bucket as an export in a directory of its name, or as the live store. */
function source(store: ObjectStore, kind: 'export' | 'store' = 'export'): Source {
  const objects = store.bucket(BUCKET)
  return kind === 'store'
    ? memorySource({ name: `s3://${BUCKET}`, kind, bucket: BUCKET, objects })
    : memorySource({ name: BUCKET, path: [BUCKET], objects })
}

interface Told {
  readonly verdict: string
  readonly summary: Summary
  /** Digests that were judged: when they end. */
  readonly judged: readonly string[]
  readonly digests: readonly DigestResult[]
  /** `CODE`, or `CODE note`. */
  readonly codes: readonly string[]
  readonly findings: readonly (Finding | Gap)[]
  /** `reason trail from-to` */
  readonly gaps: readonly string[]
  /** Names of log files that were checked. */
  readonly logs: readonly string[]
}

type Options = Omit<VerifyTrailOptions, 'sources' | 'startTime' | 'endTime'>

/** Verifies a time range, `null` for an end that is not asked. */
async function verify(at: Source, start: number | null, end: number | null, options: Options = {}): Promise<Told> {
  const range = {
    ...(start === null ? {} : { startTime: new Date(start) }),
    ...(end === null ? {} : { endTime: new Date(end) }),
  }
  const digests: DigestResult[] = []
  const logs: string[] = []
  const findings: (Finding | Gap)[] = []
  const now = new Date('2026-11-01T00:00:00Z')
  for await (const result of verifyTrail({ sources: [at], publicKeys: publicKeys(), now, ...range, ...options })) {
    if (result.kind === 'digest') digests.push(result)
    else if (result.kind === 'log-file') logs.push(result.object)
    else if (result.kind === 'finding' || result.kind === 'gap') findings.push(result)
    else if (result.kind === 'summary') {
      const gaps = findings.flatMap((found) => (found.kind === 'gap' ? [gapText(found)] : []))
      const codes = findings.map(({ code, verdict }) => (verdict === 'note' ? `${code} note` : code))
      const judged = digests.map(({ endTime }) => short(endTime))
      return { verdict: result.verdict, summary: result, digests, judged, findings, codes, gaps, logs }
    }
  }
  throw new Error('the run ended without a summary')
}

function gapText({ reason, trail, startTime, endTime }: Gap): string {
  return `${reason} ${trail ?? '-'} ${short(startTime)}-${short(endTime)}`
}

const TRAIL = 'management-events'
const quiet: DigestOptions = { logs: [] }
const byAttacker: DigestOptions = { sign: (data) => signAsCloudTrail(data, testKey('attacker')) }

function hours(count: number, each: DigestOptions = quiet): World {
  return new World(count, { start: START }, each)
}

function lose(world: World, digest: DigestFile): void {
  world.store.editMetadata(digest, {})
}

/** One that notes what is read. */
function recording(inner: Source): { readonly at: Source; readonly ends: () => string[] } {
  const read = new Set<string>()
  const at: Source = {
    name: inner.name,
    kind: inner.kind,
    ...(inner.bucket === undefined ? {} : { bucket: inner.bucket }),
    ...(inner.path === undefined ? {} : { path: inner.path }),
    folders: (prefix, options) => inner.folders(prefix, options),
    list: (prefix, options) => inner.list(prefix, options),
    read: (key, options) => {
      read.add(key)
      return inner.read(key, options)
    },
  }
  const ends = (): string[] =>
    [...read]
      .flatMap((key) => {
        const name = parseObjectKey(key)
        return name.kind === 'digest' ? [short(iso(name.endTime))] : []
      })
      .sort()
  return { at, ends }
}

t.test('the range is half-open', async (t) => {
  const at = source(hours(5).store)
  const rows: readonly [sentence: string, from: string, to: string, judged: readonly string[]][] = [
    ['a digest that ends at the start is not judged', '09:00:00', '11:00:00', ['10:00:00', '11:00:00']],
    ['one that ends a second after the start is', '08:59:59', '11:00:00', ['09:00:00', '10:00:00', '11:00:00']],
    ['one that starts a second before the start is', '09:00:01', '11:00:00', ['10:00:00', '11:00:00']],
    ['one that starts a second before the end is', '09:00:00', '11:00:01', ['10:00:00', '11:00:00', '12:00:00']],
    ['one that ends after the end is', '09:00:00', '10:59:59', ['10:00:00', '11:00:00']],
    ['a range of one second touches one digest', '10:00:00', '10:00:01', ['11:00:00']],
    ['a range of one second before the border touches the other', '09:59:59', '10:00:00', ['10:00:00']],
  ]
  for (const [sentence, from, to, judged] of rows) {
    const run = await verify(at, on(from), on(to))
    t.strictSame([run.verdict, run.judged, run.codes], ['valid', judged, []], sentence)
    t.strictSame(
      [run.summary.summary.startTime, run.summary.summary.endTime],
      [iso(on(from)), iso(on(to))],
      `${sentence}: said so`,
    )
  }
})

t.test('digests that touch ten minutes around the range are read, and the next one of each chain', async (t) => {
  const { store } = hours(9)
  const rows: readonly [sentence: string, from: string, to: string, read: readonly string[]][] = [
    [
      'one that ends ten minutes before the start is read',
      '11:10:00',
      '12:00:00',
      ['11:00:00', '12:00:00', '13:00:00', '14:00:00'],
    ],
    ['one that ends a second earlier than that is not', '11:10:01', '12:00:00', ['12:00:00', '13:00:00', '14:00:00']],
    ['one that starts ten minutes after the end is read', '11:10:01', '11:50:00', ['12:00:00', '13:00:00', '14:00:00']],
    ['one that starts a second later than that is read only as the next', '11:10:01', '11:49:59', ['12:00:00', '13:00:00']],
  ]
  for (const [sentence, from, to, read] of rows) {
    const { at, ends } = recording(source(store))
    const run = await verify(at, on(from), on(to))
    t.equal(run.verdict, 'valid', sentence)
    // The newest and the oldest of a chain may be read to know it.
    const around = ends().filter((end) => end !== '08:00:00' && end !== '17:00:00')
    t.strictSame(around, read, `${sentence}: these were read`)
  }
})

t.test('the next digest is read for its signature', async (t) => {
  const world = hours(3)
  for (const digest of world.trail.digests) lose(world, digest)
  const proven = await verify(source(world.store), on('08:00:00'), on('10:00:00'))
  t.strictSame([proven.verdict, proven.codes], ['valid', []], 'without metadata the last of the range is proven by the next')
  const newest = await verify(source(world.store), on('08:00:00'), on('10:00:01'))
  t.strictSame(
    [newest.verdict, newest.codes],
    ['unverified', ['DIGEST_SIGNATURE_MISSING', 'COVERAGE_GAP']],
    'the newest has no next',
  )
})

t.test('checked are all claims of judged digests', async (t) => {
  const world = hours(1)
  const { trail } = world
  const judged = trail.digest({
    logs: [{ minutes: 3, nameOff: -8 }, { minutes: 5, nameOff: -5 }, 30, 58, { minutes: 59, nameOff: 6 }],
  })
  trail.hours(2, quiet)
  const names = judged.logs.map((log) => /T\d{4}/.exec(log.key)?.[0])
  t.strictSame(names, ['T0855', 'T0900', 'T0930', 'T1000', 'T1005'], 'named before, at the start of, in, and after the range')
  const all = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
  t.strictSame([all.verdict, all.logs.length], ['valid', 5], 'all are checked')
  for (const [index, log] of judged.logs.entries()) {
    const { bytes } = world.store.get(log)
    world.store.put(log, world.store.get(world.digest(0)).bytes)
    const edited = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
    t.strictSame(
      [edited.verdict, edited.codes],
      ['invalid', ['LOG_FILE_MODIFIED']],
      `${names[index]} modified is invalid, whatever its name`,
    )
    world.store.delete(log)
    const deleted = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
    const expected = index === 0 ? ['valid', ['LOG_FILE_MISSING note']] : ['invalid', ['LOG_FILE_MISSING']]
    t.strictSame([deleted.verdict, deleted.codes], expected, `${names[index]} not there: a note only when named before the range`)
    world.store.put(log, bytes)
  }
})

t.test('checked are the claims of digests only read, on log files named in the range', async (t) => {
  const rows: readonly [
    sentence: string,
    hour: number,
    log: { minutes: number; nameOff?: number },
    expected: readonly string[],
  ][] = [
    ['by the digest before it, named at the start', 1, { minutes: 58 }, ['LOG_FILE_MISSING']],
    ['by the digest before it, named in the range', 1, { minutes: 58, nameOff: 5 }, ['LOG_FILE_MISSING']],
    ['by the digest before it, named before the range', 1, { minutes: 54 }, []],
    ['by the digest after it, named in the range', 3, { minutes: 3, nameOff: -10 }, ['LOG_FILE_MISSING']],
    ['by the digest after it, named at the end', 3, { minutes: 0 }, []],
    ['by the digest after it, named after the range', 3, { minutes: 3 }, []],
    ['by the digest after the next, named in the range', 4, { minutes: 3, nameOff: -70 }, ['LOG_FILE_MISSING']],
  ]
  for (const [sentence, hour, log, expected] of rows) {
    const world = hours(0)
    world.trail.start()
    for (let at = 1; at <= 4; at++) world.trail.digest({ logs: at === hour ? [log] : [] })
    const listed = world.log(hour)
    const there = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
    t.strictSame([there.verdict, there.codes, there.logs.length], ['valid', [], expected.length], `${sentence}: checked or not`)
    world.store.delete(listed)
    const { verdict, codes } = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
    t.strictSame([verdict, codes], [expected.length === 0 ? 'valid' : 'invalid', expected], `${sentence}: deleted`)
  }
})

t.test('a digest only read vouches only when valid', async (t) => {
  const claim: DigestOptions = { logs: [{ minutes: 3, nameOff: -10 }] }
  const forged = hours(2)
  forged.trail.digest({ ...claim, ...byAttacker })
  const unproven = await verify(source(forged.store), on('09:00:00'), on('10:00:00'))
  t.strictSame(
    [unproven.verdict, unproven.codes],
    ['unverified', ['LOG_FILE_CLAIM_UNTRUSTED']],
    'a forged one vouches for nothing',
  )
  t.strictSame(unproven.judged, ['10:00:00'], 'and is not judged')
  const unsigned = hours(2)
  unsigned.trail.digest({ ...claim, metadata: () => ({}) })
  const doubtful = await verify(source(unsigned.store), on('09:00:00'), on('10:00:00'))
  t.strictSame([doubtful.verdict, doubtful.codes], ['unverified', ['LOG_FILE_CLAIM_UNTRUSTED']], 'nor does an unsigned one')
  const moved = hours(2)
  const next = moved.trail.digest(claim)
  moved.store.move(next, { ...next, key: moved.trail.digestKey(next.endTime + SECOND) })
  const elsewhere = await verify(source(moved.store), on('09:00:00'), on('10:00:00'))
  t.not(elsewhere.verdict, 'valid', 'nor one that was moved')
})

t.test('what is only read makes no finding about itself', async (t) => {
  const world = hours(3)
  world.trail.digest({ ...quiet, ...byAttacker })
  const run = await verify(source(world.store), on('09:00:00'), on('10:00:00'))
  t.strictSame([run.verdict, run.codes], ['valid', []], 'a forged digest after the next')
})

t.test('DIGEST_MISSING: a valid digest that starts after the asked start links to it', async (t) => {
  const world = hours(5)
  world.store.delete(world.digest(2))
  const at = source(world.store)
  const border = await verify(at, on('10:00:00'), on('12:00:00'))
  t.strictSame([border.verdict, border.codes], ['valid', []], 'one that starts at the asked start may have lost what was before')
  const before = await verify(at, on('09:59:59'), on('12:00:00'))
  t.strictSame(
    [before.verdict, before.codes],
    ['invalid', ['DIGEST_MISSING', 'COVERAGE_GAP']],
    'one that starts a second after may not',
  )
  t.strictSame(before.gaps, [`digests-missing ${TRAIL} 09:59:59-10:00:00`], 'and that second is open')
  t.equal(before.findings[0]?.object, uri(world.digest(2)), 'it is named')
  t.equal(before.summary.summary.digests.missing, 1, 'and counted')
})

t.test('known are chains with a valid digest within seven days of the range', async (t) => {
  const DAYS = 7 * 24 * HOUR
  const said = 'Account 111122223333, region us-east-1 has a digest folder'
  const rows: readonly [sentence: string, start: number, end: number, gaps: readonly string[]][] = [
    [
      'newest seven days before',
      on('09:00:00') + DAYS,
      on('10:00:00') + DAYS,
      [`after-last ${TRAIL} 2026-03-21T09:00:00-2026-03-21T10:00:00`],
    ],
    ['newest a second more', on('09:00:01') + DAYS, on('10:00:00') + DAYS, []],
    [
      'oldest seven days after',
      on('07:00:00') - DAYS,
      on('08:00:00') - DAYS,
      [`before-first ${TRAIL} 2026-03-07T07:00:00-2026-03-07T08:00:00`],
    ],
    ['oldest a second more', on('07:00:00') - DAYS, on('07:59:59') - DAYS, []],
  ]
  for (const [sentence, start, end, gaps] of rows) {
    const run = await verify(source(hours(1).store), start, end)
    t.strictSame([run.verdict, run.gaps], ['unverified', gaps], sentence)
    t.equal(run.summary.chains.length, gaps.length, `${sentence}: a chain of the run or not`)
    const named = run.summary.notChecked.some((sentence) => sentence.startsWith(said))
    t.equal(named, gaps.length === 0, `${sentence}: without a known chain, account and region are named in notChecked`)
  }
})

t.test('a digest that is not valid makes no chain known', async (t) => {
  const world = hours(0)
  world.trail.start(0, byAttacker)
  const run = await verify(source(world.store), on('12:00:00'), on('13:00:00'))
  t.strictSame([run.verdict, run.gaps], ['unverified', []], 'forged before the range')
  t.match(run.summary.notChecked.join('\n'), 'has a digest folder', 'named in notChecked')
})

t.test('a known chain must cover the range, whatever else is planted in its folder', async (t) => {
  const world = hours(10)
  const day = 24 * HOUR
  const other = world.also({ accountId: '444455556666', start: iso(on('08:00:00') + 2 * day) }, 3)
  for (let minute = 1; minute <= 8; minute++) {
    world.plant(world.trail.digestKey(world.to + minute * MINUTE), '{}')
    world.plant(world.trail.digestKey(world.from - HOUR - minute * MINUTE), '{}')
  }
  const run = await verify(source(world.store), on('08:00:00') + 2 * day, other.now)
  const gap = `after-last ${TRAIL} 2026-03-16T08:00:00-2026-03-16T11:00:00`
  t.strictSame([run.verdict, run.gaps], ['unverified', [gap]], 'its genuine digests lie between forged ones')
})

t.test('an asked range is never cut', async (t) => {
  const at = source(hours(2).store)
  const whole = '10:00:00-14:00:00'
  const rows: readonly [sentence: string, now: string, gaps: readonly string[]][] = [
    ['all of it more than 2 h 30 min ago', '16:30:01', [`after-last ${TRAIL} ${whole}`]],
    ['its end exactly 2 h 30 min ago', '16:30:00', [`after-last ${TRAIL} ${whole}`]],
    ['its end a second less ago', '16:29:59', [`after-last ${TRAIL} 10:00:00-13:59:59`, `too-recent ${TRAIL} 13:59:59-14:00:00`]],
    [
      'its start a second more than 2 h 30 min ago',
      '12:30:01',
      [`after-last ${TRAIL} 10:00:00-10:00:01`, `too-recent ${TRAIL} 10:00:01-14:00:00`],
    ],
    ['its start exactly 2 h 30 min ago', '12:30:00', [`too-recent ${TRAIL} ${whole}`]],
    ['its start less ago', '12:29:59', [`too-recent ${TRAIL} ${whole}`]],
    ['all of it in the future', '09:00:00', [`too-recent ${TRAIL} ${whole}`]],
  ]
  for (const [sentence, now, gaps] of rows) {
    const run = await verify(at, on('08:00:00'), on('14:00:00'), { now: new Date(on(now)) })
    t.strictSame([run.verdict, run.gaps], ['unverified', gaps], sentence)
    t.equal(run.summary.summary.endTime, iso(on('14:00:00')), `${sentence}: the range is the one that was asked`)
  }
})

t.test('default start: the end of the oldest digest', async (t) => {
  const world = hours(4, {})
  const end = on('12:00:00')
  const starting = await verify(source(world.store), null, end)
  t.strictSame([starting.verdict, starting.judged.length], ['valid', 4], 'of a starting digest, which is not judged')
  t.equal(starting.summary.summary.startTime, iso(on('08:00:00')), 'where logging started')
  t.notMatch(starting.summary.notChecked.join('\n'), 'follows', 'a starting digest follows none')

  world.store.delete(world.digest(0), world.digest(1), world.log(1))
  const middle = await verify(source(world.store), null, end)
  t.strictSame([middle.verdict, middle.codes, middle.judged], ['valid', [], ['11:00:00', '12:00:00']], 'of any other, too')
  t.equal(middle.summary.summary.startTime, iso(on('10:00:00')), 'its own hour is not proven')
  const said = middle.summary.notChecked.filter((sentence) => sentence.includes(uri(world.digest(1))))
  t.equal(said.length, 1, 'that its predecessor is not here is said in notChecked')

  world.store.delete(world.log(2))
  const expired = await verify(source(world.store), null, end)
  t.strictSame([expired.verdict, expired.codes], ['valid', []], 'the log files of the oldest may have expired')

  world.store.delete(world.log(3))
  const missing = await verify(source(world.store), null, end)
  t.strictSame([missing.verdict, missing.codes], ['invalid', ['LOG_FILE_MISSING']], 'those of the second may not')
})

t.test('default start is each chain’s own', async (t) => {
  const world = hours(4)
  world.also({ region: 'eu-west-1', start: iso(on('10:00:00')) }, 2)
  const run = await verify(source(world.store), null, on('12:00:00'))
  t.strictSame([run.verdict, run.gaps], ['valid', []], 'a younger chain has no gap before it')
  t.strictSame(
    run.summary.chains.map(({ startTime }) => short(startTime)),
    ['10:00:00', '08:00:00'],
    'each has its own',
  )
  t.equal(run.summary.summary.startTime, iso(on('10:00:00')), 'the run is valid from the latest')
})

t.test('default end of an export: ten minutes before the newest valid digestEndTime over all chains', async (t) => {
  const rows: readonly [sentence: string, euStart: string, gaps: readonly string[], end: string][] = [
    ['a chain that ends at the same time', '10:00:00', [], '11:50:00'],
    ['one that ends nine minutes earlier', '09:51:00', [], '11:50:00'],
    ['one that ends 2 h 29 min 59 s earlier has no gap', '07:30:01', [], '09:20:01'],
    ['one that ends 2 h 30 min earlier has one', '07:30:00', [`after-last ${TRAIL} 09:30:00-11:50:00`], '11:50:00'],
  ]
  for (const [sentence, start, gaps, end] of rows) {
    const world = hours(4)
    world.also({ region: 'eu-west-1', start: iso(on(start)) }, 2)
    const run = await verify(source(world.store), null, null, { now: new Date(on('15:00:00')) })
    t.strictSame([run.verdict, run.gaps], [gaps.length === 0 ? 'valid' : 'unverified', gaps], sentence)
    const ends = new Map(run.summary.chains.map(({ region, endTime }) => [region, short(endTime)]))
    t.equal(ends.get('us-east-1'), '11:50:00', `${sentence}: the newest chain’s end`)
    const earliest = [...ends.values()].sort()[0]
    t.equal(short(run.summary.summary.endTime ?? ''), earliest, `${sentence}: the run is valid to the earliest end`)
    if (gaps.length > 0 || end < '11:50:00') t.equal(ends.get('eu-west-1'), end, `${sentence}: its own end`)
  }
})

t.test('default end of an export: only valid digests move it', async (t) => {
  const now = new Date(on('15:00:00'))
  const world = hours(3, {})
  const last = world.digest(3)
  lose(world, last)
  const unsigned = await verify(source(world.store), null, null, { now })
  t.strictSame([unsigned.verdict, unsigned.codes], ['valid', ['LOG_FILE_PENDING note']], 'not one that lacks only a signature')
  t.equal(unsigned.summary.summary.endTime, iso(on('09:50:00')), 'ten minutes before the newest that is proven')
  t.equal(unsigned.summary.notChecked.filter((one) => one.includes(uri(last))).length, 1, 'which is named in notChecked')
  t.notOk(unsigned.judged.includes('11:00:00'), 'and not judged')
  t.equal(unsigned.summary.summary.logFiles.pending, 1, 'what only it lists is pending')

  const forger = world.also({ trail: TRAIL, start: '2031-01-01T00:00:00Z' })
  const far = forger.digest({ ...quiet, metadata: () => ({}) })
  const later = await verify(source(world.store), null, null, { now })
  t.strictSame([later.verdict, later.summary.summary.endTime], ['valid', iso(on('09:50:00'))], 'nor one of the year 2031')
  t.equal(later.summary.notChecked.filter((one) => one.includes(uri(far))).length, 1, 'named as well')

  const asked = await verify(source(world.store), null, on('11:00:00'), { now })
  t.strictSame(
    asked.codes,
    ['DIGEST_SIGNATURE_MISSING', 'COVERAGE_GAP', 'LOG_FILE_CLAIM_UNTRUSTED'],
    'with an end asked it is judged',
  )
})

t.test('default end of an export: an unsigned digest before it is judged', async (t) => {
  const world = hours(4)
  const ireland = world.also({ region: 'eu-west-1', start: iso(on('07:30:00')) }, 3)
  const [, , , last] = ireland.digests
  if (last !== undefined) lose(world, last)
  const run = await verify(source(world.store), null, null, { now: new Date(on('15:00:00')) })
  t.equal(run.verdict, 'unverified', 'the chain ends 2 h 30 min before the newest of all')
  t.strictSame(
    run.gaps,
    [`digest-invalid ${TRAIL} 09:30:00-10:30:00`, `after-last ${TRAIL} 10:30:00-11:50:00`],
    'its hours are open',
  )
  t.ok(run.codes.includes('DIGEST_SIGNATURE_MISSING'), 'and it is named as a finding')
})

t.test('default end of a live store: 2 h 30 min before now', async (t) => {
  const { store } = hours(2)
  const exact = await verify(source(store, 'store'), null, null, { now: new Date(on('12:30:00')) })
  t.strictSame([exact.verdict, exact.gaps], ['valid', []], 'a chain that ends there covers it')
  t.equal(exact.summary.summary.endTime, iso(on('10:00:00')), 'that is the end')
  const late = await verify(source(store, 'store'), null, null, { now: new Date(on('12:30:01')) })
  t.strictSame([late.verdict, late.gaps], ['unverified', [`after-last ${TRAIL} 10:00:00-10:00:01`]], 'a second later it does not')
  const before = await verify(source(store, 'store'), null, null, { now: new Date(on('12:29:59')) })
  t.strictSame([before.verdict, before.summary.summary.endTime], ['valid', iso(on('09:59:59'))], 'a second before')
})

t.test('on a live store without an end, claims on log files named after the default end are not of this run', async (t) => {
  const world = hours(3)
  const later = world.trail.digest({ logs: [40] })
  world.store.delete(...later.logs)
  const run = await verify(source(world.store, 'store'), null, null, { now: new Date(on('12:30:00')) })
  t.strictSame(
    [run.verdict, run.codes, run.summary.summary.endTime],
    ['valid', [], iso(on('10:00:00'))],
    'not there, named after it',
  )
})

t.test('every combination of the values given that matches no digest in the range', async (t) => {
  const world = hours(3)
  world.also({ accountId: '444455556666', region: 'eu-west-1', trail: 'data-events', start: START }, 3)
  const accountIds = ['111122223333', '444455556666']
  const regions = ['us-east-1', 'eu-west-1']
  const trails = [TRAIL, 'data-events']
  const run = await verify(source(world.store), on('08:00:00'), on('10:00:00'), { accountIds, regions, trails })
  const gaps = run.findings.filter((found) => found.kind === 'gap')
  t.strictSame(
    gaps.map(({ reason, accountId, region, trail }) => [reason, accountId, region, trail]),
    [
      ['not-found', '111122223333', 'us-east-1', 'data-events'],
      ['not-found', '111122223333', 'eu-west-1', TRAIL],
      ['not-found', '111122223333', 'eu-west-1', 'data-events'],
      ['not-found', '444455556666', 'us-east-1', TRAIL],
      ['not-found', '444455556666', 'us-east-1', 'data-events'],
      ['not-found', '444455556666', 'eu-west-1', TRAIL],
    ],
    'six of eight',
  )
  t.ok(
    gaps.every(({ startTime, endTime }) => startTime === iso(on('08:00:00')) && endTime === iso(on('10:00:00'))),
    'each for the whole range',
  )
  const one = await verify(source(world.store), on('08:00:00'), on('10:00:00'), { trails: ['data-events'] })
  t.strictSame([one.verdict, one.gaps], ['valid', []], 'what is not given is any')
  t.strictSame(
    one.summary.chains.map(({ trail }) => trail),
    ['data-events'],
    'and only what is asked is judged',
  )
})

t.test('a digest at the border of the range is not in it', async (t) => {
  const world = hours(2)
  world.also({ trail: 'data-events', start: iso(on('11:00:00')) }, 1)
  const trails = [TRAIL, 'data-events']
  const border = await verify(source(world.store), on('08:00:00'), on('10:00:00'), { trails })
  t.ok(border.gaps.includes('not-found data-events 08:00:00-10:00:00'), 'its starting digest begins at the end')
  const inside = await verify(source(world.store), on('08:00:00'), on('10:00:01'), { trails })
  t.notOk(
    inside.gaps.some((gap) => gap.startsWith('not-found')),
    'it begins a second before the end',
  )
})

t.test('--trail narrows what is judged, not what is read', async (t) => {
  const world = hours(4)
  const other = world.also({ trail: 'data-events', start: START })
  other.start()
  other.digest({ logs: [25] })
  other.digest({ ...quiet, ...byAttacker })
  const trails = [TRAIL]
  const run = await verify(source(world.store), on('08:00:00'), on('10:00:00'), { trails })
  t.strictSame(
    [run.verdict, run.codes],
    ['valid', []],
    'a log file that only the other lists is not unlisted; its forged digest not judged',
  )
  t.strictSame([...new Set(run.digests.map(({ trail }) => trail))], trails, 'digests of that trail only')
  const both = await verify(source(world.store), on('08:00:00'), on('10:00:00'))
  t.equal(both.verdict, 'invalid', 'without narrowing they are judged')
})

t.test('nothing but a valid digest of its own covers an hour of a chain', async (t) => {
  const hole = `chain-restarted ${TRAIL} 09:00:00-10:00:00`
  const build = (also: (world: World) => void): World => {
    const world = hours(1)
    world.trail.start(60)
    world.trail.hours(2, quiet)
    also(world)
    return world
  }
  const rows: readonly [sentence: string, world: World][] = [
    ['its starting digest bears the hour and does not cover it', build(() => undefined)],
    ['another trail', build((world) => world.also({ trail: 'data-events', start: START }, 5))],
    ['another account', build((world) => world.also({ accountId: '444455556666', start: START }, 5))],
    ['another region', build((world) => world.also({ region: 'eu-west-1', start: START }, 5))],
    ['another home region', build((world) => world.also({ homeRegion: 'us-west-2', start: START }, 5))],
    ['another organization', build((world) => world.also({ organizationId: 'o-exampleorgid', start: START }, 5))],
    ['its backfill digests', build((world) => world.also({ backfill: true, start: iso(on('09:00:00')) }).hours(1, quiet))],
  ]
  for (const [sentence, world] of rows) {
    const run = await verify(source(world.store), on('08:00:00'), on('11:00:00'))
    t.strictSame([run.verdict, run.gaps], ['unverified', [hole]], sentence)
    const chain = run.summary.chains.find(({ trail, kind, accountId, organizationId, homeRegion, region }) => {
      return (
        trail === TRAIL &&
        kind === 'standard' &&
        `${accountId}${organizationId}${homeRegion}${region}` === '111122223333nullus-east-1us-east-1'
      )
    })
    t.strictSame(
      chain?.coverage.map(({ startTime, verdict, reason }) => [short(startTime), verdict, reason]),
      [
        ['08:00:00', 'valid', null],
        ['09:00:00', 'unverified', 'chain-restarted'],
        ['10:00:00', 'valid', null],
      ],
      `${sentence}: its coverage has the hole`,
    )
  }
})

t.test('stopping and starting once an hour covers nothing', async (t) => {
  const world = hours(0)
  for (let hour = 0; hour < 4; hour++) world.trail.start(HOUR / MINUTE)
  const run = await verify(source(world.store), on('09:00:00'), on('12:00:00'))
  t.strictSame(
    [run.verdict, run.summary.summary.digests.valid > 0],
    ['unverified', true],
    'its digests are valid, its hours are not',
  )
  t.match(run.gaps, [/ 09:00:00-12:00:00$/], 'all hours are open')
})

t.test('a chain that was there before the range, and restarted in it, was restarted', async (t) => {
  const world = hours(1)
  world.trail.start(4 * 60)
  world.trail.hours(2, quiet)
  const run = await verify(source(world.store), on('12:00:00'), on('15:00:00'))
  t.strictSame(run.gaps, [`chain-restarted ${TRAIL} 12:00:00-13:00:00`], 'its older digests ended hours before the range')
})

t.test('a chain that begins in the range', async (t) => {
  const run = await verify(source(hours(2).store), on('07:00:00'), on('10:00:00'))
  t.strictSame([run.verdict, run.gaps], ['unverified', [`before-first ${TRAIL} 07:00:00-08:00:00`]], 'has a gap before it')
})

/** A digest that no other links to, put between the digests of a chain. */
function between(world: World, endTime: number, options: DigestOptions = {}): DigestFile {
  const { trail } = world
  const { now, last } = trail
  trail.now = endTime - HOUR
  const digest = trail.digest({ ...quiet, ...options })
  trail.now = now
  trail.last = last
  return digest
}

t.test('DIGEST_OUT_OF_CHAIN: its time lies inside a proven run, and no valid link leads to it', async (t) => {
  const unsigned: DigestOptions = { metadata: () => ({}) }
  const rows: readonly [sentence: string, end: string, options: DigestOptions, code: string][] = [
    ['unsigned, inside the run', '10:30:00', unsigned, 'DIGEST_OUT_OF_CHAIN'],
    ['signed by CloudTrail, inside the run', '10:30:00', {}, 'DIGEST_OUT_OF_CHAIN'],
    ['signed by another, inside the run', '10:30:00', byAttacker, 'DIGEST_OUT_OF_CHAIN'],
    ['no digest at all, inside the run', '10:30:00', { text: () => 'not JSON' }, 'DIGEST_OUT_OF_CHAIN'],
    ['unsigned, a second after the run began', '08:00:01', unsigned, 'DIGEST_OUT_OF_CHAIN'],
    ['unsigned, a second before the run ends', '11:59:59', unsigned, 'DIGEST_OUT_OF_CHAIN'],
    ['unsigned, a second after the run ends', '12:00:01', unsigned, 'DIGEST_SIGNATURE_MISSING'],
    ['no digest at all, after the run ends', '12:00:01', { text: () => 'not JSON' }, 'DIGEST_MALFORMED'],
  ]
  for (const [sentence, end, options, code] of rows) {
    const world = hours(4)
    const planted = between(world, on(end), options)
    const run = await verify(source(world.store), on('07:30:00'), on('12:30:00'))
    const about = run.findings.filter(({ object }) => object === uri(planted))
    t.strictSame(
      about.map((found) => found.code),
      [code],
      sentence,
    )
    const found = run.digests.find(({ object }) => object === uri(planted))
    t.equal(found?.verdict, code === 'DIGEST_SIGNATURE_MISSING' ? 'unverified' : 'invalid', `${sentence}: its verdict`)
    t.equal(run.summary.summary.digests.outOfChain, code === 'DIGEST_OUT_OF_CHAIN' ? 1 : 0, `${sentence}: counted`)
    const genuine = run.digests.filter(({ object }) => object !== uri(planted))
    t.ok(
      genuine.every(({ verdict }) => verdict === 'valid'),
      `${sentence}: the genuine digests stay valid`,
    )
  }
})

t.test('a validly signed digest that the link skips breaks the link, and not the digest that carries it', async (t) => {
  const world = hours(4)
  between(world, on('10:30:00'))
  const run = await verify(source(world.store), on('08:00:00'), on('12:00:00'))
  const broken = run.findings.find(({ code }) => code === 'DIGEST_LINK_BROKEN')
  t.match(broken, { reason: 'skips', object: uri(world.digest(3)) }, 'the first digest after it carries the link')
  const carrier = run.digests.find(({ object }) => object === uri(world.digest(3)))
  t.equal(carrier?.verdict, 'valid', 'the digest that carries it stays valid')
  t.strictSame([run.verdict, run.summary.chains[0]?.verdict], ['invalid', 'invalid'], 'chain and run are invalid')
})

t.test('what lies between two runs is in none', async (t) => {
  const world = hours(1)
  world.trail.start(180)
  world.trail.hours(1, quiet)
  const planted = between(world, on('10:00:00'), { metadata: () => ({}) })
  const run = await verify(source(world.store), on('08:00:00'), on('13:00:00'))
  const about = run.findings.filter(({ object }) => object === uri(planted))
  t.strictSame(
    about.map(({ code }) => code),
    ['DIGEST_SIGNATURE_MISSING'],
    'an unsigned digest lacks a signature there',
  )
})

t.test('a starting digest that overlaps the final one is in order', async (t) => {
  const rows: readonly [sentence: string, finalMinutes: number, pause: number][] = [
    ['started 10 minutes after the stop', 50, 10],
    ['started a minute after the stop', 30, 1],
    ['started an hour after the stop', 30, 60],
  ]
  for (const [sentence, minutes, pause] of rows) {
    const world = hours(2)
    world.trail.digest({ ...quiet, minutes })
    const stopped = world.trail.now
    const started = world.trail.start(pause).endTime
    world.trail.hours(2, quiet)
    const run = await verify(source(world.store), on('08:00:00'), on('12:00:00'))
    t.notOk(
      run.codes.some((code) => code.startsWith('DIGEST_')),
      `${sentence}: no finding about a digest`,
    )
    const gap = `chain-restarted ${TRAIL} ${short(iso(stopped))}-${short(iso(started))}`
    t.strictSame([run.verdict, run.gaps], ['unverified', [gap]], `${sentence}: only the time between is open`)
  }
})

t.test('a run goes on through a bucket’s listing in any trail order', async (t) => {
  const world = hours(3)
  const names = ['aaa', 'zzz', `${TRAIL}_us-east-1_x`]
  const trails: Trail[] = names.map((trail) => world.also({ trail, start: START }, 3))
  const run = await verify(source(world.store), on('08:00:00'), on('11:00:00'))
  t.strictSame([run.verdict, run.summary.chains.length, run.codes], ['valid', trails.length + 1, []], 'four trails of one region')
  t.strictSame(
    run.summary.chains.map(({ trail }) => trail),
    ['aaa', TRAIL, `${TRAIL}_us-east-1_x`, 'zzz'],
    'by name',
  )
})

t.test('backfill digests: order and runs follow links, not dates', async (t) => {
  const world = hours(4)
  const backfill = world.also({ backfill: true, start: iso(on('09:00:00')) })
  backfill.digest(quiet)
  backfill.now = on('07:00:00')
  backfill.digest(quiet)
  backfill.now = on('10:00:00')
  backfill.digest(quiet)
  const run = await verify(source(world.store), on('08:00:00'), on('12:00:00'))
  t.strictSame([run.verdict, run.codes], ['valid', []], 'dates go back and forth')
  t.ok(
    run.digests.some(({ chainKind }) => chainKind === 'backfill'),
    'those in the range are judged',
  )
})

t.test('what cannot be seen is always said', async (t) => {
  const always = [/other trails, accounts or regions/, /listed only by a backfill digest/, /configured to record/]
  for (const world of [hours(0), hours(2)]) {
    const { summary } = await verify(source(world.store), on('08:00:00'), on('09:00:00'))
    for (const sentence of always)
      t.ok(
        summary.notChecked.some((one) => sentence.test(one)),
        `${sentence}`,
      )
  }
})
