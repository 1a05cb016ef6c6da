/** Reads the digests of one account and region: all chains, and what their links lead to. */
import { type CheckedChain, checkChain, DigestChain } from '../core/check-chain.js'
import { checkDigest, type DigestFacts, type DigestRecord, digestInterval, previousOf } from '../core/check-digest.js'
import { HOUR, NAME_TOLERANCE } from '../core/coverage.js'
import type { ChainId } from '../core/findings.js'
import { digestToFollow } from '../core/judge-chain.js'
import { type DigestKey, parseObjectKey } from '../core/object-key.js'
import { dayOf } from '../core/settle-days.js'
import type { UnlistedPart } from '../sources/source.js'
import { ClaimSpool } from './claim-spool.js'
import { digestDays, type ForeignDigest, KNOWN_MARGIN, type NamedDigest } from './digest-listing.js'
import type { Scope } from './discover.js'
import { EventLoopTurns } from './event-loop.js'
import { mapInOrder } from './in-order.js'
import { monthOfKey } from './months.js'
import type { Place } from './places.js'
import type { DigestToRead } from './read-digest.js'
import type { Run } from './run.js'
import type { SettledPast } from './settled-past.js'

export interface WalkedDigests {
  readonly chains: readonly CheckedChain[]
  readonly claims: ClaimSpool
  readonly foreign: readonly ForeignDigest[]
  readonly unreadable: readonly { readonly place: Place; readonly part: UnlistedPart }[]
  /** Digest names in the listing, of any chain. */
  readonly listed: number
  /** A digest lists a key whose month may be read in two ways. Only told where it was asked. */
  readonly ambiguous: boolean
}

/** Bytes as stored; an hour's real digest has some kilobytes, and 64 KB can hold 64 MB. */
const SMALL_DIGEST = 32 * 1024
/** Outside the range: how many of the newest and of the oldest are read at a time to find a valid one. */
const PROBES = 4

export interface DigestWalkOptions {
  /** Whether the log files are to be told apart by months. */
  readonly inMonths?: boolean
  /** How far around the range digest names are listed; with less than the default, what is known of a chain is only what is there. */
  readonly margin?: number
  /** Digests of days that are settled are not read. */
  readonly past?: SettledPast | undefined
}

/** Lists, reads, links and judges all chains of an account and region. */
export async function walkDigests(
  run: Run,
  scope: Scope,
  { inMonths = false, margin = KNOWN_MARGIN, past }: DigestWalkOptions = {},
): Promise<WalkedDigests> {
  const { range } = run
  const end = range.askedEnd ?? (run.live ? range.defaultEnd : null)
  const listing = await run.listings.list(scope, digestDays(range.askedStart, end, margin), run.signal)
  await past?.check(listing)
  const walk = new DigestWalk(run, end, inMonths, past)
  const named = [...listing.byChain.values()]
    .map((names) => names.filter(({ name }) => isAround(name, range.askedStart, end, margin)))
    .filter((digests) => digests.length > 0)
  run.progress.chains += named.length
  run.progress.report()
  const chains: CheckedChain[] = []
  let listed = 0
  for (const digests of named) {
    listed += digests.length
    chains.push(await walk.chain(digests))
  }
  const { claims, ambiguous } = walk
  return { chains, claims, foreign: listing.foreign, unreadable: listing.unreadable, listed, ambiguous }
}

/** A chain is known by what it shows in [start − 7 d, end + 7 d]: day folders are wider than that. */
function isAround(name: DigestKey, start: number | null, end: number | null, margin: number): boolean {
  return (start === null || name.endTime >= start - margin) && (end === null || name.endTime <= end + margin)
}

class DigestWalk {
  readonly claims: ClaimSpool
  readonly #run: Run
  readonly #end: number | null
  readonly #inMonths: boolean
  readonly #past: SettledPast | undefined
  ambiguous = false
  readonly #turns = new EventLoopTurns()
  #ordinal = 0

  constructor(run: Run, end: number | null, inMonths: boolean, past: SettledPast | undefined) {
    this.#past = past
    this.#run = run
    this.#inMonths = inMonths
    this.#end = end
    this.claims = new ClaimSpool(run.budget)
  }

