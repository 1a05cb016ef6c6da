/** The examples do what they say: as they stand in the repository, against the built package. */
import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { SpanStatusCode } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { nightly, type Outcome } from '../examples/lambda/nightly.mjs'
import { observe } from '../examples/opentelemetry/observe.mjs'
import { memorySource, verifyTrail } from '../src/index.js'
import { isolate } from './aws/misbehaving-store.js'
import { bucketObjects, caseMetadata, casePath, readCases, runCase, storedObjects } from './support/cases.js'
import { BARE_ENVIRONMENT, ROOT } from './support/command.js'
import { faultyStore, withSeconds } from './support/faulty-store.js'
import { putObjects } from './support/put-objects.js'
import { startRadosgw } from './support/radosgw.js'

const execute = promisify(execFile)
const demo = readCases().find(({ name }) => name === 'demo')
if (demo === undefined) throw new Error('there is no demo')

t.test('OpenTelemetry: a run is a span with its findings, and metrics that add up', async (t) => {
  const spans = new InMemorySpanExporter()
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const metering = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 3_600_000 })],
  })
  const stop = observe({ tracer: tracing.getTracer('test'), meter: metering.getMeter('test') })
  const [bucket = ''] = demo.sources
  const source = () => memorySource({ name: bucket, objects: bucketObjects('demo', bucket), bucket })
  const { summary, findings } = await runCase(demo, [source()], { metadata: caseMetadata(demo) })
  for await (const _ of verifyTrail({ sources: [source()] })) break
  stop()
  await runCase(demo, [source()])
  await metering.forceFlush()

  const [first, left, ...more] = spans.getFinishedSpans()
  t.equal(more.length, 0, 'nothing is observed any more once it is stopped')
  t.match(first, {
    name: 'verify-trail',
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'verify_trail.verdict': 'invalid' },
  })
  t.strictSame(
    first?.events.map(({ name, attributes }) => [name, attributes?.['object']]),
    findings.map(({ code, object }) => [code, object]),
  )
  t.match(
    left,
    { status: { code: SpanStatusCode.ERROR }, attributes: { 'verify_trail.verdict': 'none' } },
    'a run without a result is none',
  )

  const metrics = points.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  const values = (name: string, label: string) => {
    const metric = metrics.find(({ descriptor }) => descriptor.name === `verify_trail.${name}`)
    return Object.fromEntries((metric?.dataPoints ?? []).map(({ attributes, value }) => [attributes[label], value]))
  }
  const { listed: _, ...statuses } = summary.summary.logFiles
  t.strictSame(values('log_files', 'status'), Object.fromEntries(Object.entries(statuses).filter(([, count]) => count > 0)))
  t.strictSame(values('findings', 'code'), summary.summary.findings)
  t.strictSame(values('runs', 'verdict'), { invalid: 1, none: 1 })
  t.match(values('digests', 'verdict'), { valid: summary.summary.digests.valid })
  await metering.shutdown()
})

