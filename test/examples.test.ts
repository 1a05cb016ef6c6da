/** The examples do what they say: as they stand in the repository, against the built package. */
import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SpanStatusCode } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { observe } from '../examples/opentelemetry/observe.mjs'
import { memorySource, verifyTrail } from '../src/index.js'
import { bucketObjects, caseMetadata, readCases, runCase } from './support/cases.js'
import { BARE_ENVIRONMENT, ROOT } from './support/command.js'

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
