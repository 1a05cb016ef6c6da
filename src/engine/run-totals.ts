/** What a run adds up to, whether it was done in one piece or in shards. */
import type { MetadataOrigin } from '../core/digest-metadata.js'
import type { Finding, Gap } from '../core/findings.js'
import type { ChainSummary, PublicKeyUse, Result, Summary } from '../core/results.js'
import { countDigest, countLogFile, RunTally } from '../core/summary.js'
import { formatTime } from '../core/time.js'
import { AcceptedGaps } from './accepted-gaps.js'
import type { FoundTrail } from './not-found.js'
import type { ResolvedOptions } from './options.js'
import type { KeyUse, KnownChain, ScopeEnd } from './scope-run.js'

const NAMED_REFUSALS = 20
const NAMED = 10

export class RunTotals {
  readonly tally: RunTally = new RunTally()
  readonly chains: ChainSummary[] = []
  readonly found: FoundTrail[] = []
  readonly known: KnownChain[] = []
  readonly accepted: AcceptedGaps
  /** Sentences on what was not checked: of the run before anything was judged, of each account and region, of the run's end. */
  readonly notChecked: { readonly first: string[]; readonly scopes: string[]; readonly last: string[] } = {
    first: [],
    scopes: [],
    last: [],
  }
  readonly metadataFrom: { [O in MetadataOrigin]?: number } = {}
  /** What lies beside digests as their metadata and is none, and why. */
  readonly unusableMetadata: Map<string, string> = new Map()
  readonly #keys = new Map<string, PublicKeyUse>()
  /** Why digests have no public key that can be used. */
  readonly #keyRefusals = new Set<string>()

  constructor({ expectations }: Pick<ResolvedOptions, 'expectations'>) {
    this.accepted = new AcceptedGaps(expectations)
  }

  add(result: Exclude<Result, Summary>): void {
    const { tally } = this
    if (result.kind === 'digest') {
      countDigest(tally.digests, result.verdict, result.findings.includes('DIGEST_OUT_OF_CHAIN'))
      if (result.metadataFrom !== undefined) this.addMetadata(result.metadataFrom, 1)
    } else if (result.kind === 'log-file') {
      countLogFile(tally.logFiles, result.status)
      tally.read += result.bytesRead
      tally.inflated += result.bytesInflated
    } else if (result.kind === 'carried-over') {
      tally.addCarriedOver(result)
      this.addMetadata('object', result.digests)
    } else {
      this.addFinding(result)
      if (result.code === 'DIGEST_MISSING') tally.digests.missing++
      if (result.code === 'DIGEST_OUT_OF_CHAIN' && result.reason !== 'not-linked') countDigest(tally.digests, 'invalid', true)
    }
  }

  addFinding(finding: Finding | Gap): void {
    this.tally.addFinding(finding)
    if (finding.code === 'DIGEST_KEY_UNKNOWN' && finding.reason !== undefined) this.addKeyRefusal(finding.reason)
  }

  addKeyRefusal(reason: string): void {
    if (this.#keyRefusals.size < NAMED_REFUSALS) this.#keyRefusals.add(reason)
  }

  addMetadata(origin: MetadataOrigin, digests: number): void {
    this.metadataFrom[origin] = (this.metadataFrom[origin] ?? 0) + digests
  }

  addScope(end: ScopeEnd): void {
    this.addChains(end.chains)
    this.notChecked.scopes.push(...end.notChecked)
    this.known.push(...end.known)
    for (const entry of end.accepted) this.accepted.use(entry)
    for (const trail of end.trails) this.found.push({ accountId: end.accountId, region: end.region, trail })
    for (const use of end.keys) this.addKey(keyUse(use))
  }

  addChains(chains: readonly ChainSummary[]): void {
    this.chains.push(...chains)
    for (const chain of chains) this.tally.addChain(chain)
  }

  /** Of a key that was used before, the origin stays. */
  addKey(use: PublicKeyUse): void {
    const known = this.#keys.get(use.fingerprint)
    const { origin, independent } = known ?? use
    this.#keys.set(use.fingerprint, { ...use, origin, independent, digests: (known?.digests ?? 0) + use.digests })
  }

  key(fingerprint: string): PublicKeyUse | undefined {
    return this.#keys.get(fingerprint)
  }

  get publicKeys(): PublicKeyUse[] {
    return [...this.#keys.values()].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1))
  }

  get keyRefusals(): string[] {
    return [...this.#keyRefusals]
  }

  /** The counts, and the range that is proven. */
  counts(): Summary['summary'] {
    const { tally, chains } = this
    const { start, end } = provenRange(chains)
    return {
      startTime: start,
      endTime: end,
      digests: tally.digests,
      logFiles: tally.logFiles,
      bytes: { read: tally.read, inflated: tally.inflated },
      chains: chains.length,
      findings: tally.findings,
    }
  }

  /** All that was told, in the order of a report; without what every report says. */
  sentences(ended: boolean): string[] {
    const keys = [...this.#keyRefusals].sort().map((reason) => `Digests have no public key that can be used: ${reason}.`)
    const { first, scopes, last } = this.notChecked
    const unused = ended ? this.accepted.unused() : []
    return [...keys, ...first, ...scopes, ...last, ...unusable(this.unusableMetadata), ...unused]
  }
}

function keyUse({ key, origin, independent, digests }: KeyUse): PublicKeyUse {
  const { fingerprint, sha256, validityStartTime, validityEndTime } = key
  return {
    fingerprint,
    sha256,
    validityStartTime: validityStartTime === null ? null : formatTime(validityStartTime),
    validityEndTime: validityEndTime === null ? null : formatTime(validityEndTime),
    origin,
    independent,
    digests,
  }
}

/** What lies beside digests as their metadata, and is none. */
function unusable(files: ReadonlyMap<string, string>): string[] {
  const named = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
  const sentences = named.slice(0, NAMED).map(([object, why]) => `The metadata file beside ${object} was not used: ${why}.`)
  return named.length > NAMED ? [...sentences, `${named.length - NAMED} more metadata files were not used.`] : sentences
}

/** The latest start and the earliest end among the chains that give hours. */
function provenRange(chains: readonly ChainSummary[]): { start: string | null; end: string | null } {
  let start: string | null = null
  let end: string | null = null
  for (const chain of chains) {
    if (chain.kind !== 'standard' || chain.startTime >= chain.endTime) continue
    if (start === null || chain.startTime > start) start = chain.startTime
    if (end === null || chain.endTime < end) end = chain.endTime
  }
  return { start, end }
}
