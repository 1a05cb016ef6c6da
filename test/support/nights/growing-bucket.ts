/** A bucket that CloudTrail delivers into for weeks: one or more chains, hour by hour, and what they delivered. */
import { type Fields, start, stop } from '../../../fixtures/calls.js'
import { type KeyName, testKey } from '../../../fixtures/keys.js'
import { Random } from '../../../fixtures/random.js'
import { ObjectStore, type Place, type StoredObject } from '../../../fixtures/store.js'
import { type DigestFile, type Family, HOUR, type LogFile, MINUTE, Trail } from '../../../fixtures/trail.js'

export const BUCKET = 'example-trail-logs'
export const DAY: number = 24 * HOUR
/** CloudTrail's; the attacker's is none of them. */
export const KEYS: readonly KeyName[] = ['march', 'april', 'ireland', 'spki']

/** As S3 has it. */
export interface DatedObject extends StoredObject {
  readonly modified: number
}

/** Knows when each object was put, and what was there before. */
export class DatedStore extends ObjectStore {
  /** When the next object is put. */
  clock = 0
  /** Put since the last run: no state knows them. */
  readonly unseen = new Set<string>()
  /** What was overwritten or deleted, by key. */
  readonly before = new Map<string, DatedObject>()

  override put(place: Place, bytes: Uint8Array | string, metadata: Readonly<Record<string, string>> = {}): Place {
    this.clock += 1000
    this.putDated(place.key, { bytes: Buffer.from(bytes), metadata, modified: this.clock })
    this.unseen.add(place.key)
    return { bucket: place.bucket, key: place.key }
  }

  /** As it was: a version of an object that is the newest again. */
  putDated(key: string, object: DatedObject): void {
    this.#bury(key)
    this.bucket(BUCKET).set(key, object)
  }

  remove(key: string): void {
    this.#bury(key)
    this.bucket(BUCKET).delete(key)
  }

  at(key: string): DatedObject | undefined {
    return this.bucket(BUCKET).get(key) as DatedObject | undefined
  }

  get objects(): ReadonlyMap<string, DatedObject> {
    return this.bucket(BUCKET) as Map<string, DatedObject>
  }

  #bury(key: string): void {
    const was = this.at(key)
    if (was !== undefined) this.before.set(key, was)
  }
}

export interface ChainOptions {
  readonly accountId: string
  readonly organizationId?: string
  readonly region: string
  readonly trail: string
  readonly prefix: string
  /** When it is logging for the first time. */
  readonly from: number
  /** When it is deleted. */
  readonly until: number
  /** Of each digest. */
  readonly minutes: number
  /** At most, for each digest. */
  readonly logs: number
  readonly families: readonly Family[]
  /** How many digests a key signs. */
  readonly keyLasts: number
  /** One digest of so many is the last before logging stops for some hours; 0: none. */
  readonly stops: number
  /** Delivers below another prefix from then on. */
  readonly moves: { readonly at: number; readonly to: string } | undefined
}

interface Due {
  readonly minutes: number
  readonly family: Family
}

/** How long after its end a digest is delivered. */
const LATE = 10 * MINUTE

export class Chain {
  readonly trail: Trail
  readonly options: ChainOptions
  readonly #random: Random
  /** What the digest that comes next will list. */
  #due: Due[] = []
  #delivered: LogFile[] = []
  #startsAt: number | null
  /** What the next log file tells. */
  #first: Fields | undefined

  constructor(store: DatedStore, options: ChainOptions) {
    const { accountId, organizationId, region, trail, prefix, from } = options
    this.options = options
    const named = { accountId, region, trail, prefix, bucket: BUCKET, start: new Date(from).toISOString(), key: 'march' } as const
    this.trail = new Trail({ store, ...named, ...(organizationId !== undefined && { organizationId }) })
    this.#random = new Random(`${accountId}/${region}/${trail}/${from}`)
    this.#startsAt = from
  }

  get digests(): readonly DigestFile[] {
    return this.trail.digests
  }

  /** Delivers all that CloudTrail has delivered by then. */
  grow(now: number): void {
    const { trail, options } = this
    const length = options.minutes * MINUTE
    for (;;) {
      if (this.#startsAt !== null) {
        if (this.#startsAt + LATE > now || this.#startsAt >= options.until) return
        trail.start((this.#startsAt - trail.now) / MINUTE)
        this.#startsAt = null
        this.#plan()
        if (this.digests.length > 1) this.#first = start(trail)
      }
      this.#deliver(now)
      if (trail.now + length + LATE > now || trail.now + length > options.until) return
      this.#sign()
    }
  }

  #deliver(now: number): void {
    const ready = this.#due.filter(({ minutes }) => this.trail.now + minutes * MINUTE + LATE / 2 <= now)
    this.#due = this.#due.slice(ready.length)
    for (const { minutes, family } of ready) {
      this.#delivered.push(this.trail.deliver({ minutes, family, text: this.#events(this.#first) }))
      this.#first = undefined
    }
  }

  #sign(): void {
    const { trail, options } = this
    const { keyLasts, minutes, moves, stops } = options
    const random = this.#random
    const stopping = stops > 0 && random.below(stops) === 0
    if (stopping) this.#delivered.push(trail.deliver({ minutes: minutes - 1, text: this.#events(stop(trail)) }))
    const number = trail.digests.length
    trail.key = testKey(KEYS[Math.floor(number / keyLasts) % KEYS.length] ?? 'march')
    if (moves !== undefined && trail.now >= moves.at) trail.prefix = moves.to
    trail.digest({ minutes, logs: [], listed: this.#delivered })
    if (stopping) this.#startsAt = trail.now + (1 + random.below(40)) * HOUR
    this.#plan()
  }

  #plan(): void {
    const { logs, minutes, families } = this.options
    const step = Math.floor(minutes / Math.max(1, logs))
    // The last one is named after the digest's end, now and then in the folder of the next day.
    this.#due = Array.from({ length: this.#random.below(logs + 1) }, (_, n) => ({
      minutes: n * step + 1 + this.#random.below(step - 2),
      family: this.#random.pick(families),
    }))
    this.#delivered = []
  }

  #events(fields: Fields = {}): string {
    const { accountId, region } = this.options
    const eventTime = `${new Date(this.trail.now).toISOString().slice(0, 19)}Z`
    const ordinary = { eventName: 'GetUser', eventSource: 'iam.amazonaws.com', awsRegion: region, recipientAccountId: accountId }
    return JSON.stringify({ Records: [{ eventTime, eventID: this.#random.uuid(), ...ordinary, ...fields }] })
  }
}
