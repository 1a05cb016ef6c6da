/** What the report of a shard says of it as a part. */
import { createHash, type Hash } from 'node:crypto'
import stringify from 'fast-json-stable-stringify'
import type { Result, ShardPart, SplitScope, Summary } from '../core/results.js'
import { formatTime } from '../core/time.js'
import { VERSION } from '../version.js'
import type { Wanted } from './not-found.js'
import type { ResolvedOptions } from './options.js'
import { RunTotals } from './run-totals.js'
import type { ScopeEnd } from './scope-run.js'
import { type ScopeShare, type ShardScopes, scopeName } from './shard.js'

export class ShardAtWork {
  readonly #options: ResolvedOptions
  readonly #scopes: ShardScopes
  readonly #wanted: Wanted
  /** Before accounts and regions are looked at. */
  readonly #ignored: readonly number[]
  readonly #split: SplitScope[] = []
  /** The accounts and regions of the shard that are done. */
  #done = 0
  /** The one at work, where it is split. */
  #atWork: SplitAtWork | undefined

  constructor(options: ResolvedOptions, scopes: ShardScopes, wanted: Wanted) {
    this.#options = options
    this.#scopes = scopes
    this.#wanted = wanted
    this.#ignored = options.sources.map(({ ignored = 0 }) => ignored)
  }

  /** What comes next is said of the next account and region. */
  beginScope(): void {
    const share = this.#scopes.scopes[this.#done]
    this.#atWork = share?.months === undefined ? undefined : new SplitAtWork(share)
  }

  count(result: Exclude<Result, Summary>): void {
    this.#atWork?.add(result)
  }

  endDigests(): void {
    this.#atWork?.endDigests()
  }

  endScope(end: ScopeEnd): void {
    if (this.#atWork !== undefined) this.#split.push(this.#atWork.end(end))
    this.#done++
    this.beginScope()
  }

  part({ known, found, keyRefusals, unusableMetadata, notChecked }: RunTotals): ShardPart {
    const { index, of, borders, scopes, sha256, found: all } = this.#scopes
    const { range, object } = this.#wanted
    const { sources, homeRegion = null } = this.#options
    return {
      index,
      of,
      request: hashOfRequest(this.#options),
      borders,
      split: this.#split,
      scopes: { found: all, sha256, verified: scopes.length },
      now: formatTime(range.now),
      defaultEnd: range.defaultEnd === null ? null : formatTime(range.defaultEnd),
      newestValid: range.newestValid === null ? null : formatTime(range.newestValid),
      object,
      homeRegion,
      known: known.map(({ id, start, end }) => ({ ...id, startTime: formatTime(start), endTime: formatTime(end) })),
      trails: found,
      keyRefusals,
      unusableMetadata: [...unusableMetadata],
      ignored: sources.map(({ ignored = 0 }, i) => ({ before: this.#ignored[i] ?? 0, all: ignored })),
      notChecked: { first: notChecked.first, scopes: notChecked.scopes },
    }
  }
}

/** All that decides on what is found, but for the public keys: which of them were used, the report says. */
function hashOfRequest(options: ResolvedOptions): string {
  const { startTime, endTime, accountIds, regions, trails, homeRegion, originalPlace, byName, unvalidatedTrails } = options
  const { expectations, trailKnowledge, doubleCheck, maxInflatedBytes, now, startedAs, sources } = options
  const asked = { startTime, endTime, accountIds, regions, trails, homeRegion, originalPlace, byName, unvalidatedTrails }
  const rest = { expectations, trailKnowledge, doubleCheck, maxInflatedBytes, now, package: startedAs.packageSha256 }
  const all = { ...asked, ...rest, version: VERSION, sources: sources.map(({ name }) => name) }
  return createHash('sha256').update(stringify(all)).digest('hex')
}

export function shardSentences({ index, of, scopes, split }: Pick<ShardPart, 'index' | 'of' | 'scopes' | 'split'>): string[] {
  return [
    `This is shard ${index} of ${of}: ${scopes.verified} of the ${scopes.found} accounts and regions were verified in it, and nothing else is said here.`,
    ...split.map(({ name, from, to }) => {
      const [, accountId, region] = name.split('/')
      const months = [from === null ? '' : ` from ${from} on`, to === null ? '' : ` before ${to}`].join('')
      return `Of account ${accountId}, region ${region}, only the log files in the folders of the months${months} were verified in this shard.`
    }),
  ]
}

/** Counts what is said of an account and region that is split over shards. */
class SplitAtWork {
  readonly #share: ScopeShare
  /** What is said of its digests, by itself. */
  readonly #digests = new RunTotals({ expectations: undefined })
  readonly #hash: Hash = createHash('sha256')
  #inDigests = true
  readonly #findings = { digests: 0, logFiles: 0 }

  constructor(share: ScopeShare) {
    this.#share = share
  }

  add(result: Exclude<Result, Summary>): void {
    if (this.#inDigests) {
      this.#digests.add(result)
      this.#hash.update(`${stringify(result)}\n`)
      if (result.kind !== 'digest') this.#findings.digests++
    } else if (result.kind !== 'log-file') this.#findings.logFiles++
  }

  endDigests(): void {
    this.#inDigests = false
  }

  end({ chains, known, trails, notChecked, keys, accepted, carriedOver }: ScopeEnd): SplitScope {
    const { scope, months = { from: null, to: null } } = this.#share
    const { tally, metadataFrom } = this.#digests
    return {
      name: scopeName(scope),
      ...months,
      digestsSha256: this.#hash.digest('hex'),
      findings: this.#findings,
      digests: tally.digests,
      chains: chains.length,
      known: known.length,
      trails: trails.length,
      notChecked: notChecked.length,
      keys: keys.map(({ key, digests }) => ({ fingerprint: key.fingerprint, digests })),
      metadataFrom,
      accepted,
      ...(carriedOver === undefined ? {} : { carriedOver }),
    }
  }
}
