/** `--state`: killed at any moment and gone on with, the report is the same; the next night reads only what is not as it was. */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { generate } from '../bench/generated-source.js'
import { writeTrail } from '../bench/written-trail.js'
import type { StateUse } from '../src/core/results.js'
import { readPublicKeyFile, verifyTrail } from '../src/index.js'
import { carriedOverSentence } from '../src/reports/carried-over.js'
import { s3Source } from '../src/s3.js'
import { StateFile } from '../src/state/state-file.js'
import { lockState } from '../src/state/state-lock.js'
import { casePath } from './support/cases.js'
import { type Outcome, verifyTrailCommand } from './support/command.js'
import { type Fault, type FaultyStore, faultyStore, objectsOf, send } from './support/faulty-store.js'
import type { PutObject } from './support/put-objects.js'

const TRAIL = { accounts: 1, regions: 2, hours: 6, logFilesPerHour: 30, logFileBytes: 400 }
const ENV = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
const AS_OF = ['--as-of', '2026-06-01T00:00:00Z']
const KILLS = 2
const CONCURRENCY = 4
/** How many journals that were cut off somewhere are gone on with. */
const CUTS = 40

interface Report {
  readonly verdict: string
  readonly run: { readonly state: StateUse }
  readonly findings: readonly { readonly code: string; readonly object: string }[]
}

const folders: string[] = []
t.teardown(() => folders.forEach((folder) => void rmSync(folder, { recursive: true, force: true })))

function fresh(): string {
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-state-'))
  folders.push(folder)
  return folder
}

/** Puts all as if it had been there for long. */
async function storeOf(
  t: Test,
): Promise<{ store: FaultyStore; words: string[]; objects: Map<string, PutObject>; logFiles: string[] }> {
  const { bucket, source, publicKeyList, startTime, endTime } = generate(TRAIL)
  const objects = new Map<string, PutObject>()
  for (const [key, object] of await objectsOf(source))
    objects.set(key, { ...object, modified: Date.parse('2026-05-01T00:00:00Z') })
  const store = await faultyStore({ bucket, objects, publicKeys: {} })
  t.teardown(() => store.close())
  const keys = join(t.testdir({ 'keys.json': publicKeyList }), 'keys.json')
  const words = [`s3://${bucket}`, '--public-keys', keys, '--endpoint-url', store.url, '--json', '--quiet', '--workers', '0']
  const range = ['--start-time', startTime, '--end-time', endTime, '--concurrency', String(CONCURRENCY)]
  const logFiles = [...objects.keys()].filter((key) => !key.includes('-Digest/'))
  return { store, words: [...words, ...range], objects, logFiles }
}

