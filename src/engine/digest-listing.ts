/** Names of digests, as they are listed. */
import { compareKeys } from '../core/compare-keys.js'
import { DAY } from '../core/coverage.js'
import { type DigestKey, type ForeignKey, parseObjectKey } from '../core/object-key.js'
import type { UnlistedPart } from '../sources/source.js'
import { type Days, type Entry, listDays } from './day-listing.js'
import type { Scope } from './discover.js'
import type { Place } from './places.js'

/** An object in a digest folder whose name is none that CloudTrail gives. */
export interface ForeignDigest {
  readonly place: Place
  readonly key: string
  readonly name: ForeignKey
}

export interface NamedDigest {
  readonly name: DigestKey
  readonly place: Place
  readonly entry: Entry
  /** Its key in the source, where it was inflated and lost `.gz`: `entry` has the key that it had. */
  readonly storedAs?: string
}

/** The listing of one account and region's digest folders, by chain. */
export interface DigestListing {
  readonly byChain: ReadonlyMap<string, NamedDigest[]>
  readonly foreign: readonly ForeignDigest[]
  readonly unreadable: readonly { readonly place: Place; readonly part: UnlistedPart }[]
}

/** A chain is known by what it shows a week around the range. */
export const KNOWN_MARGIN: number = 7 * DAY

/** The days whose folders can hold digests that matter. */
export function digestDays(askedStart: number | null, end: number | null, margin: number = KNOWN_MARGIN): Days {
  return {
    first: askedStart === null ? null : floorDay(askedStart - margin),
    last: end === null ? null : floorDay(end + margin),
  }
}

export function floorDay(time: number): number {
  return Math.floor(time / DAY) * DAY
}

/** Chains in byte order of trail and home region, standard before backfill; digests by time. */
async function listDigests(scope: Scope, days: Days, signal: AbortSignal): Promise<DigestListing> {
  const chains = new Map<string, NamedDigest[]>()
  const add = (digest: NamedDigest): void => {
    const { trail, homeRegion, backfill } = digest.name
    const chain = `${trail}\n${homeRegion}\n${backfill ? 1 : 0}`
    const digests = chains.get(chain)
    if (digests === undefined) chains.set(chain, [digest])
    else digests.push(digest)
  }
  const foreign: ForeignDigest[] = []
  const unreadable: { place: Place; part: UnlistedPart }[] = []
  for (const part of scope.parts) {
    const { place } = part
    const inflated: NamedDigest[] = []
    let asDelivered = 0
    const others: ForeignDigest[] = []
    for await (const page of digestEntries(part, days, signal)) {
      for (const entry of page) {
        const key = place.original(entry.key)
        const name = parseObjectKey(key)
        if (entry.kind === 'unreadable' && name.kind !== 'digest') {
          unreadable.push({ place, part: entry })
          continue
        }
        const before = name.kind === 'foreign' && place.source.kind === 'export' ? parseObjectKey(`${key}.gz`) : name
        if (name.kind === 'digest') {
          add({ name, place, entry })
          asDelivered++
        } else if (before.kind === 'digest')
          inflated.push({ name: before, place, entry: { ...entry, key: `${entry.key}.gz` }, storedAs: entry.key })
        if (name.kind === 'foreign') others.push({ place, key, name })
      }
    }
    // All of them were inflated, or none: one alone of such a name is no digest.
    if (asDelivered === 0) for (const digest of inflated) add(digest)
    const known = new Set(asDelivered === 0 ? inflated.map(({ storedAs }) => storedAs && place.original(storedAs)) : [])
    foreign.push(...others.filter(({ key }) => !known.has(key)))
  }
  const byChain = new Map([...chains].sort(([a], [b]) => compareKeys(a, b)))
  for (const digests of byChain.values())
    digests.sort((a, b) => a.name.endTime - b.name.endTime || compareKeys(a.entry.key, b.entry.key))
  return { byChain, foreign, unreadable }
}

async function* digestEntries(
  part: Scope['parts'][number],
  days: Days,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[], void, undefined> {
  for (const folder of part.digestFolders) yield* listDays(part.place.source, folder, days, signal)
  yield part.digestObjects
}

/** Names that wait for their turn, at most. */
const MOST_KEPT = 10_000

/** Lists digest folders; what was listed ahead of its turn is not asked for again. */
export class DigestListings {
  readonly #kept = new Map<Scope, { readonly days: Days; readonly listing: DigestListing }>()
  #names = 0

  /** Names only. */
  async list(scope: Scope, days: Days, signal: AbortSignal): Promise<DigestListing> {
    const kept = this.#kept.get(scope)
    this.#kept.delete(scope)
    const isSame = kept?.days.first === days.first && kept?.days.last === days.last
    return kept !== undefined && isSame ? kept.listing : listDigests(scope, days, signal)
  }

  /** The same for some places of a scope, before its turn. Keys of an export get their original names only later. */
  async listAhead(scope: Scope, parts: Scope['parts'], days: Days, signal: AbortSignal): Promise<DigestListing> {
    const listing = await listDigests({ ...scope, parts }, days, signal)
    const isWhole = parts.length === scope.parts.length && parts.every(({ place }) => place.origin === 'store')
    for (const digests of isWhole ? listing.byChain.values() : []) this.#names += digests.length
    if (isWhole && this.#names <= MOST_KEPT) this.#kept.set(scope, { days, listing })
    return listing
  }
}
