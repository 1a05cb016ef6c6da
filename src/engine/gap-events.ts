/**
 * Looks for what explains a gap in the log files around where it begins and ends. Beside measuring, only this sees the bytes of
 * log files: those whose hash a valid digest lists, and only once they are found to have it.
 */
import type { CheckedChain } from '../core/check-chain.js'
import { objectName } from '../core/check-digest.js'
import { compareKeys } from '../core/compare-keys.js'
import { HOUR, MINUTE } from '../core/coverage.js'
import { explainGap, gapEdges, LOG_FILES_AFTER, LOG_FILES_BEFORE, type ProvenEvent } from '../core/explain-gap.js'
import type { ChainId } from '../core/findings.js'
import type { JudgedChain } from '../core/judge-chain.js'
import { parseLogEvents } from '../core/log-events.js'
import { parseObjectKey } from '../core/object-key.js'
import type { OpenHours } from '../core/open-hours.js'
import type { Claim } from './claim-spool.js'
import { walkDigests } from './digest-walk.js'
import type { Scope } from './discover.js'
import { sha256Hex } from './gzip.js'
import { mapInOrder } from './in-order.js'
import { inflateBytes } from './measure.js'
import { ProgressMeter } from './progress.js'
import type { GapExplainer, Run } from './run.js'
import { readWhole } from './whole-body.js'

/** All bounds are per chain, or per half hour of an account and region: what is found does not depend on what else runs. */
const GAPS_PER_CHAIN = 32
const LOG_FILES = 128
const LOG_FILE_BYTES = 64 * 1024 * 1024
const ALL_BYTES = 256 * 1024 * 1024
const EVENTS = 1024
const READS_AT_ONCE = 4
/** An organization's trail is switched in its management account, which nothing here names but CloudTrail, where it was asked. */
const OTHER_ACCOUNTS = 8
/** Edges of several chains that fall into one half hour are answered from one search. */
const HALF_HOUR = 30 * MINUTE
const SEARCHES_KEPT = 64
/** A digest's signature is also in the next one, an hour later. */
const DIGESTS_AROUND = 2 * HOUR

interface Search {
  readonly events: readonly ProvenEvent[]
  readonly logFiles: number
  readonly complete: boolean
}

const NOTHING: Search = { events: [], logFiles: 0, complete: true }

/** The log files around gaps that were searched in this run. */
export class GapEvents implements GapExplainer {
  readonly #scopes: readonly Scope[]
  readonly #searches = new Map<string, Promise<Search>>()

  constructor(scopes: readonly Scope[]) {
    this.#scopes = scopes
  }

  /** The chain with its gaps explained, as far as something explains them. */
  async explain(run: Run, chain: JudgedChain): Promise<JudgedChain> {
    if (chain.gaps.length === 0) return chain
    const { digests, id } = chain.chain
    const buckets = new Set(digests.flatMap(({ vouches, record }) => (vouches ? [record.bucket] : [])))
    const gaps: OpenHours[] = []
    let left = GAPS_PER_CHAIN
    for (const gap of chain.gaps) {
      const edges = gapEdges(gap)
      if (edges.length === 0 || left-- <= 0) {
        gaps.push(gap)
        continue
      }
      const { events, logFiles, complete } = await this.#around(run, id, edges)
      gaps.push({ ...explainGap(gap, id, buckets, events), searched: { logFiles, complete } })
    }
    return { ...chain, gaps }
  }

  async #around(run: Run, id: ChainId, edges: readonly number[]): Promise<Search> {
    const { scopes, complete } = this.#whereSwitched(run, id)
    const halfHours = [...new Set(edges.map((edge) => Math.floor(edge / HALF_HOUR) * HALF_HOUR))]
    const searches: Search[] = []
    for (const scope of scopes) {
      for (const halfHour of halfHours) searches.push(await this.#search(run, scope, halfHour))
    }
    return searches.reduce(join, { ...NOTHING, complete })
  }

  /** A trail is switched in its home region, and what happens to its bucket is recorded in the bucket's own. */
  #whereSwitched({ options: { trailKnowledge } }: Run, id: ChainId): { scopes: readonly Scope[]; complete: boolean } {
    const sameOwner = this.#scopes.filter(({ organizationId }) => organizationId === id.organizationId)
    const own = sameOwner.filter(
      ({ accountId, region }) => accountId === id.accountId && (region === id.region || region === id.homeRegion),
    )
    const homes = own.some(({ region }) => region === id.homeRegion)
    if (id.organizationId === null) return { scopes: own, complete: homes }
    const others = sameOwner.filter(({ accountId, region }) => accountId !== id.accountId && region === id.homeRegion)
    const owners = trailKnowledge.filter(({ trail, homeRegion }) => trail === id.trail && homeRegion === id.homeRegion)
    const isOwner = ({ accountId }: Scope): boolean => owners.some((owner) => owner.accountId === accountId)
    const owning = others.filter(isOwner)
    if (owning.length > 0) return { scopes: [...own, ...owning], complete: homes }
    const few = others.length <= OTHER_ACCOUNTS
    return { scopes: few ? [...own, ...others] : own, complete: homes && few }
  }

  #search(run: Run, scope: Scope, halfHour: number): Promise<Search> {
    const key = `${scope.organizationId}/${scope.accountId}/${scope.region}/${halfHour}`
    const known = this.#searches.get(key)
    if (known !== undefined) return known
    const search = searchLogFiles(run, scope, halfHour)
    // Whoever asked first awaits it.
    search.catch(() => undefined)
    this.#searches.set(key, search)
    const [oldest] = this.#searches.keys()
    if (this.#searches.size > SEARCHES_KEPT && oldest !== undefined) this.#searches.delete(oldest)
    return search
  }
}

