import { ReportComparison } from '../reports/compare-reports.js'
import { differenceLines } from '../reports/difference-text.js'
import { paintWhere } from '../reports/paint.js'
import { readReport } from '../reports/read-report.js'
import { stableJson } from '../reports/stable-json.js'
import { type Console, showsColours } from './console.js'
import type { DiffCommand } from './report-arguments.js'

/** Runs `verify-trail diff`: 0 where nothing is worse, 1 where something is. The two reports are believed as they are. */
export async function runDiff({ before, after, json, color }: DiffCommand, console: Console): Promise<0 | 1> {
  const comparison = new ReportComparison()
  for await (const result of readReport(before)) comparison.addBefore(result)
  console.interrupted.throwIfAborted()
  for await (const result of readReport(after)) comparison.addAfter(result)
  const difference = comparison.difference()
  if (difference === undefined) throw new Error('a report has no summary')
  const paint = paintWhere(color && showsColours(console.stdout))
  const text = json ? stableJson(difference) : differenceLines(difference, paint).join('\n')
  console.stdout.write(`${text}\n`)
  return difference.worse ? 1 : 0
}
