/** Counts results and joins verdicts. */
import type { Interval } from './coverage.js'
import type { ChainId, FindingCode, FindingVerdict, Verdict } from './findings.js'
import type { CarriedOverResult, ChainSummary, CoverageInterval, DigestCounts, LogFileCounts, LogFileStatus } from './results.js'
import { formatTime } from './time.js'

/** `invalid` if anything is, else `unverified` if anything is, else `valid`; a note changes nothing. */
export function worstVerdict(a: Verdict, b: Verdict | FindingVerdict): Verdict {
  if (a === 'invalid' || b === 'invalid') return 'invalid'
  return a === 'unverified' || b === 'unverified' ? 'unverified' : 'valid'
}

export function noDigests(): DigestCounts {
  return { found: 0, valid: 0, invalid: 0, unverified: 0, missing: 0, outOfChain: 0 }
}

export function noLogFiles(): LogFileCounts {
  return { listed: 0, valid: 0, invalid: 0, unverified: 0, missing: 0, unlisted: 0, uncovered: 0, pending: 0 }
}

/** Counts a log file: `listed` is the sum of valid, invalid, unverified and missing. */
export function countLogFile(counts: LogFileCounts, status: LogFileStatus): void {
  counts[status]++
  if (status === 'valid' || status === 'invalid' || status === 'unverified' || status === 'missing') counts.listed++
}

export function countDigest(counts: DigestCounts, verdict: Verdict, outOfChain: boolean): void {
  counts.found++
  counts[verdict]++
  if (outOfChain) counts.outOfChain++
}

export function addValid(counts: DigestCounts, valid: number): void {
  counts.found += valid
  counts.valid += valid
}

export function addListed(counts: LogFileCounts, valid: number): void {
  counts.listed += valid
  counts.valid += valid
}

/** Counts of a whole run, and its verdict. */
export class RunTally {
  readonly digests: DigestCounts = noDigests()
  readonly logFiles: LogFileCounts = noLogFiles()
  readonly findings: { [C in FindingCode]?: number } = {}
  read = 0
  inflated = 0
  #verdict: Verdict = 'valid'

  addFinding(finding: { readonly code: FindingCode; readonly verdict: FindingVerdict }): void {
    this.findings[finding.code] = (this.findings[finding.code] ?? 0) + 1
    this.#verdict = worstVerdict(this.#verdict, finding.verdict)
  }

  addCarriedOver({ digests, logFiles, bytesRead, bytesInflated }: CarriedOverResult): void {
    addValid(this.digests, digests)
    addListed(this.logFiles, logFiles)
    this.read += bytesRead
    this.inflated += bytesInflated
  }

  /** A chain that proves nothing leaves the run unverified, whatever others prove, unless all of its hours are accepted as a gap. */
  addChain({ verdict, coverage }: Pick<ChainSummary, 'verdict' | 'coverage'>): void {
    // What was found about its files counts as findings.
    if (verdict !== 'invalid' && coverage.length > 0 && coverage.every(({ accepted }) => accepted !== undefined)) return
    this.#verdict = worstVerdict(this.#verdict, verdict)
  }

  /** Nothing checked is never valid; an interrupted run neither. */
  verdict(interrupted: boolean): Verdict {
    return interrupted || this.digests.valid === 0 ? worstVerdict(this.#verdict, 'unverified') : this.#verdict
  }
}

/** What one chain adds up to; filled while its account and region is worked on. */
export class ChainTally {
  readonly digests: DigestCounts = noDigests()
  readonly logFiles: LogFileCounts = noLogFiles()
  #verdict: Verdict = 'valid'

  add(verdict: Verdict | FindingVerdict): void {
    this.#verdict = worstVerdict(this.#verdict, verdict)
  }

  summary(
    id: ChainId,
    range: Interval,
    coverage: readonly CoverageInterval[],
    newestDigest: ChainSummary['newestDigest'],
  ): ChainSummary {
    const verdict = this.digests.valid === 0 ? worstVerdict(this.#verdict, 'unverified') : this.#verdict
    const { organizationId, accountId, region, trail, homeRegion, kind } = id
    const { digests, logFiles } = this
    return {
      organizationId,
      accountId,
      region,
      trail,
      homeRegion,
      kind,
      verdict,
      startTime: formatTime(range.start),
      endTime: formatTime(range.end),
      digests,
      logFiles,
      coverage,
      newestDigest,
    }
  }
}