function join(a: Search, b: Search): Search {
  return {
    events: [...a.events, ...b.events],
    logFiles: a.logFiles + b.logFiles,
    complete: a.complete && b.complete,
  }
}

/** All chains of the account and region: another trail may have recorded how the first was stopped. */
async function searchLogFiles(run: Run, scope: Scope, halfHour: number): Promise<Search> {
  const { claims, complete } = await claimsAround(run, scope, halfHour)
  const events: ProvenEvent[] = []
  let bytes = 0
  let logFiles = 0
  let all = complete
  for await (const found of mapInOrder(claims, (claim) => readEvents(run, claim), READS_AT_ONCE)) {
    if (found === undefined) {
      all = false
      continue
    }
    bytes += found.bytes
    logFiles++
    events.push(...found.events.slice(0, EVENTS - events.length))
    if (bytes < ALL_BYTES && events.length < EVENTS) continue
    all = all && logFiles === claims.length
    break
  }
  return { events, logFiles, complete: all }
}

/** What valid digests list around a half hour, the nearest first. Their chains are read anew: the claims of the run are gone. */
async function claimsAround(run: Run, scope: Scope, halfHour: number): Promise<{ claims: readonly Claim[]; complete: boolean }> {
  const from = halfHour - LOG_FILES_BEFORE
  const to = halfHour + HALF_HOUR + LOG_FILES_AFTER
  const range = { ...run.range, askedStart: from, askedEnd: to }
  const walked = await walkDigests({ ...run, range, progress: new ProgressMeter(undefined) }, scope, { margin: DIGESTS_AROUND })
  try {
    const vouching = vouchingOrdinals(walked.chains)
    const found: { readonly claim: Claim; readonly distance: number }[] = []
    for await (const page of walked.claims.sorted()) {
      for (const claim of page) {
        const time = vouching.has(claim.ordinal) ? timeOfLogFile(claim, scope) : undefined
        if (time !== undefined && time >= from && time <= to)
          found.push({ claim, distance: Math.abs(time - halfHour - HALF_HOUR / 2) })
      }
    }
    found.sort((a, b) => a.distance - b.distance || compareKeys(a.claim.key, b.claim.key))
    const unique = [...new Map(found.map(({ claim }) => [`${claim.bucket}/${claim.key}/${claim.hash}`, claim])).values()]
    return { claims: unique.slice(0, LOG_FILES), complete: unique.length <= LOG_FILES }
  } finally {
    await walked.claims.discard()
  }
}

function vouchingOrdinals(chains: readonly CheckedChain[]): ReadonlySet<number> {
  const vouching = chains.flatMap(({ digests }) => digests.filter((digest) => digest.vouches))
  return new Set(vouching.map(({ record }) => record.ordinal))
}

/** Insights repeat the names of events that they are about: only the log files of events themselves are read. */
function timeOfLogFile({ key, algorithm }: Claim, { accountId, region }: Scope): number | undefined {
  const name = parseObjectKey(key)
  if (algorithm !== 'SHA-256' || name.kind !== 'log-file' || name.family !== 'CloudTrail') return undefined
  return name.accountId === accountId && name.region === region ? (name.time ?? undefined) : undefined
}

/** Undefined: not there, not readable, too large, or not the bytes that the digest speaks of. */
async function readEvents(run: Run, claim: Claim): Promise<{ events: readonly ProvenEvent[]; bytes: number } | undefined> {
  run.signal.throwIfAborted()
  for (const { source, key } of run.places.locate(claim.bucket, claim.key)) {
    const answer = await readWhole(await source.read(key, { signal: run.signal }), LOG_FILE_BYTES)
    if (answer.kind !== 'object' || answer.bytes === undefined) continue
    const inflated = inflate(answer.bytes)
    if (inflated === undefined || sha256Hex(inflated) !== claim.hash) continue
    const at = { logFile: objectName(claim), sha256: claim.hash }
    return { events: parseLogEvents(inflated).map((event) => ({ ...event, ...at })), bytes: answer.bytes.length }
  }
  return undefined
}

function inflate(stored: Uint8Array): Uint8Array | undefined {
  const inflated = inflateBytes(stored, LOG_FILE_BYTES)
  if (inflated.kind === 'plain') return stored
  return inflated.kind === 'inflated' ? inflated.bytes : undefined
}