  /** `digests`: all that the listing has of the chain, by time. */
  async chain(digests: readonly NamedDigest[]): Promise<CheckedChain> {
    const chain = new DigestChain(chainOf(digests), this.#run.options.doubleCheck, digests[0]?.name.endTime ?? null)
    for (const stretch of this.#past?.stretchesOf(chain.id) ?? []) chain.add({ ...stretch, ordinal: this.#ordinal++ })
    const open = this.#past === undefined ? digests : digests.filter(({ name }) => !this.#past?.hasDigests(dayOf(name.endTime)))
    const window = open.filter((digest) => this.#isNear(digest.name))
    await this.#readAll(chain, window)
    await this.#readNext(chain, open, window.at(-1))
    if (!chain.records.some(isProven)) await this.#probe(chain, open)
    await this.#follow(chain)
    await this.#askOwnPlaces(chain)
    return checkChain(chain)
  }

  /** Whether a digest touches the range, as far as its name can tell. Backfill chains follow links: all are read. */
  #isNear(name: DigestKey): boolean {
    const { askedStart } = this.#run.range
    if (name.backfill) return true
    if (askedStart !== null && name.endTime < askedStart - NAME_TOLERANCE) return false
    return this.#end === null || name.endTime - HOUR <= this.#end + NAME_TOLERANCE
  }

  async #readAll(chain: DigestChain, digests: readonly NamedDigest[]): Promise<void> {
    const { signal, options } = this.#run
    const reads = mapInOrder(
      digests,
      (digest) => {
        signal.throwIfAborted()
        return this.#read(this.#toRead(digest))
      },
      options.concurrency,
    )
    for await (const record of reads) {
      this.#add(chain, record)
      const turn = this.#turns.turn()
      if (turn) await turn
    }
  }

  /** Claims are put away at once: records are few, claims are many. Of digests that may be large, few are open at a time. */
  #read(digest: DigestToRead): Promise<DigestRecord> {
    const small = digest.size !== undefined && digest.size <= SMALL_DIGEST
    return small ? this.#readWhole(digest) : this.#run.largeDigests(() => this.#readWhole(digest))
  }

  async #readWhole(digest: DigestToRead): Promise<DigestRecord> {
    const { record, logFiles } = await this.#run.reader.read(digest)
    if (this.#inMonths) this.ambiguous ||= logFiles.some(({ s3Object }) => monthOfKey(s3Object) === undefined)
    await this.claims.add(logFiles, record.ordinal)
    return record
  }

  #toRead({ name, place, entry, storedAs = entry.key }: NamedDigest): DigestToRead {
    const key = place.original(entry.key)
    const { source, bucket, index } = place
    const base = { source, sourceKey: storedAs, bucket, key, name, place: index, ordinal: this.#ordinal++ }
    if (entry.kind === 'object') return { ...base, size: entry.size, identity: entry.identity }
    const { reason, detail } = entry
    return { ...base, unreadable: { kind: 'unreadable', reason, ...(detail === undefined ? {} : { detail }) } }
  }

