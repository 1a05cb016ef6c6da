/** What the report of a shard says of it as a part. */
import { createHash } from 'node:crypto'
import stringify from 'fast-json-stable-stringify'
import type { ShardPart } from '../core/results.js'
import { formatTime } from '../core/time.js'
import { VERSION } from '../version.js'
import type { Wanted } from './not-found.js'
import type { ResolvedOptions } from './options.js'
import type { RunTotals } from './run-totals.js'
import type { ShardScopes } from './shard.js'

export class ShardAtWork {
  readonly #options: ResolvedOptions
  readonly #scopes: ShardScopes
  readonly #wanted: Wanted
  /** Before accounts and regions are looked at. */
  readonly #ignored: readonly number[]

  constructor(options: ResolvedOptions, scopes: ShardScopes, wanted: Wanted) {
    this.#options = options
    this.#scopes = scopes
    this.#wanted = wanted
    this.#ignored = options.sources.map(({ ignored = 0 }) => ignored)
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

export function shardSentence({ index, of, scopes }: Pick<ShardPart, 'index' | 'of' | 'scopes'>): string {
  return `This is shard ${index} of ${of}: ${scopes.verified} of the ${scopes.found} accounts and regions were verified in it, and nothing else is said here.`
}
