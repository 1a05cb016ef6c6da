import type { Writable } from 'node:stream'
import type { Result } from '../core/results.js'
import { type ReportWriter, Sink } from './report.js'
import { stableJson } from './stable-json.js'

/**
 * One JSON record a line, as each result is known, with its `kind`; the summary is the last line. A stream without a summary
 * is not a finished run.
 */
export function ndjsonReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  return {
    write: (result: Result) => sink.write(`${stableJson(result)}\n`),
    end: () => sink.end(),
  }
}
