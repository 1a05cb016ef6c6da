/**
 * What must be known before anything is judged: which original bucket each place of an export stands for, where an export
 * ends, and whether a bucket is a replica of another one.
 */

import type { RangeRequest } from '../core/chain-range.js'
import { checkSignature, type DigestContent } from '../core/check-digest.js'
import { DELIVERY_DELAY, NAME_TOLERANCE } from '../core/coverage.js'
import { VerifyTrailError } from '../errors.js'
import type { Source } from '../sources/source.js'
import { type DigestListings, digestDays, type NamedDigest } from './digest-listing.js'
import type { Discovery } from './discover.js'
import { mapInOrder } from './in-order.js'
import type { ResolvedOptions } from './options.js'
import type { Place } from './places.js'
import type { DigestReader } from './read-digest.js'
import { sourceLabel } from './source-label.js'

export interface SurveyContext {
  readonly options: ResolvedOptions
  readonly discovery: Discovery
  readonly listings: DigestListings
  readonly reader: DigestReader
  readonly signal: AbortSignal
}

export interface Survey {
  readonly range: RangeRequest
  readonly notChecked: readonly string[]
}

/** Settles the places, then the range. */
export async function survey(context: SurveyContext): Promise<Survey> {
  const { options, discovery } = context
  const places = discovery.places.all
  const live = places.some((place) => place.source.kind === 'store')
  settleGiven(places, options.originalPlace)
  const surveyor = new Surveyor(context, live)
  const newest = await surveyor.run()
  const notChecked = surveyor.settle()
  const { startTime, endTime, now } = options
  const base = { askedStart: startTime, askedEnd: endTime, now }
  if (endTime !== null) return { range: { ...base, defaultEnd: null, newestValid: null }, notChecked }
  if (live) return { range: { ...base, defaultEnd: now - DELIVERY_DELAY, newestValid: null }, notChecked }
  const defaultEnd = newest === null ? null : newest - NAME_TOLERANCE
  return { range: { ...base, defaultEnd, newestValid: newest }, notChecked }
}

/** `--bucket NAME[/PREFIX]`: without a prefix, objects keep their keys (a store), or their prefix is read off the digests (an export). */
function settleGiven(places: readonly Place[], given: ResolvedOptions['originalPlace']): void {
  if (given === undefined) return
  for (const place of places) {
    const certain = place.isSaid ? place.bucket : place.source.bucket
    if (certain === given.bucket && given.prefix === undefined) continue
    if (place.isSaid) {
      place.bucket = given.bucket
      place.prefix = given.prefix ?? place.prefix
      place.origin = 'given'
      continue
    }
    const named = place.source.kind === 'store' ? undefined : place.prefixBelow(given.bucket)
    const exact = named !== undefined && (given.prefix === undefined || given.prefix === named)
    place.bucket = given.bucket
    place.prefix = exact ? named : (given.prefix ?? (place.source.kind === 'store' ? place.root : ''))
    place.origin = exact ? 'exact' : 'given'
  }
}

/** Where a digest that was found at `key` of a place says that it was delivered. */
interface Vote {
  readonly bucket: string
  readonly prefix: string
  /** How many proven digests say so. */
  readonly count: number
  readonly proven: boolean
  readonly exact: boolean
}

class Surveyor {
  readonly #context: SurveyContext
  /** By place, then by `bucket/prefix`. */
  readonly #votes = new Map<Place, Map<string, Vote>>()
  /** Stores whose digests name one other bucket, and nothing else so far. */
  readonly #replicas = new Map<Place, Set<string>>()
  readonly #needsEnd: boolean

  constructor(context: SurveyContext, live: boolean) {
    this.#context = context
    this.#needsEnd = context.options.endTime === null && !live
  }

