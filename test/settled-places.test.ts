/** Settled days where more than one standard chain in one place is at stake: several places that stand for one bucket, moves, and none. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { keyFile } from '../fixtures/case.js'
import { gzip } from '../fixtures/gzip.js'
import { publicKeyEntry, testKey } from '../fixtures/keys.js'
import { ObjectStore } from '../fixtures/store.js'
import { HOUR, MINUTE, Trail } from '../fixtures/trail.js'
import { readPublicKeyFile, type VerifyTrailOptions, verifyTrail } from '../src/index.js'
import { s3Source } from '../src/s3.js'
import { StateFile } from '../src/state/state-file.js'
import { faultyStore } from './support/faulty-store.js'
import { difference, Listener, type Told } from './support/nights/compare.js'
import type { PutObject } from './support/put-objects.js'

const VALID = { ValidityStartTime: '2026-01-01T00:00:00Z', ValidityEndTime: '2026-12-31T00:00:00Z' }
const FORGED = gzip(Buffer.from('{"Records":[]}'))

const folder = mkdtempSync(join(tmpdir(), 'verify-trail-places-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' })
writeFileSync(join(folder, 'keys.json'), keyFile([publicKeyEntry(testKey('march'), VALID)]))
const publicKeys = await readPublicKeyFile(join(folder, 'keys.json'))

type Buckets = ReadonlyMap<string, Map<string, PutObject>>

async function told(buckets: Buckets, options: Omit<VerifyTrailOptions, 'sources'>): Promise<Told> {
  const stores = await Promise.all(
    [...buckets].map(async ([bucket, objects]) => ({ bucket, store: await faultyStore({ bucket, objects, publicKeys: {} }) })),
  )
  const sources = await Promise.all(
    stores.map(({ bucket, store: { url } }) => s3Source(`s3://${bucket}`, { endpointUrl: url, retryDelay: 1 })),
  )
  const listener = new Listener()
  for await (const result of verifyTrail({ sources, publicKeys, workers: 0, ...options })) listener.hear(result)
  for (const source of sources) await source.close?.()
  for (const { store } of stores) store.close()
  const said = listener.told()
  if (said === undefined) throw new Error('no summary')
  return said
}

interface Case {
  readonly name: string
  readonly original: ObjectStore
  readonly buckets: Buckets
  /** Which of the buckets what CloudTrail writes is copied to. */
  readonly into: (bucket: string, key: string) => string
  readonly grow: (until: number, isLast: boolean) => void
  readonly nights: readonly string[]
  /** What the attacker puts before the last night. */
  readonly plant: (now: number) => readonly [bucket: string, key: string]
  readonly options: (now: number) => Partial<VerifyTrailOptions>
}

function bucketsOf(...names: readonly string[]): Buckets {
  return new Map(names.map((name) => [name, new Map()]))
}

function replicas(): Case {
  const original = new ObjectStore()
  const at = { store: original, bucket: 'original', start: '2026-02-27T00:30:00Z' }
  const [one, two] = [new Trail(at), new Trail({ ...at, trail: 'data-events' })]
  for (const trail of [one, two]) trail.start()
  return {
    name: 'two trails, each replicated into a bucket of its own, the digests of one a little late',
    original,
    buckets: bucketsOf('replica-one', 'replica-two'),
    into: (_, key) => (key.includes('data-events') ? 'replica-two' : 'replica-one'),
    grow: (until, isLast) => {
      for (const trail of [one, two]) {
        const end = until - (isLast && trail === two ? 100 : 35) * MINUTE
        while (trail.now + HOUR <= end) trail.digest()
      }
    },
    nights: ['2026-03-05T03:10:00Z', '2026-03-06T03:10:00Z', '2026-03-07T03:10:00Z'],
    plant: (now) => ['replica-one', one.logKey(now - 80 * MINUTE, 'PLANTEDxxxxxxxxx')],
    options: () => ({ startTime: '2026-02-28', originalPlace: { bucket: 'original' } }),
  }
}

/** From bucket to bucket: `moves` are when the trail goes to the next one. */
function moved(
  name: string,
  moves: readonly string[],
  insightsIn: string | undefined,
  plantedAs: 'CloudTrail' | 'CloudTrail-Insight',
): Case {
  const original = new ObjectStore()
  const trail = new Trail({ store: original, bucket: 'zero', start: '2026-02-20T00:30:00Z' })
  trail.start()
  return {
    name,
    original,
    buckets: bucketsOf('zero', 'one', 'two'),
    into: (bucket) => bucket,
    grow: (until) => {
      while (trail.now + 6 * HOUR <= until) {
        const [toOne, toTwo] = moves.map((time) => Date.parse(time)) as [number, number]
        trail.bucket = trail.now >= toTwo ? 'two' : trail.now >= toOne ? 'one' : 'zero'
        original.bucket(trail.bucket)
        const isInsight = trail.bucket === insightsIn && new Date(trail.now).toISOString().startsWith('2026-04-0')
        trail.digest({ minutes: 360, logs: [{ minutes: 25, family: isInsight ? 'CloudTrail-Insight' : 'CloudTrail' }] })
      }
    },
    nights: ['2026-05-10T00:35:00Z', '2026-05-15T00:35:00Z', '2026-05-20T00:35:00Z'],
    plant: () => ['one', trail.logKey(Date.parse('2026-05-18T10:00:00Z'), 'PLANTEDxxxxxxxxx', plantedAs)],
    options: (now) => ({ startTime: '2026-02-21', endTime: new Date(now - 5 * MINUTE) }),
  }
}

