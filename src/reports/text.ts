import type { Writable } from 'node:stream'
import { FINDING_VERDICTS, type Finding, type FindingCode, type FindingVerdict, type Gap } from '../core/findings.js'
import type { DigestResult, LogFileResult, Result, Summary } from '../core/results.js'
import { escapeTerminal } from './escape.js'
import { findingLines } from './finding-lines.js'
import { MEANINGS } from './meanings.js'
import { nextSteps } from './next-steps.js'
import { type Paint, paintWhere } from './paint.js'
import { formatCount } from './quantity.js'
import { type ReportWriter, Sink } from './report.js'
import { overviewLines, verdictLine } from './text-summary.js'

/** How many findings of one code are shown in full. */
const SHOWN_PER_CODE = 20

/** How a text report looks. */
export interface TextReportOptions {
  /** Whether the stream shows colours. @default false */
  readonly coloured?: boolean
  /** Every digest, log file and finding, as it is known. @default false */
  readonly verbose?: boolean
  /** Only the verdict. @default false */
  readonly quiet?: boolean
}

/** Findings of one code: how many, and the first of them. */
interface Group {
  total: number
  readonly verdicts: Set<FindingVerdict>
  readonly samples: (Finding | Gap)[]
}

type Groups = Map<FindingCode, Group>

/**
 * A report for people: what was asked, each chain, the findings with what was expected and what was found, what this run does
 * not prove, what to do next; the verdict is the last line. All text out of the bucket is escaped.
 */
export function textReport(stream: Writable, options: TextReportOptions = {}): ReportWriter {
  const { coloured = false, verbose = false, quiet = false } = options
  const sink = new Sink(stream)
  const paint = paintWhere(coloured)
  const groups: Groups = new Map()
  return {
    write(result: Result) {
      if (result.kind === 'summary')
        return sink.write(lines(quiet ? [verdictLine(result, paint)] : report(result, groups, verbose, paint)))
      if (result.kind === 'finding' || result.kind === 'gap') note(groups, result)
      if (verbose) return sink.write(lines(verboseLines(result, paint)))
    },
    end: () => sink.end(),
  }
}

function note(groups: Groups, finding: Finding | Gap): void {
  const group = groups.get(finding.code) ?? { total: 0, verdicts: new Set(), samples: [] }
  groups.set(finding.code, group)
  group.total++
  group.verdicts.add(finding.verdict)
  if (group.samples.length < SHOWN_PER_CODE) group.samples.push(finding)
}

function report(summary: Summary, groups: Groups, verbose: boolean, paint: Paint): string[] {
  const samples = new Map([...groups].map(([code, group]) => [code, group.samples]))
  return [
    ...overviewLines(summary, paint),
    ...section('Findings', findingSection(groups, verbose, paint), paint),
    ...section(
      'Not checked',
      [...summary.notChecked, ...keysAsGiven(summary)].map((sentence) => `  - ${escapeTerminal(sentence)}`),
      paint,
    ),
    ...section(
      'What to do next',
      nextSteps(summary, samples).map((step) => `  - ${step}`),
      paint,
    ),
    '',
    verdictLine(summary, paint),
  ]
}

/** Not among the sentences of the summary, which say the same wherever the keys were had from. */
function keysAsGiven({ publicKeys }: Summary): string[] {
  if (publicKeys.every(({ independent }) => independent)) return []
  return ['Public keys out of a file were trusted as given: from the same hands as the trail they would prove nothing.']
}

function section(title: string, body: readonly string[], paint: Paint): string[] {
  return body.length === 0 ? [] : ['', paint('bold', title), ...body]
}

/** By code, the worst first: the order of the table of codes within each verdict. */
function findingSection(groups: Groups, verbose: boolean, paint: Paint): string[] {
  const order: readonly FindingVerdict[] = ['invalid', 'unverified', 'note']
  const codes = (Object.keys(FINDING_VERDICTS) as FindingCode[]).filter((code) => groups.has(code))
  return order
    .flatMap((verdict) => codes.filter((code) => worst(groups.get(code)) === verdict))
    .flatMap((code) => {
      const group = groups.get(code)
      return group ? groupLines(code, group, verbose, paint) : []
    })
}

function worst(group: Group | undefined): FindingVerdict {
  if (group?.verdicts.has('invalid')) return 'invalid'
  return group?.verdicts.has('unverified') ? 'unverified' : 'note'
}

function groupLines(code: FindingCode, group: Group, verbose: boolean, paint: Paint): string[] {
  const verdict = worst(group)
  const heading = `  ${paint(COLOURS[verdict], code)}  ${formatCount(group.total)} ${verdict}: ${MEANINGS[code]}`
  if (verbose) return [heading]
  const more = group.total - group.samples.length
  return [
    heading,
    ...group.samples.flatMap((finding) => findingLines(finding).map((line) => `    ${line}`)),
    ...(more > 0 ? [`    … and ${formatCount(more)} more: all of them with --json, --ndjson or --verbose`] : []),
  ]
}

function verboseLines(result: Exclude<Result, Summary>, paint: Paint): string[] {
  switch (result.kind) {
    case 'digest':
      return [`${verdictWord(result, paint)}  digest    ${escapeTerminal(result.object)}  ${digestFacts(result)}`]
    case 'log-file':
      return [
        `${verdictWord(result, paint)}  log file  ${escapeTerminal(result.object)}${result.status === result.verdict ? '' : `  ${result.status}`}`,
      ]
    case 'finding':
    case 'gap':
      return [
        `${paint(COLOURS[result.verdict], result.code)}  ${result.verdict}`,
        ...findingLines(result).map((line) => `  ${line}`),
      ]
  }
}

function verdictWord({ verdict }: DigestResult | LogFileResult, paint: Paint): string {
  return paint(COLOURS[verdict], verdict.padEnd(10))
}

function digestFacts({ startTime, endTime, starting, logFiles }: DigestResult): string {
  const hour = escapeTerminal(startTime === null ? `to ${endTime}` : `${startTime} to ${endTime}`)
  return `${hour}  lists ${formatCount(logFiles)}${starting ? '  starting digest' : ''}`
}

const COLOURS = { valid: 'green', invalid: 'red', unverified: 'yellow', note: 'dim' } as const

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
