/** What is said when all accounts and regions are done. */
import type { Gap } from '../core/findings.js'
import { countNotLookedAt, hoursNotFound, type Wanted } from './not-found.js'
import type { RunTotals } from './run-totals.js'

/** What was asked for or is expected, and is not there. */
export function notFound({ found, known, accepted, notChecked }: RunTotals, wanted: Wanted): Gap[] {
  const gaps: Gap[] = []
  for (const { gap, accepted: entry } of hoursNotFound({ wanted, found, known })) {
    if (entry !== undefined) accepted.use(entry)
    gaps.push(gap)
  }
  const outside = countNotLookedAt(wanted)
  if (outside > 0)
    notChecked.last.push(
      `${outside} of the combinations that are expected lie outside of what was asked for: they were not looked for.`,
    )
  return gaps
}

/** By source, as the sources lie. */
export function ignoredFiles(counts: readonly number[]): string[] {
  return counts.flatMap((count) => (count > 0 ? [`${count} files of the operating system, or with metadata, were ignored.`] : []))
}