  #add(chain: DigestChain, record: DigestRecord): void {
    chain.add(record)
    const { progress } = this.#run
    progress.digests++
    progress.report()
  }

  /** The next digest after the range carries the signature of the last one in it. Planted names may stand between them. */
  async #readNext(chain: DigestChain, digests: readonly NamedDigest[], last: NamedDigest | undefined): Promise<void> {
    if (last === undefined || last.name.backfill) return
    const wanted = chain.at(last.place.bucket, last.place.original(last.entry.key))[0]
    for (const next of digests.slice(digests.indexOf(last) + 1)) {
      const before = chain.records.length
      await this.#readAll(chain, [next])
      const previous = chain.records[before] === undefined ? null : previousOf(chain.records[before])
      if (previous !== null && wanted !== undefined && previous.s3Object === wanted.key && previous.s3Bucket === wanted.bucket)
        return
      if (chain.records.slice(-2).some((record) => record.name.endTime > last.name.endTime && isProven(record))) return
    }
  }

  /** Nothing valid in the range: is the chain known at all? From both ends inwards, until one is proven: planted names cost time only. */
  async #probe(chain: DigestChain, digests: readonly NamedDigest[]): Promise<void> {
    const read = new Set(chain.records.map((record) => `${record.place}\n${record.key}`))
    const unread = digests.filter(({ place, entry }) => !read.has(`${place.index}\n${place.original(entry.key)}`))
    while (unread.length > 0) {
      await this.#readAll(chain, [...unread.splice(-PROBES), ...unread.splice(0, PROBES)])
      if (chain.records.some(isProven)) return
    }
  }

  /** Follows the links of proven digests to what the listing does not have: older buckets and prefixes, or nothing. */
  async #follow(chain: DigestChain): Promise<void> {
    const starts = chain.records
      .filter((record) => record.place >= 0 && checkDigest(record).proven)
      .map((record) => digestInterval(record).start)
    const oldestListed = starts.length === 0 ? null : Math.min(...starts)
    const { since } = this.#run.expected.of(chain.id)
    const request = { askedStart: this.#run.range.askedStart, since, oldestListed }
    const queue = chain.unresolved()
    for (let at = 0; at < queue.length; at++) {
      const record = queue[at]
      const link = record === undefined || !checkDigest(record).proven ? undefined : digestToFollow(chain.id, record, request)
      if (link === undefined || chain.at(link.bucket, link.key).length > 0) continue
      await this.#readLinked(chain, link.bucket, link.key)
      queue.push(...chain.at(link.bucket, link.key))
    }
  }

  /** A proven digest that was found as a copy only: is it in its own place, where that is here too? */
  async #askOwnPlaces(chain: DigestChain): Promise<void> {
    for (const record of [...chain.records]) {
      if (record.place < 0 || !isProven(record)) continue
      const copies = chain.at(record.bucket, record.key).map(({ place }) => place)
      const exact = this.#run.places.exact(record.bucket, record.key, copies)
      if (exact === undefined) continue
      const { bucket, key, name } = record
      const ordinal = this.#ordinal++
      this.#add(
        chain,
        await this.#read({ source: exact.source, sourceKey: exact.key, bucket, key, name, place: exact.place, ordinal }),
      )
    }
  }

  async #readLinked(chain: DigestChain, bucket: string, key: string): Promise<void> {
    const name = parseObjectKey(key)
    if (name.kind !== 'digest') return
    this.#run.signal.throwIfAborted()
    let unreadable: Extract<DigestFacts, { kind: 'unreadable' }> = { kind: 'unreadable', reason: 'bucket-not-given' }
    let missing = false
    for (const { source, key: sourceKey, place } of this.#run.places.locate(bucket, key)) {
      const ordinal = this.#ordinal++
      const record = await this.#read({ source, sourceKey, bucket, key, name, place, ordinal })
      if (record.facts.kind === 'unreadable') unreadable = record.facts
      else if (record.facts.kind === 'missing') missing = true
      else return this.#add(chain, record)
    }
    const facts: DigestFacts = missing ? { kind: 'missing' } : unreadable
    chain.add(emptyRecord(bucket, key, name, this.#ordinal++, facts))
  }
}

function isProven(record: DigestRecord): boolean {
  return checkDigest(record).proven
}

function emptyRecord(bucket: string, key: string, name: DigestKey, ordinal: number, facts: DigestFacts): DigestRecord {
  const lists = { families: new Set<string>(), logDays: new Set<number>(), listsElsewhere: false }
  return { bucket, key, name, place: -1, ordinal, ...lists, facts, metadataSignature: 'absent', successorSignature: 'absent' }
}

function chainOf(digests: readonly NamedDigest[]): ChainId {
  const first = digests[0]
  if (first === undefined) throw new RangeError('a chain has at least one digest')
  const { organizationId, accountId, region, trail, homeRegion, backfill } = first.name
  return { organizationId, accountId, region, trail, homeRegion, kind: backfill ? 'backfill' : 'standard' }
}
