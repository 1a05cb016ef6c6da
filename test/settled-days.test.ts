/** What a state keeps of days that were whole stands in for them as long as nothing in the bucket speaks against it, and no longer. */
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { generate } from '../bench/generated-source.js'
import type { CarriedOverResult } from '../src/core/results.js'
import {
  type Finding,
  type Gap,
  mergeShards,
  type PublicKeySource,
  readPublicKeyFile,
  type ShardReport,
  type ShardRequest,
  type Summary,
  verifyTrail,
} from '../src/index.js'
import { s3Source } from '../src/s3.js'
import { StateFile } from '../src/state/state-file.js'
import { faultyStore, objectsOf } from './support/faulty-store.js'
import type { PutObject } from './support/put-objects.js'

/** From 10 January to 5 March: February is over. */
const DAYS = 54
const BEFORE = Date.parse('2026-05-01T00:00:00Z')
const SINCE = Date.parse('2026-05-02T00:00:00Z')
const NOW = new Date('2026-06-01T00:00:00Z')
const DIGESTS = DAYS * 24 + 1
/** Those of the first days, where the range begins, and of the last, of which more may come. */
const OPEN = 2 * 24 + 2 * 24 + 1

/** Digests that a run reads before it knows of which account they are. */
const SURVEYED = 2

const folder = mkdtempSync(join(tmpdir(), 'verify-trail-settled-'))
Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' })

