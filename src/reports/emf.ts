import type { Writable } from 'node:stream'
import type { Result, Summary } from '../core/results.js'
import { parseTime } from '../core/time.js'
import { findingsOf, unprovenSeconds } from './metrics.js'
import { type ReportWriter, Sink } from './report.js'
import { stableJson } from './stable-json.js'

const NAMESPACE = 'verify-trail'
/** A dimension's value has at most so many characters, and is ASCII. */
const DIMENSION = 1024

/** One line of CloudWatch's embedded metric format: printed to a log group, it becomes metrics, without and with the source as dimension. */
export function emfReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  return {
    write(result: Result) {
      if (result.kind === 'summary') return sink.write(`${stableJson(emfRecord(result))}\n`)
    },
    end: () => sink.end(),
  }
}

function emfRecord(summary: Summary): object {
  const { digests, logFiles, bytes } = summary.summary
  const counts = {
    Valid: summary.verdict === 'valid' ? 1 : 0,
    Interrupted: summary.run.interrupted ? 1 : 0,
    InvalidFindings: findingsOf(summary, 'invalid'),
    UnverifiedFindings: findingsOf(summary, 'unverified'),
    DigestsValid: digests.valid,
    DigestsMissing: digests.missing,
    LogFilesListed: logFiles.listed,
    LogFilesValid: logFiles.valid,
  }
  const unproven = summary.chains.reduce((sum, chain) => sum + unprovenSeconds(chain), 0)
  const metrics = [
    ...Object.keys(counts).map((Name) => ({ Name, Unit: 'Count' })),
    { Name: 'BytesRead', Unit: 'Bytes' },
    { Name: 'UnprovenTime', Unit: 'Seconds' },
  ]
  return {
    _aws: {
      Timestamp: parseTime(summary.run.finishedAt) ?? 0,
      CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [[], ['Source']], Metrics: metrics }],
    },
    ...counts,
    BytesRead: bytes.read,
    UnprovenTime: unproven,
    Source: dimension(summary.run.sources.join(' ')),
    Verdict: summary.verdict,
    RangeStart: summary.summary.startTime,
    RangeEnd: summary.summary.endTime,
    Findings: summary.summary.findings,
  }
}

function dimension(text: string): string {
  const ascii = text
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, DIMENSION)
    .trim()
  return ascii === '' ? 'none' : ascii
}
