/** Tables for spreadsheets: RFC 4180, and no cell that a spreadsheet takes for a formula. */
import type { Writable } from 'node:stream'
import type { Finding, Gap } from '../core/findings.js'
import type { ChainSummary, CoverageInterval, Result } from '../core/results.js'
import { parseTime } from '../core/time.js'
import { escapeTerminal } from './escape.js'
import { trailOf } from './finding-place.js'
import { type ReportWriter, Sink } from './report.js'
import { stableJson } from './stable-json.js'

/** What a spreadsheet may take for the beginning of a formula, with the wide forms of the same signs. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

const FINDING_COLUMNS = [
  'code',
  'verdict',
  'organizationId',
  'accountId',
  'region',
  'trail',
  'time',
  'startTime',
  'endTime',
  'object',
  'reason',
  'expected',
  'found',
  'fingerprint',
  'listedBy',
  'detail',
] as const

/**
 * Findings and gaps, one a row, as they are known. Text out of the bucket is escaped as on a terminal; `detail` is the whole
 * finding as JSON, exact. A cell that a spreadsheet would take for a formula begins with `'`.
 */
export function findingsCsv(stream: Writable): ReportWriter {
  return table(stream, FINDING_COLUMNS, (result) =>
    result.kind === 'finding' || result.kind === 'gap' ? [findingRow(result)] : [],
  )
}

const COVERAGE_COLUMNS = [
  'organizationId',
  'accountId',
  'region',
  'trail',
  'homeRegion',
  'startTime',
  'endTime',
  'hours',
  'verdict',
  'reason',
  'accepted',
  'acceptedBy',
] as const

/** The coverage of every chain, a row for each interval of one verdict and reason, in order of time. Backfill chains cover no hours. */
export function coverageCsv(stream: Writable): ReportWriter {
  return table(stream, COVERAGE_COLUMNS, (result) =>
    result.kind === 'summary' ? result.chains.flatMap((chain) => chain.coverage.map((part) => coverageRow(chain, part))) : [],
  )
}

function table(stream: Writable, columns: readonly string[], rows: (result: Result) => readonly string[][]): ReportWriter {
  const sink = new Sink(stream)
  void sink.write(line(columns))
  return {
    write(result: Result) {
      const lines = rows(result).map(line)
      if (lines.length > 0) return sink.write(lines.join(''))
    },
    end: () => sink.end(),
  }
}

function findingRow(finding: Finding | Gap): string[] {
  const { kind: _, ...record } = finding
  const fields: Readonly<Record<string, unknown>> = { ...record, trail: trailOf(finding), detail: undefined }
  return FINDING_COLUMNS.map((column) => (column === 'detail' ? stableJson(record) : cell(fields[column])))
}

function coverageRow(chain: ChainSummary, part: CoverageInterval): string[] {
  const { organizationId, accountId, region, trail, homeRegion } = chain
  const { startTime, endTime, verdict, reason, accepted } = part
  const hours = ((parseTime(endTime) ?? 0) - (parseTime(startTime) ?? 0)) / 3_600_000
  const cells = [organizationId, accountId, region, trail, homeRegion, startTime, endTime]
  return [...cells, Math.round(hours * 10_000) / 10_000, verdict, reason, accepted?.reason, accepted?.by].map(cell)
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(cell).join('\n')
  const text = String(value)
  return FORMULA.test(text) ? `'${escapeTerminal(text)}` : escapeTerminal(text)
}

function line(cells: readonly string[]): string {
  return `${cells.map((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',')}\r\n`
}
