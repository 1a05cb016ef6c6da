/** Makes one report of a run out of those of its shards: the same, byte for byte outside of `run`, as if it had been verified in one piece. */
import stringify from 'fast-json-stable-stringify'
import type { RangeRequest } from '../core/chain-range.js'
import type { MetadataOrigin } from '../core/digest-metadata.js'
import type { Expectations } from '../core/expectations.js'
import { ExpectedChains } from '../core/expected-chains.js'
import type { ChainId, Finding, Gap } from '../core/findings.js'
import { NEVER_SEEN } from '../core/never-seen.js'
import type { DigestCounts, LogFileCounts, ShardPart, SplitScope, Summary } from '../core/results.js'
import { worstVerdict } from '../core/summary.js'
import { parseTime } from '../core/time.js'
import { deliveredHours, trailSentences } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'
import type { Wanted } from './not-found.js'
import { ignoredFiles, notFound } from './run-end.js'
import { RunTotals } from './run-totals.js'
import { type Part, type ShardReport, SplitScopes } from './split-scopes.js'

/** A shard that has no report, and why. */
export interface FailedShard {
  readonly index: number
  readonly reason: string
}

/** How `mergeShards` takes what it is given. */
export interface MergeOptions {
  /** The run is then unverified, and says which part of it is not there. @default none: all must be there */
  readonly failed?: readonly FailedShard[]
  /** What is told of the merge itself. @default as of the first shard */
  readonly commandLine?: readonly string[]
}

/**
 * Yields the findings of all shards in their order, what no shard found, and the summary. Throws ERR_MERGE where the reports are not
 * those of all shards of one run: one is missing or there twice, or they were asked different things, of different sources, at another
 * time, by another version, or with two keys under one name; or where those that share the months of an account and region did not
 * find the same digests there. It verifies nothing: a report proves what it says only to who trusts it.
 */
export async function* mergeShards(
  reports: readonly ShardReport[],
  options: MergeOptions = {},
): AsyncGenerator<Finding | Gap | Summary, void, undefined> {
  const failed = [...(options.failed ?? [])].sort((a, b) => a.index - b.index)
  const parts = inOrder(reports, failed)
  const [first] = parts
  if (first === undefined) throw refused('there is no report of any shard')
  const expectations = expectationsOf(first)
  const totals = new RunTotals({ expectations })
  const split = new SplitScopes()
  const repetitions: SplitScope[] = []
  for (const part of parts) {
    const { findings, chains, repeated } = split.add(part)
    if (repeated !== undefined) repetitions.push(repeated)
    yield* told(totals, findings)
    totals.addChains(chains)
    addPart(totals, part, repeated)
  }
  const { findings, chains } = split.rest()
  yield* told(totals, findings)
  totals.addChains(chains)
  const wanted = wantedOf(first, expectations)
  // Of what a missing shard may have found, nobody can say that it is not there.
  if (failed.length === 0)
    for (const gap of notFound(totals, wanted)) {
      totals.addFinding(gap)
      yield gap
    }
  yield summaryOf(first, parts, totals, repetitions, { ...options, failed })
}

async function* told(
  totals: RunTotals,
  pages: AsyncIterable<readonly (Finding | Gap)[]>,
): AsyncGenerator<Finding | Gap, void, undefined> {
  for await (const page of pages) {
    for (const finding of page) {
      totals.addFinding(finding)
      yield finding
    }
  }
}

function inOrder(reports: readonly ShardReport[], failed: readonly FailedShard[]): Part[] {
  const parts = reports.map((report): Part => {
    const { shard, run } = report.summary
    if (shard === undefined) throw refused(`${report.name} is the report of no shard`)
    if (run.interrupted) throw refused(`${report.name} was interrupted: verify that shard again`)
    return { ...report, shard }
  })
  parts.sort((a, b) => a.shard.index - b.shard.index)
  const [first] = parts
  if (first === undefined) return parts
  for (const part of parts) checkTogether(first, part)
  checkComplete(parts, failed, first.shard.of)
  return parts
}

function hashes({ run: { archives = [] } }: Summary): readonly (string | null)[] {
  return archives.map(({ sha256 }) => sha256)
}

