/** The hours of a chain's range: proven, disproven, or neither. */
import { digestInterval, isStarting } from './check-digest.js'
import { type Interval, overlaps } from './coverage.js'
import type { Acceptance, GapReason, Verdict } from './findings.js'
import type { JudgedChain } from './judge-chain.js'
import type { CoverageInterval } from './results.js'
import { worstVerdict } from './summary.js'
import { formatTime, parseTime } from './time.js'

interface Part extends Interval {
  readonly verdict: Verdict
  readonly reason: GapReason | null
  readonly accepted?: Acceptance
}

/** What two parts of one run say of a chain's hours: they differ only in what they found about log files. */
export function joinCoverage(one: readonly CoverageInterval[], other: readonly CoverageInterval[]): CoverageInterval[] {
  const [a, b] = [one.map(partOf), other.map(partOf)]
  const times = [...new Set([...a, ...b].flatMap(({ start, end }) => [start, end]))].sort((x, y) => x - y)
  const hours: Part[] = []
  let [atA, atB] = [0, 0]
  for (const [i, start] of times.slice(0, -1).entries()) {
    const end = times[i + 1] as number
    while ((a[atA]?.end ?? end) <= start) atA++
    while ((b[atB]?.end ?? end) <= start) atB++
    const here = [a[atA], b[atB]].filter((part) => part !== undefined && part.start <= start)
    const [first, second = first] = here
    if (first === undefined || second === undefined) continue
    hours.push({ ...first, start, end, verdict: worstVerdict(first.verdict, second.verdict) })
  }
  return join(hours)
}

function partOf({ startTime, endTime, ...said }: CoverageInterval): Part {
  return { ...said, start: parseTime(startTime) ?? 0, end: parseTime(endTime) ?? 0 }
}

/** The whole range in order, without holes; neighbours of equal verdict and reason joined. Empty for backfill chains. */
export function chainCoverage(chain: JudgedChain): CoverageInterval[] {
  if (chain.chain.id.kind === 'backfill' || !chain.known) return []
  const { range } = chain
  const hours: Part[] = []
  for (const { record, vouches } of chain.chain.digests) {
    if (!vouches || isStarting(record)) continue
    const { start, end } = digestInterval(record)
    if (!overlaps({ start, end }, range)) continue
    hours.push({
      start: Math.max(start, range.start),
      end: Math.min(end, range.end),
      verdict: record.logFilesVerdict ?? 'valid',
      reason: null,
    })
  }
  const doubtful = chain.digests
    .filter((digest) => digest.verdict === 'invalid')
    .map((digest) => digestInterval(digest.checked.record))
  for (const { start, end, reason, accepted } of chain.gaps) {
    const invalid = reason === 'digest-invalid' && doubtful.some((other) => overlaps(other, { start, end }))
    hours.push({ start, end, verdict: invalid ? 'invalid' : 'unverified', reason, ...acceptance(accepted) })
  }
  return join(hours.sort((a, b) => a.start - b.start))
}

function acceptance(accepted: Acceptance | undefined): { accepted?: Acceptance } {
  return accepted === undefined ? {} : { accepted: { reason: accepted.reason, by: accepted.by } }
}

function isAlike(a: Part, b: Part): boolean {
  const sameWords = a.accepted?.reason === b.accepted?.reason && a.accepted?.by === b.accepted?.by
  return a.verdict === b.verdict && a.reason === b.reason && sameWords
}

function join(parts: readonly Part[]): CoverageInterval[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const start = Math.max(part.start, last?.end ?? part.start)
    if (last !== undefined && last.end < part.start) joined.push(part)
    else if (last !== undefined && isAlike(last, part)) {
      joined[joined.length - 1] = { ...last, end: Math.max(last.end, part.end) }
    } else if (start < part.end || last === undefined) joined.push({ ...part, start })
    else joined[joined.length - 1] = { ...last, verdict: worstVerdict(last.verdict, part.verdict) }
  }
  return joined.map(({ start, end, verdict, reason, accepted }) => ({
    startTime: formatTime(start),
    endTime: formatTime(end),
    verdict,
    reason,
    ...acceptance(accepted),
  }))
}
