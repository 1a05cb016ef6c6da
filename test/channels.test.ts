/** What a run tells in the same process: the same results, as copies, and nothing that a subscriber does reaches a verdict. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { ChannelMessages, Result } from '../src/index.js'
import { memorySource, verifyTrail } from '../src/index.js'
import { cloudTrailKeys, s3Source } from '../src/s3.js'
import { isolate, SOMEBODY } from './aws/misbehaving-store.js'
import { bucketObjects, caseMetadata, casePath, readCases, runCase, storedObjects } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'
import { faultyStore } from './support/faulty-store.js'

const NAMES = ['start', 'digest', 'log-file', 'finding', 'end', 'request', 'retry'] as const

const demo = readCases().find(({ name }) => name === 'demo')
if (demo === undefined) throw new Error('there is no demo')
const [bucket = ''] = demo.sources
const source = () => memorySource({ name: bucket, objects: bucketObjects('demo', bucket), bucket })
const runDemo = () => runCase(demo, [source()], { metadata: caseMetadata(demo) })

type Heard = { readonly [N in (typeof NAMES)[number]]: ChannelMessages[`verify-trail:${N}`][] }

/** Overwrites all that can be reached. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) {
    spoil(Reflect.get(value, key))
    Reflect.set(value, key, 'valid')
  }
}

/** Collects all that is published while `work` runs. */
async function hear(work: () => Promise<unknown>, onMessage: (message: unknown) => void = () => undefined): Promise<Heard> {
  const heard: Record<string, unknown[]> = Object.fromEntries(NAMES.map((name) => [name, []]))
  const listeners = NAMES.map((name) => {
    const listener = (message: unknown): void => {
      heard[name]?.push(structuredClone(message))
      onMessage(message)
    }
    subscribe(`verify-trail:${name}`, listener)
    return { name, listener }
  })
  try {
    await work()
  } finally {
    for (const { name, listener } of listeners) unsubscribe(`verify-trail:${name}`, listener)
  }
  return heard as unknown as Heard
}

t.test('each result is told once, in order, before the run ends', async (t) => {
  let results: readonly Result[] = []
  const heard = await hear(async () => {
    results = (await runDemo()).results
  })
  const [start] = heard.start
  t.equal(heard.start.length, 1)
  t.match(start, { startedAt: /Z$/, sources: [/.+/] })
  const kinds = (...names: readonly string[]) => results.filter(({ kind }) => names.includes(kind))
  const told = (messages: readonly { readonly run: number; readonly result: Result }[]) => {
    t.ok(messages.every(({ run }) => run === start?.run))
    return messages.map(({ result }) => result)
  }
  t.strictSame(told(heard.digest), kinds('digest'))
  t.strictSame(told(heard['log-file']), kinds('log-file'))
  t.strictSame(told(heard.finding), kinds('finding', 'gap'))
  t.ok(heard.finding.length > 0)
  t.strictSame(heard.end, [{ run: start?.run, summary: results.at(-1) }])
})

t.test('a subscriber that changes all that it is given changes no result', async (t) => {
  const quiet = await runDemo()
  let loud: readonly Result[] = []
  await hear(
    async () => {
      loud = (await runDemo()).results
    },
    (message) => spoil(message),
  )
  t.strictSame(loud.slice(0, -1), quiet.results.slice(0, -1))
  t.equal(quiet.summary.verdict, 'invalid')
  t.match(loud.at(-1), { verdict: 'invalid', summary: quiet.summary.summary })
})

t.test('a subscriber that throws ends the command, and that is no verdict', async (t) => {
  const throwing = `import { subscribe } from 'node:diagnostics_channel'
subscribe('verify-trail:digest', () => { throw new Error('as the test says') })`
  const { code, stderr } = await verifyTrailCommand([casePath('plain'), '-q'], {
    node: ['--import', `data:text/javascript,${encodeURIComponent(throwing)}`],
  })
  t.equal(code, 2)
  t.match(stderr, /as the test says/)
})

t.test('a run that is left has an end without a summary; one that is stopped has one', async (t) => {
  const left = await hear(async () => {
    for await (const _ of verifyTrail({ sources: [source()] })) break
  })
  t.equal(left.end.length, 1)
  t.equal(left.end[0]?.summary, null)
  const stopped = await hear(async () => {
    for await (const _ of verifyTrail({ sources: [source()], signal: AbortSignal.abort() }));
  })
  t.match(stopped.end, [{ summary: { verdict: 'unverified', run: { interrupted: true } } }])
})

t.test('requests to S3 are told, and those that are sent again', async (t) => {
  isolate(SOMEBODY)
  process.env['AWS_REGION'] = 'us-east-1'
  const store = await faultyStore({ bucket, objects: storedObjects(demo, bucket), publicKeys: { PublicKeyList: [] } })
  t.teardown(() => store.close())
  store.misbehave((call, count) =>
    call === 'log file' && count === 0
      ? (_, response) => response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
      : null,
  )
  const heard = await hear(async () => {
    const opened = await s3Source(`s3://${bucket}`, { endpointUrl: store.url, retryDelay: 1 })
    const publicKeys = cloudTrailKeys({ endpointUrl: store.url })
    for await (const _ of verifyTrail({ sources: [opened], publicKeys, startTime: '2026-03-14' }));
  })
  t.match(heard.retry, [{ bucket, attempt: 1, code: 'SlowDown', status: 503 }])
  const failed = heard.request.filter(({ code }) => code !== null)
  t.match(failed, [{ bucket, region: 'us-east-1', attempt: 1, code: 'SlowDown' }])
  t.ok(heard.request.length > bucketObjects('demo', bucket).size / 2)
  t.ok(heard.request.every(({ milliseconds }) => milliseconds > 0))
})