/** What shards of one run have in common. */
function checkTogether(first: Part, part: Part): void {
  const both = `${first.name} and ${part.name}`
  const differ = (a: unknown, b: unknown): boolean => stringify(a) !== stringify(b)
  if (differ(first.summary.tool, part.summary.tool))
    throw refused(`${both} are of different versions: ${first.summary.tool.version} and ${part.summary.tool.version}`)
  if (differ(first.summary.run.packageSha256, part.summary.run.packageSha256))
    throw refused(`${both} are of different builds of one version: their package SHA-256 differs`)
  if (first.shard.of !== part.shard.of) throw refused(`${both} are of ${first.shard.of} and of ${part.shard.of} shards`)
  if (differ(first.summary.run.sources, part.summary.run.sources))
    throw refused(
      `${both} are of different sources: ${first.summary.run.sources.join(' ')} and ${part.summary.run.sources.join(' ')}`,
    )
  if (differ(hashes(first.summary), hashes(part.summary)))
    throw refused(`${both} are of different archives: their SHA-256 differs`)
  if (first.shard.now !== part.shard.now)
    throw refused(`${both} took different times as now: ${first.shard.now} and ${part.shard.now}; give all shards one`)
  if (differ(first.summary.request, part.summary.request) || first.shard.request !== part.shard.request)
    throw refused(`${both} were not asked the same`)
  if (differ(first.shard.borders, part.shard.borders))
    throw refused(`${both} did not find the same accounts and regions: give all shards one plan`)
  if (differ([first.shard.defaultEnd, first.shard.newestValid], [part.shard.defaultEnd, part.shard.newestValid]))
    throw refused(`${both} did not find the same newest digest: give all shards an end of the range`)
}

