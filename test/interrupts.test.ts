/** SIGINT and SIGTERM at any moment: what is left are whole reports that say what was not checked, or none. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { generate } from '../bench/generated-source.js'
import { writeTrail } from '../bench/written-trail.js'
import { type Outcome, verifyTrailCommand } from './support/command.js'
import { type Fault, faultyStore, objectsOf, send } from './support/faulty-store.js'

const TRAIL = { accounts: 1, regions: 2, hours: 25, logFilesPerHour: 60, logFileBytes: 400 }
const MOMENTS = 8

/** Runs until a signal comes. The code is null where it came before anybody listened. */
async function interruptedAfter(
  ms: number,
  folder: string,
  words: readonly string[],
  env: Record<string, string>,
): Promise<Outcome> {
  const outputs = ['-o', join(folder, 'report.json'), '-o', join(folder, 'report.ndjson'), '-o', join(folder, 'report.html')]
  return verifyTrailCommand([...words, ...outputs], {
    env,
    started: (child) => {
      const timer = setTimeout(() => child.kill(Math.round(ms) % 2 === 0 ? 'SIGINT' : 'SIGTERM'), ms)
      child.once('exit', () => clearTimeout(timer))
    },
  })
}

/** What a run left behind. */
function checkLeft(t: Test, folder: string, { code, stderr }: Outcome, sentence: string): void {
  const files = readdirSync(folder).sort()
  // Without a code: killed before it listened, or after it was done.
  if (files.length === 0 || stderr.includes('before anything could be said')) {
    t.strictSame(files, [], `${sentence}: nothing is left`)
    t.ok(code === null || code === 3 || code === 130, `${sentence}: and it is not said to be valid`)
    return
  }
  t.strictSame(files, ['report.html', 'report.json', 'report.ndjson'], `${sentence}: all reports are there, and nothing else`)
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))
  const lines = readFileSync(join(folder, 'report.ndjson'), 'utf8').trimEnd().split('\n')
  const last = JSON.parse(lines.at(-1) ?? '')
  t.equal(last.kind, 'summary', `${sentence}: the last record is the summary`)
  t.equal(last.verdict, report.verdict)
  t.ok(readFileSync(join(folder, 'report.html'), 'utf8').endsWith('</html>\n'), `${sentence}: the page is whole`)
  if (report.run.interrupted) {
    t.equal(report.verdict, 'unverified', `${sentence}: not valid`)
    t.match(report.notChecked[0], /interrupted: what is not named here was not checked/)
    t.equal(code, 3)
  } else {
    t.equal(report.verdict, 'valid', `${sentence}: it had ended before`)
    t.ok(code === 0 || code === null)
  }
}

/** Lets one run go to its end, then interrupts others at moments all over that time. */
async function interruptAll(t: Test, words: readonly string[], env: Record<string, string>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-interrupts-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const started = Date.now()
  t.equal((await verifyTrailCommand(words, { env })).code, 0, 'uninterrupted')
  const whole = Date.now() - started
  for (let index = 0; index < MOMENTS; index++) {
    const reports = join(folder, String(index))
    mkdirSync(reports)
    const outcome = await interruptedAfter((whole * index) / (MOMENTS - 1), reports, words, env)
    checkLeft(t, reports, outcome, `moment ${index}`)
  }
}

t.test('a run over a directory', async (t) => {
  const trail = await writeTrail(join(t.testdir(), 'trail'), TRAIL)
  const words = [trail.directory, '--public-keys', trail.publicKeyFile, '--metadata', trail.metadataFile, '--quiet']
  const range = ['--start-time', trail.startTime, '--end-time', trail.endTime]
  await interruptAll(t, [...words, ...range], {})
})

t.test('a run over a slow store', async (t) => {
  const { bucket, source, publicKeyList, startTime, endTime } = generate(TRAIL)
  const store = await faultyStore({ bucket, objects: await objectsOf(source), publicKeys: {} })
  t.teardown(() => store.close())
  const slowly: Fault = (answer, response) => void setTimeout(() => send(answer, response), 10)
  store.misbehave(() => slowly)
  const folder = t.testdir({ 'keys.json': publicKeyList })
  const words = [`s3://${bucket}`, '--public-keys', join(folder, 'keys.json'), '--quiet', '--endpoint-url', store.url]
  const range = ['--start-time', startTime, '--end-time', endTime]
  const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
  await interruptAll(t, [...words, ...range], env)
})