const { bucket, source, publicKeyList, startTime, endTime } = generate({
  accounts: 1,
  regions: 1,
  hours: DAYS * 24,
  logFilesPerHour: 1,
  logFileBytes: 200,
})
const objects = new Map<string, PutObject>()
for (const [key, object] of await objectsOf(source)) objects.set(key, { ...object, modified: BEFORE })
writeFileSync(join(folder, 'keys.json'), publicKeyList)
const given = await readPublicKeyFile(join(folder, 'keys.json'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

interface Told {
  /** All but what is told of objects one by one. */
  readonly said: readonly string[]
  readonly codes: readonly string[]
  readonly carriedOver: CarriedOverResult | undefined
  readonly reads: number
  readonly report: ShardReport
}

interface Range {
  readonly startTime?: string
  readonly endTime?: string
}

interface Asked {
  readonly publicKeys?: PublicKeySource
  readonly range?: Range
  readonly recheck?: number
  readonly shard?: ShardRequest
  readonly now?: Date
}

/** `path`: of the state, where there is one. */
async function run(
  path?: string,
  { publicKeys = given, range = { startTime, endTime }, recheck, shard, now = NOW }: Asked = {},
): Promise<Told> {
  const store = await faultyStore({ bucket, objects, publicKeys: {} })
  const s3 = await s3Source(`s3://${bucket}`, { endpointUrl: store.url, retryDelay: 1 })
  const state = path === undefined ? undefined : await StateFile.open({ path, binding: {}, asOf: now, recheck })
  const found: (Finding | Gap)[] = []
  let summary: Summary | undefined
  let carriedOver: CarriedOverResult | undefined
  for await (const result of verifyTrail({
    sources: [s3],
    publicKeys,
    ...range,
    now,
    workers: 0,
    ...(state && { state }),
    ...(shard && { shard }),
  })) {
    if (result.kind === 'carried-over') carriedOver = result
    else if (result.kind === 'summary') summary = result
    else if (result.kind === 'finding' || result.kind === 'gap') found.push(result)
  }
  const reads = store.requestsOf('log file') + store.requestsOf('digest')
  await state?.end(null)
  await state?.close()
  await s3.close?.()
  store.close()
  if (summary === undefined) throw new Error('no summary')
  const said = [...found, { ...summary, run: null }].map((result) => JSON.stringify(result))
  const report = { name: 'report', summary, findings: () => found }
  return { said, codes: found.map(({ code }) => code), carriedOver, reads, report }
}

const keysOf = (part: string, day: string): string[] =>
  [...objects.keys()].filter((key) => key.includes(part) && key.includes(`/${day}/`))
const put = (key: string, change: Partial<PutObject>): void => {
  const object = objects.get(key)
  if (object === undefined) throw new Error(key)
  objects.set(key, { ...object, modified: SINCE, ...change })
}
const logFile = (day: string): string => keysOf('/CloudTrail/', day)[5] ?? ''
const digest = (day: string, at = 5): string => keysOf('/CloudTrail-Digest/', day).at(at) ?? ''
const nothing = Buffer.from('nothing')
/** What nobody signed: the log files of so many days, none of which is there. */
function plantDigest(days: number): void {
  const key = digest('2026/03/04').replace('management-events', 'planted')
  const body = JSON.parse(gunzipSync(objects.get(digest('2026/03/04'))?.bytes ?? '').toString())
  const [log] = body.logFiles
  const logFiles = Array.from({ length: days }, (_, n) => {
    const day = new Date(Date.parse('2026-01-15') + n * 24 * 3_600_000).toISOString().slice(0, 10)
    const planted = log.s3Object.replace('2026/03/04', day.replaceAll('-', '/')).replace('20260304', day.replaceAll('-', ''))
    return { ...log, s3Object: planted.replace(/.{8}\.json/, 'PLANTED0.json') }
  })
  const bytes = gzipSync(JSON.stringify({ ...body, digestS3Object: key, logFiles }))
  objects.set(key, { bytes, modified: SINCE })
}
/** February is one entry: all of it is read. */
const MONTH = 28 * 24

const first = join(folder, 'first')
const whole = await run(first)

t.test('what is whole and over is settled: it is not read again, and the state is small', async (t) => {
  t.equal(whole.carriedOver, undefined)
  t.same(whole.codes, [])
  const path = join(folder, 'untouched')
  copyFileSync(first, path)
  const night = await run(path)
  t.same(night.said, whole.said)
  t.equal(night.carriedOver?.digests, DIGESTS - OPEN)
  t.ok(night.reads <= SURVEYED)
  const size = statSync(path).size
  t.ok(size < 300_000, `${size} bytes`)
  const third = await run(path)
  t.same(third.said, whole.said, 'and again')
  const more = statSync(path).size - size
  t.ok(more < 1000, `${more} bytes more`)
})

t.test('whatever is asked, what is settled is not read again', async (t) => {
  const asked: readonly Range[] = [{}, { startTime: '2026-01-20T10:00:00Z' }, { startTime: '2026-01-20', endTime: '2026-03-01' }]
  for (const range of asked) {
    const path = join(folder, 'asked')
    rmSync(path, { force: true })
    const once = await run(path, { range })
    const again = await run(path, { range })
    t.same(again.said, once.said)
    t.ok((again.carriedOver?.digests ?? 0) > 30 * 24, `${again.carriedOver?.digests}`)
    t.ok(again.reads <= SURVEYED, JSON.stringify(range))
  }
})

t.test('what lies after the range is not carried over', async (t) => {
  for (const at of ['2026-02-20T00:00:00Z', '2026-01-11T12:00:00Z', '2026-01-10T00:00:00Z']) {
    const path = join(folder, 'earlier')
    copyFileSync(first, path)
    const [night, fresh] = [
      await run(path, { range: {}, now: new Date(at) }),
      await run(undefined, { range: {}, now: new Date(at) }),
    ]
    t.same(night.said, fresh.said, at)
    t.same((await run(path)).said, whole.said, 'and later all is')
  }
})

t.test('what expired leaves the state', async (t) => {
  const before = new Map(objects)
  const path = join(folder, 'expired')
  copyFileSync(first, path)
  const size = statSync(path).size
  const expire = (days: readonly string[]): void => {
    for (const day of days) for (const key of [...objects.keys()]) if (key.includes(`/2026/01/${day}/`)) objects.delete(key)
  }
  expire(['10', '11', '12'])
  await run(path, { range: { endTime } })
  for (const day of ['13', '14', '15', '16', '17', '18']) {
    expire([day])
    const night = await run(path, { range: { endTime } })
    t.ok(night.reads <= 2 * 48 + SURVEYED, `${night.reads} objects are read`)
    t.same(night.codes, [])
  }
  t.ok(statSync(path).size < size * 1.1, `${statSync(path).size} bytes after ${size}`)
  objects.clear()
  for (const [key, object] of before) objects.set(key, object)
})

t.test('an account and region that is gone leaves the state', async (t) => {
  const before = new Map(objects)
  const path = join(folder, 'gone')
  copyFileSync(first, path)
  objects.clear()
  const [night, fresh] = [await run(path), await run()]
  t.same(night.said, fresh.said)
  t.ok(statSync(path).size < 3000, `${statSync(path).size} bytes`)
  for (const [key, object] of before) objects.set(key, object)
})

t.test('of shards that share the months of an account and region, each digest is carried over once', async (t) => {
  const [, accountId = '', region = ''] = /AWSLogs\/([^/]+)\/CloudTrail\/([^/]+)\//.exec(logFile('2026/02/10')) ?? []
  const borders = [`/${accountId}/${region}/2026-02`]
  const reports: ShardReport[] = []
  for (const index of [1, 2]) {
    const shard = { index, of: 2, borders }
    const path = join(folder, `shard-${index}`)
    await run(path, { shard })
    reports.push((await run(path, { shard })).report)
  }
  let merged: Summary | undefined
  for await (const result of mergeShards(reports)) if (result.kind === 'summary') merged = result
  const { digests, logFiles, bytes } = merged?.run.state?.carriedOver ?? {}
  const [one] = reports.map(({ summary }) => summary.run.state?.carriedOver)
  t.equal(digests, DIGESTS)
  t.equal(logFiles, merged?.summary.logFiles.valid)
  t.equal(one?.digests, DIGESTS, 'though each shard carries all of them over')
  t.ok(Number(bytes) < 1.5 * Number(one?.bytes), `${bytes} bytes, ${one?.bytes} of the first`)
})

interface Case {
  readonly name: string
  readonly change: () => void
  /** What is found then. */
  readonly codes: readonly string[]
  /** How many digests are read again. */
  readonly again: number
  readonly asked?: Asked
}

const CASES: readonly Case[] = [
  {
    name: 'a log file was written again with the same bytes',
    change: () => put(logFile('2026/01/20'), {}),
    codes: [],
    again: 48,
  },
  {
    name: 'a log file was changed',
    change: () => put(logFile('2026/01/20'), { bytes: nothing }),
    codes: ['LOG_FILE_MALFORMED'],
    again: 48,
  },
  { name: 'a log file was deleted', change: () => objects.delete(logFile('2026/01/20')), codes: ['LOG_FILE_MISSING'], again: 48 },
  {
    name: 'a log file of a month that is over was deleted',
    change: () => objects.delete(logFile('2026/02/10')),
    codes: ['LOG_FILE_MISSING'],
    again: MONTH + 24,
  },
  {
    name: 'a log file was added',
    change: () =>
      objects.set(logFile('2026/01/20').replace(/.{3}\.json\.gz$/, 'ZZZ.json.gz'), { bytes: nothing, modified: SINCE }),
    codes: ['LOG_FILE_UNLISTED'],
    again: 48,
  },
  {
    name: 'a log file was put into a folder of another family',
    change: () =>
      objects.set(logFile('2026/01/20').replaceAll('CloudTrail', 'CloudTrail-Insight'), { bytes: nothing, modified: SINCE }),
    codes: ['LOG_FILE_UNCOVERED'],
    again: 48,
  },
  { name: 'a digest was written again with the same bytes', change: () => put(digest('2026/01/20'), {}), codes: [], again: 24 },
  {
    name: 'a digest was changed',
    change: () => put(digest('2026/01/20'), { bytes: nothing }),
    codes: ['DIGEST_MALFORMED', 'COVERAGE_GAP', 'LOG_FILE_UNCOVERED'],
    again: 48,
  },
  {
    name: 'the last digest of a day was deleted',
    change: () => objects.delete(digest('2026/01/20', -1)),
    codes: ['DIGEST_MISSING', 'COVERAGE_GAP', 'LOG_FILE_UNCOVERED'],
    again: 48,
  },
  {
    name: 'a file was put into a digest folder',
    change: () => objects.set(`${digest('2026/01/20')}.txt`, { bytes: nothing, modified: SINCE }),
    codes: ['DIGEST_OUT_OF_CHAIN'],
    again: 24,
  },
  {
    name: 'a digest that nobody signed lists its log files',
    change: () => plantDigest(1),
    codes: ['DIGEST_SIGNATURE_MISSING', 'LOG_FILE_CLAIM_UNTRUSTED'],
    again: 48,
  },
  {
    name: 'a digest that nobody signed lists log files of more days than CloudTrail puts into one',
    change: () => plantDigest(32),
    codes: ['DIGEST_SIGNATURE_MISSING', 'LOG_FILE_CLAIM_UNTRUSTED'],
    again: DIGESTS - OPEN,
  },
  { name: 'all is to be read again', change: () => undefined, codes: [], again: DIGESTS - OPEN, asked: { recheck: 1 } },
]

for (const { name, change, codes, again, asked } of CASES) {
  t.test(`a day is read again where ${name}`, async (t) => {
    const before = new Map(objects)
    const path = join(folder, 'changed')
    copyFileSync(first, path)
    change()
    const [night, fresh] = [await run(path, asked), await run(undefined, asked)]
    const next = await run(path)
    t.same(night.said, fresh.said, 'as without a state')
    t.same([...new Set(fresh.codes)], codes)
    t.equal(DIGESTS - OPEN - (night.carriedOver?.digests ?? 0), again, 'digests are read again')
    t.same(next.said, fresh.said, 'and so is the night after it')
    objects.clear()
    for (const [key, object] of before) objects.set(key, object)
  })
}
