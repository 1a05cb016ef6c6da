// @ts-check
/** Turns what verify-trail publishes on node:diagnostics_channel into a span for each run, and metrics. Needs @opentelemetry/api alone. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { metrics, SpanStatusCode, trace } from '@opentelemetry/api'

/** @typedef {import('verify-trail').ChannelMessages} ChannelMessages */

/**
 * Observes every run in this process from now on. A run is a span: its findings are the span's events (SDKs keep 128 of them), its
 * status is `OK` only for a verdict of `valid`.
 *
 * @param {{ tracer?: import('@opentelemetry/api').Tracer, meter?: import('@opentelemetry/api').Meter }} [providers] by default those that are registered globally
 * @returns {() => void} stops observing; runs under way have no end
 */
export function observe({ tracer = trace.getTracer('verify-trail'), meter = metrics.getMeter('verify-trail') } = {}) {
  const digests = meter.createCounter('verify_trail.digests', { description: 'Digest files judged' })
  const logFiles = meter.createCounter('verify_trail.log_files', { description: 'Log files judged' })
  const bytes = meter.createCounter('verify_trail.log_files.bytes', {
    description: 'Compressed bytes of log files read',
    unit: 'By',
  })
  const findings = meter.createCounter('verify_trail.findings', { description: 'Findings and gaps' })
  const runs = meter.createCounter('verify_trail.runs', { description: 'Runs that ended' })
  const requests = meter.createHistogram('verify_trail.s3.requests', { description: 'Requests to S3', unit: 'ms' })
  const retries = meter.createCounter('verify_trail.s3.retries', { description: 'Requests to S3 that were sent again' })
  /** @type {Map<number, import('@opentelemetry/api').Span>} */
  const spans = new Map()

  /** @type {{ [N in keyof ChannelMessages]: (message: ChannelMessages[N]) => void }} */
  const listeners = {
    'verify-trail:start': ({ run, startedAt, sources }) => {
      spans.set(
        run,
        tracer.startSpan('verify-trail', {
          attributes: { 'verify_trail.sources': [...sources], 'verify_trail.started_at': startedAt },
        }),
      )
    },
    'verify-trail:digest': ({ result }) => digests.add(1, { verdict: result.verdict }),
    'verify-trail:log-file': ({ result }) => {
      logFiles.add(1, { status: result.status })
      bytes.add(result.bytesRead)
    },
    'verify-trail:carried-over': ({ result }) => {
      digests.add(result.digests, { verdict: 'valid' })
      logFiles.add(result.logFiles, { status: 'valid' })
    },
    'verify-trail:finding': ({ run, result }) => {
      const { code, verdict, object, accountId, region } = result
      findings.add(1, { code, verdict })
      spans.get(run)?.addEvent(code, { verdict, object, accountId: accountId ?? '', region: region ?? '' })
    },
    'verify-trail:end': ({ run, summary }) => {
      // No summary: nothing was proven.
      const verdict = summary?.verdict ?? 'none'
      runs.add(1, { verdict })
      const span = spans.get(run)
      spans.delete(run)
      span?.setAttribute('verify_trail.verdict', verdict)
      span?.setStatus(verdict === 'valid' ? { code: SpanStatusCode.OK } : { code: SpanStatusCode.ERROR, message: verdict })
      span?.end()
    },
    'verify-trail:request': ({ milliseconds, code }) => requests.record(milliseconds, { error: code ?? 'none' }),
    'verify-trail:retry': ({ code }) => retries.add(1, { error: code }),
  }
  const entries = Object.entries(listeners).map(([name, listener]) => {
    /** @type {import('node:diagnostics_channel').ChannelListener} */
    const onMessage = (message) => Reflect.apply(listener, undefined, [message])
    subscribe(name, onMessage)
    return { name, onMessage }
  })
  return () => {
    for (const { name, onMessage } of entries) unsubscribe(name, onMessage)
  }
}