const CASES: readonly Case[] = [
  replicas(),
  moved(
    'a trail that was in a bucket from one midnight to another of a month that is over',
    ['2026-04-01T18:30:00Z', '2026-04-14T18:30:00Z'],
    undefined,
    'CloudTrail',
  ),
  moved(
    'a trail that left a bucket at midnight, with Insights there',
    ['2026-03-10T12:30:00Z', '2026-04-14T18:30:00Z'],
    'one',
    'CloudTrail-Insight',
  ),
]

/** Writes a state without a key anew, all of its hashes too: every stretch lies in the other place. */
function exchangePlaces(path: string): void {
  let chain = '0'.repeat(64)
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  const edited = lines.map((line) => {
    const text = JSON.stringify(JSON.parse(line).record).replace(/"place":([01])/g, (_, place) => `"place":${1 - place}`)
    chain = createHash('sha256').update(`${chain}\n${text}`).digest('hex')
    return `{"chain":"${chain}","record":${text}}\n`
  })
  writeFileSync(path, edited.join(''))
}

t.test('a state that was edited to say that its digests lie in another place is as none', async (t) => {
  const { original, buckets, into, grow, nights, plant, options } = replicas()
  const path = join(folder, 'edited')
  const codes: unknown[] = []
  for (const [i, night] of nights.entries()) {
    const now = Date.parse(night)
    grow(now, i === nights.length - 1)
    copyWritten(original, buckets, into, now)
    if (i === nights.length - 1) {
      const [bucket, key] = plant(now)
      buckets.get(bucket)?.set(key, { bytes: FORGED, modified: now })
      exchangePlaces(path)
    }
    const asked = { now: new Date(now), ...options(now) }
    const state = await StateFile.open({ path, binding: {}, asOf: new Date(now) })
    const kept = await told(buckets, { ...asked, state })
    await state.end(null)
    await state.close()
    t.equal(difference(kept, await told(buckets, asked)), undefined, night)
    codes.push(kept.codes)
  }
  t.same(codes, [[], [], ['LOG_FILE_UNLISTED']])
})

/** What CloudTrail wrote, an hour ago. */
function copyWritten(original: ObjectStore, buckets: Buckets, into: Case['into'], now: number): void {
  for (const [bucket, objects] of original.buckets)
    for (const [key, { bytes, metadata }] of objects) {
      const copies = buckets.get(into(bucket, key))
      if (copies?.has(key) === false) copies.set(key, { bytes, metadata, modified: now - HOUR })
    }
}

for (const { name, original, buckets, into, grow, nights, plant, options } of CASES) {
  t.test(`what is planted is found with a state as without: ${name}`, async (t) => {
    const path = join(folder, `state-${CASES.findIndex((one) => one.name === name)}`)
    let carriedOver = 0
    let last: Told | undefined
    for (const night of nights) {
      const now = Date.parse(night)
      const isLast = night === nights.at(-1)
      grow(now, isLast)
      copyWritten(original, buckets, into, now)
      if (isLast) {
        const [bucket, key] = plant(now)
        buckets.get(bucket)?.set(key, { bytes: FORGED, modified: now })
      }
      const asked = { now: new Date(now), ...options(now) }
      const state = await StateFile.open({ path, binding: {}, asOf: new Date(now) })
      const kept = await told(buckets, { ...asked, state })
      await state.end(null)
      await state.close()
      last = await told(buckets, asked)
      t.equal(difference(kept, last), undefined, night)
      carriedOver = kept.use?.carriedOver.digests ?? 0
    }
    t.ok(carriedOver > 100, `${carriedOver} digests are carried over`)
    t.equal(last?.verdict, 'invalid')
    t.same(last?.codes, ['LOG_FILE_UNLISTED'])
  })
}

t.test('with backfill digests only, the gap ends where it ends without a state, though one old day is read again', async (t) => {
  const original = new ObjectStore()
  const trail = new Trail({ store: original, bucket: 'original', start: '2026-03-01T00:00:00Z', backfill: true })
  trail.start(0, { minutes: 60 })
  for (let part = 0; part < 56; part++) trail.digest({ minutes: 360, logs: [25, 55] })
  const objects = new Map<string, PutObject>()
  const modified = Date.parse('2026-03-20T00:00:00Z')
  for (const [key, object] of original.bucket('original')) objects.set(key, { ...object, modified })
  const buckets: Buckets = new Map([['original', objects]])
  const old = trail.logs.find(({ key }) => key.includes('/2026/03/05/'))?.key ?? ''
  const asked = { startTime: '2026-02-28' }
  const path = join(folder, 'backfill')
  for (const night of ['2026-03-24T03:10:00Z', '2026-03-25T03:10:00Z', '2026-03-26T03:10:00Z', '2026-03-27T03:10:00Z']) {
    const now = new Date(night)
    if (night.startsWith('2026-03-26')) objects.set(old, { ...(objects.get(old) as PutObject), modified: now.getTime() })
    const state = await StateFile.open({ path, binding: {}, asOf: now })
    const kept = await told(buckets, { ...asked, now, state })
    await state.end(null)
    await state.close()
    const fresh = await told(buckets, { ...asked, now })
    t.equal(difference(kept, fresh), undefined, night)
    t.same(fresh.codes, ['COVERAGE_GAP'])
  }
})
