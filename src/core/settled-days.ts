/**
 * What a state keeps of days that a run proved whole, in place of their digests and log files: what ties them to the digests around
 * them, what they add up to, and a hash of all that the store listed in their folders. Days are the folders' own, by their start.
 */
import type { PreviousDigest } from './digest.js'
import type { ChainId } from './findings.js'

/** From the first to the last day, both included. */
export interface DaySpan {
  readonly from: number
  readonly to: number
  /** Hex SHA-256 of what the store listed: names, sizes and identities. */
  readonly listing: string
  /** The numbers of the first and the last run that read any of it. */
  readonly read: readonly [oldest: number, newest: number]
}

/** The digests in the folders of some days: all valid, and so are all log files that they list. */
export interface SettledDigests extends DaySpan {
  /** The first and the last day in whose folders they list log files. */
  readonly lists: readonly [first: number, last: number]
  readonly stretches: readonly Stretch[]
}

/** Digests of one standard chain in one place, each linked to the one before and beginning where that one ends. */
export interface Stretch {
  /** Which of the places of the account and region: several may stand for one bucket. */
  readonly place: number
  readonly trail: string
  readonly homeRegion: string
  readonly digests: number
  /** As stored. */
  readonly bytes: number
  readonly logFiles: number
  readonly families: readonly string[]
  readonly keys: readonly StretchKey[]
  readonly startTime: number
  /** Of the first: the digest before all of these. */
  readonly previous: PreviousDigest
  readonly last: LastDigest
}

export interface StretchKey {
  readonly fingerprint: string
  readonly sha256: string
  readonly digests: number
  /** The first start and the last end of the digests that it proved. */
  readonly from: number
  readonly to: number
}

/** All that its signature is over, and the signature: it is verified each time. */
export interface LastDigest {
  readonly bucket: string
  readonly key: string
  readonly endTimeText: string
  readonly sha256: string
  readonly fingerprint: string
  readonly algorithm: string
  readonly previousSignature: string
  readonly signature: string
}

/** The log files in the folders of some days: all valid. */
export interface SettledLogFiles extends DaySpan {
  readonly logFiles: number
  readonly bytesRead: number
  readonly bytesInflated: number
  /** How many of them each chain lists. */
  readonly listedBy: readonly ListingChain[]
  /** By day: hex SHA-256 of the digests in its folder that list any of them. */
  readonly claimants: readonly (readonly [day: number, sha256: string])[]
}

export interface ListingChain extends Pick<ChainId, 'trail' | 'homeRegion' | 'kind'> {
  readonly logFiles: number
}

/** All that is settled of an account and region, each in order of time. */
export interface SettledDays {
  readonly digests: readonly SettledDigests[]
  readonly logFiles: readonly SettledLogFiles[]
}

export const NOTHING_SETTLED: SettledDays = { digests: [], logFiles: [] }

export function isWithin({ from, to }: Pick<DaySpan, 'from' | 'to'>, day: number): boolean {
  return from <= day && day <= to
}