t.test('OpenTelemetry: the snippet of its README runs as it stands', async (t) => {
  const project = t.testdir({ node_modules: {} })
  const link = (target: string, name: string) => symlinkSync(join(ROOT, target), join(project, name))
  link('.', 'node_modules/verify-trail')
  link('node_modules/@opentelemetry', 'node_modules/@opentelemetry')
  link('examples/opentelemetry/observe.mjs', 'observe.mjs')
  link('fixtures/cases/plain/example-trail-logs', 'exported-bucket')
  link('fixtures/cases/plain/public-keys.json', 'public-keys.json')
  const [, snippet = ''] =
    /^```js run\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'examples/opentelemetry/README.md'), 'utf8')) ?? []
  const { stdout, stderr } = await execute(process.execPath, ['--input-type=module', '-e', snippet], {
    cwd: project,
    env: BARE_ENVIRONMENT,
  })
  t.equal(stderr, '')
  t.match(stdout, /'verify_trail.verdict': 'valid'/)
})

t.test('a program that imports the package writes every form, and all of them again from a saved report', async (t) => {
  const words = [
    'test/support/consumer.mjs',
    `${casePath('demo')}/example-trail-logs`,
    join(casePath('demo'), 'public-keys.json'),
  ]
  const { stdout } = await execute(process.execPath, words, { cwd: ROOT, env: BARE_ENVIRONMENT })
  t.match(stdout, /^1\d forms$/m)
})

t.test('Lambda: a night on a real S3 server, published to EventBridge', async (t) => {
  const server = await startRadosgw()
  if (typeof server === 'string') {
    t.plan(0, server)
    return
  }
  t.teardown(server.stop)
  isolate(server)
  const [bucket = ''] = demo.sources
  const keys = withSeconds(JSON.parse(readFileSync(join(casePath('demo'), 'public-keys.json'), 'utf8')))
  const cloudTrail = await faultyStore({ bucket, objects: new Map(), publicKeys: keys })
  t.teardown(() => cloudTrail.close())
  const bus = await eventBus()
  t.teardown(() => bus.close())
  const environment = {
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: server.endpointUrl,
    AWS_ENDPOINT_URL_CLOUDTRAIL: cloudTrail.url,
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.url,
    // This radosgw knows no checksums after a body.
    AWS_REQUEST_CHECKSUM_CALCULATION: 'WHEN_REQUIRED',
    TRAIL: `s3://${bucket}`,
    REPORTS_BUCKET: 'reports',
  }
  Object.assign(process.env, environment)
  const admin = new S3Client({ forcePathStyle: true })
  t.teardown(() => admin.destroy())
  await putObjects(admin, bucket, storedObjects(demo, bucket))
  await admin.send(new CreateBucketCommand({ Bucket: 'reports' }))
  const text = async (Key: string) =>
    (await admin.send(new GetObjectCommand({ Bucket: 'reports', Key }))).Body?.transformToString() ?? ''
  const remaining = (milliseconds: number) => ({ getRemainingTimeInMillis: () => milliseconds })
  const event = { time: '2026-03-15T03:00:00Z' }

  const { handler } = await import('../examples/lambda/index.mjs')
  const outcome = await handler(event, remaining(900_000))
  t.match(outcome, { verdict: 'invalid', interrupted: false, reports: 's3://reports/2026-03-14/' })
  t.match(outcome, {
    startTime: '2026-03-14T00:00:00.000Z',
    endTime: '2026-03-15T00:00:00.000Z',
    findings: { LOG_FILE_MODIFIED: 1 },
  })
  t.match(bus.taken, [{ Source: 'verify-trail', DetailType: 'CloudTrail integrity', EventBusName: 'default' }])
  t.strictSame(JSON.parse(bus.taken[0]?.Detail ?? ''), outcome)
  t.match(JSON.parse(await text('2026-03-14/report.json')), {
    verdict: 'invalid',
    request: { startTime: '2026-03-14T00:00:00Z' },
  })
  t.match(await text('2026-03-14/report.html'), /^<!doctype html>[\s\S]*<\/html>/i)

  bus.refuse()
  await t.rejects(handler(event, remaining(900_000)), /EventBridge refused the event/, 'what is not published is an error')

  const published: Outcome[] = []
  const publish = async (told: Outcome) => published.push(told)
  const settings = { trail: `s3://${bucket}`, s3: admin, reports: { bucket: 'reports', prefix: 'late/' }, publish }
  const late = await nightly(settings)(event, remaining(60_000))
  t.match(late, { verdict: 'unverified', interrupted: true, notChecked: [/^The run was interrupted/] }, 'before the time limit')
  t.match(JSON.parse(await text('late/2026-03-14/report.json')), { verdict: 'unverified', run: { interrupted: true } })
  await t.rejects(nightly({ ...settings, trail: 's3://no-such-trail' })(event, remaining(900_000)), { code: 'ERR_SOURCE' })
  await t.rejects(nightly({ ...settings, reports: { bucket: 'no-such-reports' } })(event, remaining(900_000)))
  t.match(published, [
    { verdict: 'unverified', reports: 's3://reports/late/2026-03-14/' },
    { verdict: 'unverified', reports: null, error: /no-such-trail/ },
    { verdict: 'invalid', reports: null, error: /./ },
  ])
})

t.test('Lambda: the policy of its README allows no more than docs/permissions.md, the reports and the event', async (t) => {
  const actions = (file: string, fence: string) => {
    const [, policy = '{}'] =
      new RegExp(`^\`\`\`${fence}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readFileSync(join(ROOT, file), 'utf8')) ?? []
    const { Statement }: { Statement: { Action: string | string[] }[] } = JSON.parse(policy)
    return Statement.flatMap(({ Action }) => Action)
  }
  const known = new Set([...actions('docs/permissions.md', 'json'), 's3:PutObject', 'events:PutEvents'])
  const asked = actions('examples/lambda/README.md', 'json policy')
  t.ok(asked.length > 8)
  t.strictSame(
    asked.filter((action) => !known.has(action)),
    [],
  )
})

interface TakenEvent {
  readonly Source: string
  readonly Detail: string
}

/** EventBridge at the wire. */
async function eventBus() {
  const taken: TakenEvent[] = []
  let refuses = false
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { Entries }: { Entries: TakenEvent[] } = JSON.parse(Buffer.concat(chunks).toString())
    if (!refuses) taken.push(...Entries)
    const answer = refuses
      ? { FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException' }] }
      : { FailedEntryCount: 0, Entries: [{ EventId: '1' }] }
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    refuse: () => {
      refuses = true
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