function checkComplete(parts: readonly Part[], failed: readonly FailedShard[], of: number): void {
  const seen = new Map<number, string>()
  const all = [
    ...parts.map(({ name, shard }) => ({ name, index: shard.index })),
    ...failed.map(({ index }) => ({ name: 'what failed', index })),
  ]
  for (const { name, index } of all) {
    const other = seen.get(index)
    if (other !== undefined) throw refused(`${other} and ${name} are both shard ${index} of ${of}`)
    seen.set(index, name)
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((index) => !seen.has(index))
  if (missing.length > 0) throw refused(`of ${of} shards these are missing: ${listed(missing)}`)
}

const LISTED = 20

function listed(numbers: readonly number[]): string {
  const more = numbers.length - LISTED
  return `${numbers.slice(0, LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** All but its findings and chains. `repeated`: what it says once more. */
function addPart(totals: RunTotals, { name, summary, shard }: Part, repeated: SplitScope | undefined): void {
  const { tally, notChecked, accepted, unusableMetadata } = totals
  addCounts(tally.digests, summary.summary.digests)
  if (repeated !== undefined) addCounts(tally.digests, repeated.digests, -1)
  addCounts(tally.logFiles, summary.summary.logFiles)
  tally.read += summary.summary.bytes.read
  tally.inflated += summary.summary.bytes.inflated
  for (const use of summary.publicKeys) {
    const known = totals.key(use.fingerprint)
    if (known !== undefined && known.sha256 !== use.sha256)
      throw refused(`${name} was verified with another key ${use.fingerprint} than the shards before it`)
    const again = repeated?.keys.find(({ fingerprint }) => fingerprint === use.fingerprint)
    totals.addKey({ ...use, digests: use.digests - (again?.digests ?? 0) })
  }
  for (const reason of shard.keyRefusals) totals.addKeyRefusal(reason)
  for (const [origin, digests] of Object.entries(summary.run.metadataFrom ?? {}))
    totals.addMetadata(origin as MetadataOrigin, digests - (repeated?.metadataFrom[origin as MetadataOrigin] ?? 0))
  for (const [object, why] of shard.unusableMetadata) unusableMetadata.set(object, why)
  for (const [entry, { gaps }] of (summary.expectations?.accept ?? []).entries())
    accepted.use(entry, gaps - (repeated?.accepted.filter((one) => one === entry).length ?? 0))
  totals.found.push(...shard.trails.slice(repeated?.trails ?? 0))
  for (const { startTime, endTime, ...id } of shard.known.slice(repeated?.known ?? 0))
    totals.known.push({ id: id satisfies ChainId, start: parseTime(startTime) ?? 0, end: parseTime(endTime) ?? 0 })
  if (shard.index === 1) notChecked.first.push(...shard.notChecked.first)
  notChecked.scopes.push(...shard.notChecked.scopes.slice(repeated?.notChecked ?? 0))
}

function addCounts<C extends DigestCounts | LogFileCounts>(to: C, from: Readonly<C>, sign: 1 | -1 = 1): void {
  for (const name of Object.keys(to) as (keyof C)[]) (to[name] as number) += sign * (from[name] as number)
}

function expectationsOf({ summary: { expectations } }: Part): Expectations | undefined {
  if (expectations === undefined) return undefined
  return { expect: expectations.expect, accept: expectations.accept.map(({ gaps: _, ...accepted }) => accepted) }
}

function wantedOf({ summary, shard }: Part, expectations: Expectations | undefined): Wanted {
  const { accountIds, regions, trails, startTime, endTime } = summary.request
  const { trails: trailKnowledge = [] } = summary
  const time = (text: string | null): number | null => (text === null ? null : (parseTime(text) ?? null))
  const range: RangeRequest = {
    askedStart: time(startTime),
    askedEnd: time(endTime),
    defaultEnd: time(shard.defaultEnd),
    newestValid: time(shard.newestValid),
    now: parseTime(shard.now) ?? 0,
  }
  return {
    asked: { accountIds, regions, trails, homeRegion: shard.homeRegion ?? undefined, trailKnowledge },
    range,
    expected: new ExpectedChains(expectations ?? { expect: [], accept: [] }, deliveredHours(trailKnowledge)),
    object: shard.object,
  }
}

function summaryOf(
  first: Part,
  parts: readonly Part[],
  totals: RunTotals,
  repetitions: readonly SplitScope[],
  { failed = [], commandLine }: MergeOptions,
): Summary {
  const { shard: _, run, expectations: _expectations, ...same } = first.summary
  const runs = parts.map(({ summary }) => summary.run)
  const verdict = totals.tally.verdict(false)
  return {
    ...same,
    verdict: failed.length === 0 ? verdict : worstVerdict(verdict, 'unverified'),
    run: {
      ...run,
      startedAt: runs.map(({ startedAt }) => startedAt).sort()[0] ?? run.startedAt,
      finishedAt:
        runs
          .map(({ finishedAt }) => finishedAt)
          .sort()
          .at(-1) ?? run.finishedAt,
      commandLine: commandLine ?? run.commandLine,
      metadataFrom: totals.metadataFrom,
      ...stateOf(runs, repetitions),
    },
    summary: totals.counts(),
    chains: totals.chains,
    ...totals.accepted.report(),
    publicKeys: totals.publicKeys,
    notChecked: sentences(parts, first, totals, failed),
  }
}

/** Of shards that had a state each: what all of them took over. `repetitions`: of digests that a shard before took over too. */
function stateOf(runs: readonly Summary['run'][], repetitions: readonly SplitScope[]): Pick<Summary['run'], 'state'> {
  const states = runs.flatMap(({ state }) => state ?? [])
  const [first] = states
  if (first === undefined) return {}
  const sum = (of: 'digests' | 'logFiles' | 'bytes'): number => states.reduce((all, { carriedOver }) => all + carriedOver[of], 0)
  const again = (of: 'digests' | 'bytes'): number =>
    repetitions.reduce((all, { carriedOver }) => all + (carriedOver?.[of] ?? 0), 0)
  const times = (of: 'oldestRead' | 'newestRead'): string[] => states.flatMap(({ carriedOver }) => carriedOver[of] ?? []).sort()
  const carriedOver = {
    digests: sum('digests') - again('digests'),
    logFiles: sum('logFiles'),
    bytes: sum('bytes') - again('bytes'),
    oldestRead: times('oldestRead')[0] ?? null,
    newestRead: times('newestRead').at(-1) ?? null,
  }
  const keyed = states.every((state) => state.keyed)
  // Each has a chain of reports of its own.
  return { state: { ...first, previousReportSha256: null, carriedOver, keyed } }
}

function sentences(parts: readonly Part[], first: Part, totals: RunTotals, failed: readonly FailedShard[]): string[] {
  const buckets = first.summary.run.sources.flatMap((source) => /^s3:\/\/([^/]+)/.exec(source)?.[1] ?? [])
  const appeared = parts.some(({ shard }) => shard.scopes.sha256 !== first.shard.scopes.sha256)
    ? ['While the shards were verified, accounts and regions appeared or vanished: those that came later may be missing here.']
    : []
  return [
    ...failed.map(({ index, reason }) => failedSentence(first.shard, index, reason)),
    ...appeared,
    ...trailSentences(first.summary.trails ?? [], buckets),
    ...totals.sentences(failed.length === 0),
    ...ignoredFiles(ignoredCounts(parts)),
    ...NEVER_SEEN,
  ]
}

function failedSentence({ of, borders }: ShardPart, index: number, reason: string): string {
  const from = borders[index - 2]
  const to = borders[index - 1]
  const where = [from === undefined ? '' : ` from ${from} on`, to === undefined ? '' : ` before ${to}`].join('')
  return `Shard ${index} of ${of} failed (${reason}): the accounts and regions${where} were not checked.`
}

function ignoredCounts(parts: readonly Part[]): number[] {
  const counts = parts[0]?.shard.ignored.map(({ before }) => before) ?? []
  for (const { shard } of parts)
    shard.ignored.forEach(({ before, all }, i) => {
      counts[i] = (counts[i] ?? 0) + all - before
    })
  return counts
}

function refused(reason: string): VerifyTrailError {
  return new VerifyTrailError('ERR_MERGE', `the reports cannot be merged: ${reason}`)
}