function reportOf({ stdout, stderr }: Outcome): Report {
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

function withoutRun({ stdout, stderr }: Outcome): unknown {
  const { run: _, ...results } = JSON.parse(stdout === '' ? JSON.stringify({ run: {}, stderr }) : stdout)
  return JSON.stringify(results)
}

/** Killed before the store answers so many requests for objects. */
function killedAt(request: number, words: readonly string[], store: FaultyStore): Promise<Outcome> {
  let asked = 0
  return verifyTrailCommand(words, {
    env: ENV,
    started: (child) =>
      store.onRequest((call) => {
        if ((call === 'digest' || call === 'log file') && ++asked === request) child.kill('SIGKILL')
      }),
  })
}

t.test('killed again and again over a store: the report of one run, and nothing read twice', async (t) => {
  const { store, words, logFiles } = await storeOf(t)
  const whole = await verifyTrailCommand([...words, ...AS_OF], { env: ENV })
  t.equal(reportOf(whole).verdict, 'valid')
  store.misbehave(() => null)
  const state = join(fresh(), 'state')
  for (let kill = 0; kill < KILLS; kill++)
    await killedAt(1 + Math.floor(Math.random() * 50), [...words, ...AS_OF, '--state', state], store)
  store.onRequest(() => undefined)
  appendFileSync(state, '{"chain":"torn')
  const last = await verifyTrailCommand([...words, ...AS_OF, '--state', state], { env: ENV })
  t.equal(withoutRun(last), withoutRun(whole), 'the same report')
  t.equal(reportOf(last).run.state.number, 1, 'of the same run')
  t.ok(store.requestsOf('log file') <= logFiles.length + KILLS * CONCURRENCY * 2, 'no more than the window is read twice')
})

/** A store, and runs over it by the library, each with the state that is there. */
async function libraryRuns(t: Test, logFilesPerHour: number) {
  const { bucket, source, publicKeyList, startTime, endTime } = generate({ ...TRAIL, regions: 1, logFilesPerHour })
  const objects = new Map<string, PutObject>()
  for (const [key, object] of await objectsOf(source))
    objects.set(key, { ...object, modified: Date.parse('2026-05-01T00:00:00Z') })
  const store = await faultyStore({ bucket, objects, publicKeys: {} })
  t.teardown(() => store.close())
  t.teardown(inEnvironment(ENV))
  const publicKeys = await readPublicKeyFile(join(t.testdir({ 'keys.json': publicKeyList }), 'keys.json'))
  const path = join(fresh(), 'state')
  const run = async (
    settings: { readonly asOf?: Date; readonly recheck?: number; readonly end?: boolean } = {},
  ): Promise<{ results: string; reads: number; use: StateUse | undefined }> => {
    const { end = false, ...more } = settings
    const s3 = await s3Source(`s3://${bucket}`, { endpointUrl: store.url, retryDelay: 1 })
    const state = await StateFile.open({ path, binding: { of: 'this test' }, ...more })
    store.misbehave(() => null)
    const results: string[] = []
    let use: StateUse | undefined
    for await (const result of verifyTrail({
      sources: [s3],
      publicKeys,
      startTime,
      endTime,
      state,
      now: state.now,
      workers: 0,
    })) {
      if (result.kind === 'summary') use = result.run.state
      results.push(JSON.stringify(result.kind === 'summary' ? { ...result, run: null } : result))
    }
    if (end) await state.end(null)
    await state.close()
    await s3.close?.()
    return { results: results.join('\n'), reads: store.requestsOf('log file'), use }
  }
  return { run, path, objects, logFiles: [...objects.keys()].filter((key) => !key.includes('-Digest/')) }
}

const NIGHT = { asOf: new Date('2026-06-01T00:00:00Z') }

t.test('whatever of a journal a kill leaves behind, the run that goes on gives the report of one run', async (t) => {
  const { run, path, objects, logFiles } = await libraryRuns(t, TRAIL.logFilesPerHour)
  const [gone = '', changed = ''] = logFiles
  objects.delete(gone)
  objects.set(changed, { bytes: Buffer.from('changed'), modified: Date.parse('2026-05-01T00:00:00Z') })
  const whole = await run(NIGHT)
  const journal = readFileSync(path)
  const lines = journal.toString().split('\n').length
  for (let cut = 0; cut < CUTS; cut++) {
    const at = cut === 0 ? 0 : Math.floor(Math.random() * journal.length)
    writeFileSync(path, journal.subarray(0, at))
    const left = journal.subarray(0, at).toString().split('\n').length
    const { results, reads } = await run(NIGHT)
    t.equal(results, whole.results, `cut at byte ${at} of ${journal.length}`)
    t.ok(reads <= whole.reads && reads <= 3 + lines - left, `${reads} log files are read for ${lines - left} lines that are lost`)
  }
})

t.test('log files are packed by folder: the state is small, and as good as it was', async (t) => {
  const { run, path, objects, logFiles } = await libraryRuns(t, 250)
  const whole = await run(NIGHT)
  const journal = readFileSync(path)
  // A run that broke off is packed, too.
  const most = journal.subarray(0, journal.indexOf('\n', Math.floor(journal.length * 0.9)) + 1)
  writeFileSync(path, most)
  const kept = most.toString().split('"kind":"log-file"').length - 1
  t.ok(kept > 1100)
  const resumed = await run({ ...NIGHT, end: true })
  t.equal(resumed.results, whole.results)
  t.equal(resumed.reads, logFiles.length - kept, 'what was read is not read again')
  t.match(resumed.use, { number: 1, carriedOver: { logFiles: 0 } })
  const packed = statSync(path).size
  t.ok(packed < journal.length * 0.55, `${packed} bytes of ${journal.length}`)

  const second = await run({ ...NIGHT, end: true })
  t.equal(second.results, whole.results, 'the next night')
  t.equal(second.reads, 0)
  t.match(second.use, { number: 2, carriedOver: { logFiles: logFiles.length } })

  const [gone = '', changed = '', same = ''] = logFiles
  objects.delete(gone)
  objects.set(changed, { bytes: Buffer.from('changed'), modified: Date.parse('2026-05-02T00:00:00Z') })
  const { bytes } = objects.get(same) as PutObject
  objects.set(same, { bytes, modified: Date.parse('2026-05-02T00:00:00Z') })
  const third = await run({ ...NIGHT, end: true })
  t.match(third.use, { number: 3, carriedOver: { logFiles: logFiles.length - 3 } })
  t.match(third.results, `"code":"LOG_FILE_MISSING"`)
  t.match(third.results, `"code":"LOG_FILE_MALFORMED"`)
  const sampled = await run({ ...NIGHT, recheck: 0.1, end: true })
  t.equal(sampled.results, third.results)
  t.ok(sampled.reads > 75 && sampled.reads < 300, `${sampled.reads} of ${logFiles.length} are read again`)
  const all = await run({ ...NIGHT, recheck: 1, end: true })
  t.equal(all.results, third.results)
  t.ok(all.reads >= logFiles.length - 1)
  for (const recheck of [1, 1, 0]) await run({ ...NIGHT, recheck, end: true })
  const last = await run(NIGHT)
  t.equal(last.results, third.results)
  t.match(last.use, { number: 9, carriedOver: { logFiles: logFiles.length - 1 } })
  t.equal(last.use?.carriedOver.oldestRead, last.use?.carriedOver.newestRead, 'of each what was read last')
  t.ok(statSync(path).size < packed * 1.9, `${statSync(path).size}: what is read again replaces what was known`)
})

/** The library asks the SDK, and that the environment. */
function inEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  return () => {
    for (const name of Object.keys(variables)) {
      const value = before[name]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

t.test('killed over a directory', async (t) => {
  const trail = await writeTrail(join(t.testdir(), 'trail'), TRAIL)
  const words = [trail.directory, '--public-keys', trail.publicKeyFile, '--metadata', trail.metadataFile, '--json', '--quiet']
  const all = [...words, '--start-time', trail.startTime, '--end-time', trail.endTime, ...AS_OF]
  const whole = await verifyTrailCommand(all)
  const state = join(fresh(), 'state')
  const killed = verifyTrailCommand([...all, '--state', state], {
    started: (child) => void setTimeout(() => child.kill('SIGKILL'), 250 + Math.random() * 200),
  })
  await killed
  const last = await verifyTrailCommand([...all, '--state', state])
  t.equal(withoutRun(last), withoutRun(whole))
  const [damaged = ''] = trail.logFilePaths
  writeFileSync(damaged, 'changed')
  const next = await verifyTrailCommand([...all, '--state', state])
  t.match(reportOf(next).findings, [{ code: 'LOG_FILE_MODIFIED' }], 'of a directory nothing is carried over')
})

t.test('the next night', async (t) => {
  const { store, words, objects, logFiles } = await storeOf(t)
  const folder = fresh()
  const [state, report] = [join(folder, 'state'), join(folder, 'report.json')]
  const night = (...more: string[]): Promise<Outcome> =>
    verifyTrailCommand([...words, '--state', state, '-o', report, ...more], { env: ENV })
  const first = await night()
  t.match(reportOf(first).run.state, { number: 1, previousReportSha256: null, carriedOver: { logFiles: 0 } })

  store.misbehave(() => null)
  const second = reportOf(await night())
  t.equal(store.requestsOf('log file'), 0, 'nothing that is unchanged is read')
  t.ok(store.requestsOf('digest') <= 2, 'nor a digest, but what no listing has')
  t.equal(second.verdict, 'valid')
  t.match(second.run.state, { number: 2, carriedOver: { logFiles: logFiles.length }, recheck: null })
  t.match(second.run.state.previousReportSha256, /^[0-9a-f]{64}$/, 'the report of the night before is named')
  t.match(carriedOverSentence(second.run.state), [
    new RegExp(`^${logFiles.length} log files and \\d+ digests were not read again`),
  ])
  t.equal(JSON.stringify({ ...second, run: null }), JSON.stringify({ ...reportOf(first), run: null }), 'and nothing else differs')

  const [changed = '', same = '', gone = '', planted = ''] = logFiles
  const later = Date.parse('2026-05-02T00:00:00Z')
  const bytes = objects.get(changed)?.bytes ?? Buffer.alloc(0)
  objects.set(changed, { bytes: Buffer.alloc(bytes.length, 1), modified: later })
  objects.set(same, { bytes: objects.get(same)?.bytes ?? Buffer.alloc(0), modified: later })
  // Listed as it was, but it is another one that is there.
  store.misbehave(() => null)
  objects.delete(gone)
  const third = reportOf(await night())
  t.strictSame(third.findings.map(({ code, object }) => [code, object.slice(object.indexOf('AWSLogs'))]).sort(), [
    ['LOG_FILE_MALFORMED', changed.slice(changed.indexOf('AWSLogs'))],
    ['LOG_FILE_MISSING', gone.slice(gone.indexOf('AWSLogs'))],
  ])
  t.equal(store.requestsOf('log file') >= 3 && store.requestsOf('log file') <= 6, true, 'the three are read, and no more')

  // The listing saw a bad object, the read a good one in its place: what is then known is of the good one.
  const good = objects.get(planted) ?? { bytes: Buffer.alloc(0) }
  const bad = { bytes: Buffer.alloc(good.bytes.length, 2), modified: later }
  objects.set(planted, bad)
  const putBack: Fault = (answer, response) => {
    objects.set(planted, bad)
    send(answer, response)
  }
  store.misbehave((call) =>
    call === 'list'
      ? (answer, response) => {
          objects.set(planted, { ...good, modified: later + 1000 })
          send(answer, response)
        }
      : null,
  )
  await night()
  store.misbehave(() => putBack)
  objects.set(planted, bad)
  const fifth = reportOf(await night())
  t.ok(
    fifth.findings.some(({ object }) => object.endsWith(planted)),
    'the bad object is found where it comes back',
  )

  store.misbehave(() => null)
  const sampled = reportOf(await night('--recheck', '25%'))
  t.match(sampled.run.state.recheck, { share: 0.25, seed: /^[0-9a-f]{32}$/ })
  const some = store.requestsOf('log file')
  t.ok(some > logFiles.length * 0.1 && some < logFiles.length * 0.4, `a sample is read again: ${some}`)
})

/** The lines of a state as whoever has no key can write them anew, with another record in place of some. */
function forged(path: string, change: (record: Record<string, unknown>) => Record<string, unknown>): string {
  let chain = '0'.repeat(64)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines
    .map((line) => {
      const text = JSON.stringify(change(JSON.parse(line).record))
      chain = createHash('sha256').update(`${chain}\n${text}`).digest('hex')
      return `{"chain":"${chain}","record":${text}}\n`
    })
    .join('')
}

t.test('a state that an attacker wrote: with a key it is refused, without one the report says what it rests on', async (t) => {
  const { store, words, objects, logFiles } = await storeOf(t)
  const [edited = ''] = logFiles
  const later = Date.parse('2026-05-02T00:00:00Z')
  const bytes = objects.get(edited)?.bytes ?? Buffer.alloc(0)
  const key = join(fresh(), 'key')
  writeFileSync(key, 'a secret of the run alone')
  for (const keyed of [false, true]) {
    objects.set(edited, { bytes, modified: later })
    const state = join(fresh(), 'state')
    const all = [...words, '--state', state, ...(keyed ? ['--state-key', key] : [])]
    await verifyTrailCommand(all, { env: ENV })
    // The log file is edited, and the state says that it was read so, and was as it should be.
    objects.set(edited, { bytes: Buffer.alloc(bytes.length, 1), modified: later + 60_000 })
    const identity = `${(later + 60_000) / 1000} `
    const lie = forged(state, (record) =>
      String(record['name']).endsWith(edited)
        ? { ...record, identity: String(record['identity']).replace(/^\d+ /, identity) }
        : record,
    )
    writeFileSync(state, lie)
    store.misbehave(() => null)
    const outcome = await verifyTrailCommand(all, { env: ENV })
    if (keyed) {
      t.equal(outcome.code, 2)
      t.match(outcome.stderr, 'it was edited, or written with another key or none')
    } else
      t.match(carriedOverSentence(reportOf(outcome).run.state), [
        /The state has no key: whoever can write its file can have it say anything/,
      ])
  }
})

t.test('a state takes the place of nothing, and nothing takes its place', async (t) => {
  const folder = fresh()
  const [key, other, state] = ['key', 'other', 'state.json'].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(key, 'a secret of the run alone')
  writeFileSync(other, 'somebody has this file')
  const demo = [join(casePath('demo'), 'example-trail-logs'), '--public-keys', join(casePath('demo'), 'public-keys.json'), '-q']
  const rows: [string, readonly string[], RegExp][] = [
    ['a file that is no state', ['--state', other], /other' is no state file/],
    ['its key', ['--state', key, '--state-key', key], /key' would overwrite what was given/],
    ['a report', ['--state', state, '-o', state], /state\.json' would overwrite what was given/],
  ]
  for (const [name, words, message] of rows) {
    const { code, stderr } = await verifyTrailCommand([...demo, ...words])
    t.equal(code, 2, name)
    t.match(stderr, message, name)
  }
  t.equal(readFileSync(key, 'utf8'), 'a secret of the run alone')
  t.equal(readFileSync(other, 'utf8'), 'somebody has this file')
  symlinkSync(state, join(folder, 'link'))
  writeFileSync(state, '')
  const unlock = await lockState(state)
  await t.rejects(lockState(join(folder, 'link')), { code: 'ERR_STATE' }, 'by another name')
  await unlock()
})

t.test('a state that is not that of this run is refused', async (t) => {
  const trail = await writeTrail(join(t.testdir(), 'trail'), { ...TRAIL, hours: 2 })
  const folder = fresh()
  writeFileSync(join(folder, 'key'), 'sixteen bytes or more')
  const state = join(folder, 'state')
  const words = [trail.directory, '--public-keys', trail.publicKeyFile, '--metadata', trail.metadataFile, '--quiet']
  const run = (...more: string[]): Promise<Outcome> => verifyTrailCommand([...words, '--state', state, ...more])
  await run('--start-time', trail.startTime, '--state-key', join(folder, 'key'))
  const told = async (pattern: RegExp, ...more: string[]): Promise<void> => {
    const { code, stderr } = await run(...more)
    t.equal(code, 2)
    t.match(stderr, pattern)
  }
  await told(/of another startTime: "\d{4}-.*" there, null now/, '--state-key', join(folder, 'key'))
  await told(/written with a key/, '--start-time', trail.startTime)
  const text = readFileSync(state, 'utf8')
  writeFileSync(state, text.replace(/"sha256":"../, '"sha256":"00'))
  await told(/does not hold together at line \d+/, '--start-time', trail.startTime, '--state-key', join(folder, 'key'))
  t.equal((await run('--recheck', '101%')).code, 2)
  await told(
    /^verify-trail: cannot read the plan .*no-plan/,
    '--shard',
    '1/2',
    '--as-of',
    trail.endTime,
    '--plan',
    join(folder, 'no-plan'),
  )
  const unlock = await lockState(state)
  await told(/in use by another run/, '--start-time', trail.startTime)
  await unlock()
  const taken = await Promise.allSettled([lockState(state), lockState(state), lockState(state)])
  t.same(taken.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'], 'of several at once one has it')
  for (const one of taken) if (one.status === 'fulfilled') await one.value()
})
