import type { Writable } from 'node:stream'
import type { Result, Summary } from '../core/results.js'
import { carriedOverSentence } from './carried-over.js'
import { escapeTerminal } from './escape.js'
import { type FindingGroup, FindingGroups } from './finding-groups.js'
import { findingLines } from './finding-lines.js'
import { MEANINGS } from './meanings.js'
import { nextSteps } from './next-steps.js'
import { type Paint, paintWhere } from './paint.js'
import { formatCount } from './quantity.js'
import { type ReportWriter, Sink } from './report.js'
import { resultLines, VERDICT_COLOURS } from './result-lines.js'
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

/**
 * A report for people: what was asked, each chain, the findings with what was expected and what was found, what this run does
 * not prove, what to do next; the verdict is the last line. All text out of the bucket is escaped.
 */
export function textReport(stream: Writable, options: TextReportOptions = {}): ReportWriter {
  const { coloured = false, verbose = false, quiet = false } = options
  const sink = new Sink(stream)
  const paint = paintWhere(coloured)
  const groups = new FindingGroups(SHOWN_PER_CODE)
  return {
    write(result: Result) {
      if (result.kind === 'summary')
        return sink.write(lines(quiet ? [verdictLine(result, paint)] : report(result, groups, verbose, paint)))
      if (result.kind === 'finding' || result.kind === 'gap') groups.add(result)
      if (verbose) return sink.write(lines(resultLines(result, paint)))
    },
    end: () => sink.end(),
  }
}

function report(summary: Summary, groups: FindingGroups, verbose: boolean, paint: Paint): string[] {
  return [
    ...overviewLines(summary, paint),
    ...section(
      'Findings',
      groups.worstFirst().flatMap((group) => groupLines(group, verbose, paint)),
      paint,
    ),
    ...section(
      'Not checked',
      [...carriedOverSentence(summary.run.state), ...summary.notChecked, ...keysAsGiven(summary)].map(
        (sentence) => `  - ${escapeTerminal(sentence)}`,
      ),
      paint,
    ),
    ...section(
      'What to do next',
      nextSteps(summary, groups.samples()).map((step) => `  - ${step}`),
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

function groupLines({ code, verdict, total, samples }: FindingGroup, verbose: boolean, paint: Paint): string[] {
  const heading = `  ${paint(VERDICT_COLOURS[verdict], code)}  ${formatCount(total)} ${verdict}: ${MEANINGS[code]}`
  if (verbose) return [heading]
  const more = total - samples.length
  return [
    heading,
    ...samples.flatMap((finding) => findingLines(finding).map((line) => `    ${line}`)),
    ...(more > 0 ? [`    … and ${formatCount(more)} more: all of them with --json, --ndjson or --verbose`] : []),
  ]
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