  /** The newest valid digestEndTime over all chains, where an export needs it. */
  async run(): Promise<number | null> {
    const { discovery, listings, options, signal } = this.#context
    let newest: number | null = null
    for (const scope of discovery.scopes) {
      const parts = scope.parts.filter(
        ({ place, digestFolders }) => digestFolders.length > 0 && (this.#needsEnd || this.#isOpen(place)),
      )
      if (parts.length === 0 || scope.region === null) continue
      const end = options.endTime ?? options.now - DELIVERY_DELAY
      const days = this.#needsEnd ? digestDays(null, null) : digestDays(options.startTime, end)
      const listing = await listings.listAhead(scope, parts, days, signal)
      for (const digests of listing.byChain.values()) {
        const valid = await this.#newestValid(digests)
        for (const { place } of parts)
          await this.#settleBy(
            digests.filter((digest) => digest.place === place),
            place,
          )
        if (valid !== undefined && (newest === null || valid > newest)) newest = valid
        if (!this.#needsEnd && parts.every(({ place }) => !this.#isOpen(place))) break
      }
    }
    return newest
  }

  /** What this place's own digests say of it: another trail's, or another prefix's, may say something else. */
  async #settleBy(digests: readonly NamedDigest[], place: Place): Promise<void> {
    if (this.#isOpen(place)) await this.#newestValid(digests)
    if (this.#isOpen(place)) await this.#oldestValid(digests)
    await this.#confirmReplica(digests)
  }

  /** Whether the place's original bucket is still to be found out. */
  #isOpen(place: Place): boolean {
    if (place.isSaid) return false
    if (place.origin === 'store') return this.#replicas.get(place)?.has('') !== true
    const votes = [...(this.#votes.get(place)?.values() ?? [])]
    if (place.origin === 'exact') return false
    if (place.origin === 'given')
      return this.#context.options.originalPlace?.prefix === undefined && !votes.some((vote) => vote.proven)
    return !votes.some((vote) => vote.exact)
  }

  /** From the newest back to the first that is proven, by its metadata or by a digest after it. */
  async #newestValid(digests: readonly NamedDigest[]): Promise<number | undefined> {
    const after = new Signatures()
    for (let at = digests.length - 1; at >= 0; at--) {
      const digest = digests[at]
      if (digest === undefined) break
      const content = await this.#read(digest)
      if (content === undefined) continue
      const proven = this.#isProven(digest, content, after.of(content))
      this.#vote(digest, content, proven)
      if (proven) return content.digest.digestEndTime
      after.add(content)
    }
    return undefined
  }

  /** What the first valid digest of a chain names counts where no directory is named like a bucket. */
  async #oldestValid(digests: readonly NamedDigest[]): Promise<void> {
    const before: { readonly digest: NamedDigest; readonly content: DigestContent }[] = []
    for (const digest of digests) {
      const content = await this.#read(digest)
      if (content === undefined) continue
      const after = new Signatures()
      after.add(content)
      before.push({ digest, content })
      const proven = before.find((one) => this.#isProven(one.digest, one.content, after.of(one.content)))
      if (proven !== undefined) return this.#vote(proven.digest, proven.content, true)
      if (before.length > OLDEST_HELD) before.shift()
    }
  }

  async #read({ name, place, entry, storedAs = entry.key }: NamedDigest): Promise<DigestContent | undefined> {
    this.#context.signal.throwIfAborted()
    if (entry.kind !== 'object') return undefined
    const { source, bucket, index } = place
    const key = place.original(entry.key)
    const { record } = await this.#context.reader.read({
      source,
      sourceKey: storedAs,
      bucket,
      key,
      name,
      place: index,
      ordinal: 0,
      size: entry.size,
    })
    return record.facts.kind === 'content' ? record.facts : undefined
  }

  /** Signed, and about what its own key says: not a digest of another account, region, trail or time. */
  #isProven({ place, entry }: NamedDigest, content: DigestContent, carried: readonly string[]): boolean {
    if (!content.digest.digestS3Object.endsWith(entry.key.slice(place.root.length))) return false
    const twice = this.#context.options.doubleCheck
    const own = content.metadata?.['signature']
    return [...(own === undefined ? [] : [own]), ...carried].some((one) => checkSignature(content, one, twice) === 'verifies')
  }

  #vote({ place, entry }: NamedDigest, content: DigestContent, proven: boolean): void {
    const { digestS3Bucket: bucket, digestS3Object: key } = content.digest
    const rest = entry.key.slice(place.root.length)
    if (place.origin === 'store') {
      const seen = this.#replicas.get(place) ?? new Set<string>()
      this.#replicas.set(place, seen.add(bucket !== place.bucket && key === entry.key ? bucket : ''))
      return
    }
    if (place.isSaid || !key.endsWith(rest)) return
    if (place.origin === 'given' && bucket !== place.bucket) return
    const prefix = key.slice(0, key.length - rest.length)
    if (prefix !== '' && !prefix.endsWith('/')) return
    const votes = this.#votes.get(place) ?? new Map<string, Vote>()
    const named = `${bucket}/${prefix}`
    const known = votes.get(named)
    const count = (known?.count ?? 0) + (proven ? 1 : 0)
    votes.set(named, { bucket, prefix, count, proven: count > 0, exact: count > 0 && place.isNamed(bucket, prefix) })
    this.#votes.set(place, votes)
  }

  /** Before a store is refused as a replica, all digests of the chain are read: a few that were copied in make none. */
  async #confirmReplica(digests: readonly NamedDigest[]): Promise<void> {
    const stores = digests.filter(({ place }) => place.origin === 'store' && this.#isOpen(place))
    for await (const [digest, content] of mapInOrder(
      stores,
      async (digest) => [digest, await this.#read(digest)] as const,
      this.#context.options.concurrency,
    )) {
      if (content === undefined) continue
      this.#vote(digest, content, false)
      if (!this.#isOpen(digest.place)) return
    }
  }

  /** Gives each place its bucket and prefix. */
  settle(): string[] {
    for (const [place, seen] of this.#replicas) refuseReplica(place, seen)
    const { all } = this.#context.discovery.places
    for (const [place, votes] of this.#votes) {
      const { bucket, prefix, proven, exact } = bestOf(place, [...votes.values()])
      if (place.origin === 'given' && !proven) continue
      place.prefix = prefix
      if (place.origin === 'given') continue
      place.bucket = bucket
      place.origin = exact ? 'exact' : proven ? 'inferred' : 'guessed'
    }
    joinParts(
      all.filter((place) => !this.#votes.has(place)),
      all,
    )
    return all.flatMap((place) => placeSentence(place, this.#context.options.sources))
  }
}

/**
 * An export in several parts: one without digests that is named as the digests of another say is of the same place. One that is not so
 * named may be of any bucket: only the operator can tell.
 */
function joinParts(parts: readonly Place[], all: readonly Place[]): void {
  const settled = all.filter(({ origin }) => origin === 'exact' || origin === 'inferred')
  for (const part of parts) {
    const whole = settled.find(({ bucket, prefix }) => part.isNamed(bucket, prefix))
    if (part.origin !== 'guessed' || whole === undefined) continue
    part.bucket = whole.bucket
    part.prefix = whole.prefix
    part.origin = 'exact'
  }
}

/** How many digests without a proof are held while the oldest valid one is looked for. */
const OLDEST_HELD = 16

/** Signatures that digests carry for the ones before them. */
class Signatures {
  readonly #byPlace = new Map<string, string[]>()

  add({ digest: { previous } }: DigestContent): void {
    if (previous === null) return
    const place = `${previous.s3Bucket}/${previous.s3Object}`
    const known = this.#byPlace.get(place)
    if (known === undefined) this.#byPlace.set(place, [previous.signature])
    else known.push(previous.signature)
  }

  of({ digest: { digestS3Bucket, digestS3Object } }: DigestContent): readonly string[] {
    return this.#byPlace.get(`${digestS3Bucket}/${digestS3Object}`) ?? []
  }
}

/** The directory's name if signed digests name it; else what they name. Where they name several, only the operator can tell. */
function bestOf(place: Place, votes: readonly Vote[]): Vote {
  const best = votes.reduce((one, other) => (rank(other) > rank(one) ? other : one))
  const named = votes.filter((vote) => vote.proven).map(({ bucket, prefix }) => `${bucket}/${prefix}`)
  if (place.origin === 'given' || best.exact || named.length < 2) return best
  const message = `signed digests in ${place.source.name} name different original places (${named.join(' and ')}): say with --bucket which one it is a copy of`
  throw new VerifyTrailError('ERR_SOURCE', message)
}

function rank({ exact, count }: Vote): number {
  return exact ? Number.POSITIVE_INFINITY : count
}

/** All digests of a store that were looked at name one other bucket under the same keys. */
function refuseReplica(place: Place, seen: ReadonlySet<string>): void {
  const [bucket] = seen
  if (bucket === undefined || bucket === '' || seen.size !== 1) return
  const message = `the digests in ${place.source.name} were delivered to bucket ${bucket}: this is a replica. Give its original place with --bucket ${bucket}`
  throw new VerifyTrailError('ERR_REPLICA', message)
}

function placeSentence(place: Place, sources: readonly Source[]): string[] {
  const original = `s3://${place.bucket}/${place.prefix}AWSLogs/`
  const said = place.source.original?.(place.root)
  const [name, root] =
    said === undefined ? [sourceLabel(place.source, sources), place.root] : [`s3://${said.bucket}`, said.prefix]
  const found = `${name}${root === '' ? '' : ` (${root})`}`
  if (place.origin === 'inferred') {
    return [
      `That ${found} is a copy of ${original} is what its own signed digests say: no directory is named so, and no --bucket was given.`,
    ]
  }
  if (place.origin === 'guessed') return [`Which bucket ${found} is a copy of is not known: no digest in it is proven.`]
  if (place.origin === 'given') return [`As given with --bucket, ${found} was verified as the relocated ${original}.`]
  return []
}
