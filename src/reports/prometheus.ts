import type { Writable } from 'node:stream'
import type { Result, Summary } from '../core/results.js'
import { escapeTerminal } from './escape.js'
import { CODES, seconds, unprovenSeconds } from './metrics.js'
import { type ReportWriter, Sink } from './report.js'

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Gauges in Prometheus' text format, for the textfile collector: what the summary says, and every code, the absent ones as 0. */
export function prometheusReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  return {
    write(result: Result) {
      if (result.kind === 'summary') return sink.write(metrics(result).join('\n'))
    },
    end: () => sink.end(),
  }
}

function metrics(summary: Summary): string[] {
  const { digests, logFiles, bytes, findings, startTime, endTime } = summary.summary
  const { found, ...byDigestStatus } = digests
  const { listed, ...byLogStatus } = logFiles
  const verdicts = ['valid', 'invalid', 'unverified'] as const
  return [
    ...gauge('last_run_timestamp_seconds', 'When the run ended.', [[{}, seconds(summary.run.finishedAt)]]),
    ...gauge('interrupted', 'Whether the run was interrupted.', [[{}, summary.run.interrupted ? 1 : 0]]),
    ...gauge(
      'verdict',
      'The verdict of the run: 1 for the one that it is.',
      verdicts.map((verdict) => [{ verdict }, summary.verdict === verdict ? 1 : 0]),
    ),
    ...gauge(
      'findings',
      'Findings, by code.',
      CODES.map((code) => [{ code }, findings[code] ?? 0]),
    ),
    ...gauge('digests_found', 'Digest files that were judged.', [[{}, found]]),
    ...gauge('digests', 'Digest files, by status.', samples(byDigestStatus)),
    ...gauge('log_files_listed', 'Log files that digests list.', [[{}, listed]]),
    ...gauge('log_files', 'Log files, by status.', samples(byLogStatus)),
    ...gauge('read_bytes', 'Bytes that were read.', [[{}, bytes.read]]),
    ...(startTime === null ? [] : gauge('range_start_timestamp_seconds', 'Start of the range.', [[{}, seconds(startTime)]])),
    ...(endTime === null ? [] : gauge('range_end_timestamp_seconds', 'End of the range.', [[{}, seconds(endTime)]])),
    ...chainGauge('chain_unproven_seconds', 'Seconds of the range that a chain does not prove.', summary, unprovenSeconds),
    ...chainGauge('chain_invalid', 'Whether a chain is invalid.', summary, ({ verdict }) => (verdict === 'invalid' ? 1 : 0)),
    '',
  ]
}

function chainGauge(
  name: string,
  help: string,
  { chains }: Summary,
  value: (chain: Summary['chains'][number]) => number,
): string[] {
  const standard = chains.filter(({ kind }) => kind === 'standard')
  return gauge(
    name,
    help,
    standard.map((chain) => {
      const { organizationId, accountId, region, trail, homeRegion } = chain
      return [{ organization: organizationId ?? '', account: accountId, region, trail, home_region: homeRegion }, value(chain)]
    }),
  )
}

function samples(counts: Readonly<Record<string, number>>): Sample[] {
  // A saved report has them in another order than a run.
  const sorted = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([status, value]) => [{ status }, value])
}

function gauge(name: string, help: string, all: readonly Sample[]): string[] {
  if (all.length === 0) return []
  const full = `verify_trail_${name}`
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} gauge`,
    ...all.map(([labels, value]) => `${full}${labelText(labels)} ${value}`),
  ]
}

/** Label values are text out of the bucket: shown as on a terminal, then escaped as the format asks. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== '')
  if (pairs.length === 0) return ''
  const quoted = (value: string) => `"${escapeTerminal(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  return `{${pairs.map(([name, value]) => `${name}=${quoted(value)}`).join(',')}}`
}
