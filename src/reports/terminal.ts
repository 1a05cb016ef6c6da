import type { Writable } from 'node:stream'
import type { Finding, Gap } from '../core/findings.js'
import type { Result, Summary } from '../core/results.js'
import { FindingGroups } from './finding-groups.js'
import { Marks } from './marks.js'
import { paintWhere } from './paint.js'
import { type ReportWriter, Sink } from './report.js'
import { resultLines } from './result-lines.js'
import { type ScreenLook, type Seen, screenLines } from './terminal/screen.js'

/** How many findings of one code are shown as they come. */
const SHOWN_PER_CODE = 10
/** How many accounts and regions without a chain are remembered. */
const MOST_NOT_FOUND = 1000

/** How a terminal looks. */
export interface TerminalReportOptions {
  /** Whether it shows colours. @default false */
  readonly coloured?: boolean
  /** How wide it is. @default 80 */
  readonly columns?: number
  /** How high it is: the summary of an ordinary run fits into it. @default 24 */
  readonly rows?: number
  /** Whether it shows more than ASCII. @default true */
  readonly unicode?: boolean
}

/**
 * For someone who looks on: the first findings of each code as they are known, then a summary that fits a screen, with the coverage
 * of each account and region as a bar, the findings by code with what to do next, and the verdict as the last line. What it leaves
 * out is in every other form. All text out of the bucket is escaped.
 */
export function terminalReport(stream: Writable, options: TerminalReportOptions = {}): ReportWriter {
  const { coloured = false, columns = 80, rows = 24, unicode = true } = options
  const sink = new Sink(stream)
  const look: ScreenLook = { paint: paintWhere(coloured), columns, rows, proven: unicode ? '█' : '=' }
  const seen: Seen = { groups: new FindingGroups(SHOWN_PER_CODE), marks: new Marks(), notFound: [] }
  return {
    write(result: Result) {
      if (result.kind === 'summary') return sink.write(lines(screen(result, seen, look)))
      if (result.kind === 'finding' || result.kind === 'gap') return sink.writeNow(lines(noteFinding(result, seen, look)))
    },
    end: () => sink.end(),
  }
}

function screen(summary: Summary, seen: Seen, look: ScreenLook): string[] {
  const told = seen.groups.worstFirst().length > 0
  return [...(told ? [''] : []), ...screenLines(summary, seen, look)]
}

function noteFinding(finding: Finding | Gap, { groups, marks, notFound }: Seen, { paint }: ScreenLook): string[] {
  const count = groups.add(finding)
  marks.add(finding)
  if (finding.kind === 'gap' && finding.trail === null && notFound.length < MOST_NOT_FOUND) notFound.push(finding)
  if (count <= SHOWN_PER_CODE) return resultLines(finding, paint)
  return count === SHOWN_PER_CODE + 1 ? [`… more ${finding.code}: counted below, each of them named by -v and by -o FILE`] : []
}

function lines(all: readonly string[]): string {
  return all.length === 0 ? '' : `${all.join('\n')}\n`
}
