/** What measuring a stored object says of its bytes: facts only. `judgeLogFile` turns them into a verdict. */

/** Why an object that begins as gzip (or is empty) is not one whole member. Stable words; they go into findings. */
export type Damage =
  | 'empty'
  /** Ends before the member does: in the header, the deflate data or the trailer. */
  | 'truncated'
  /** Method other than deflate, reserved flag bits, or a header checksum that is not the header's. */
  | 'bad header'
  | 'bad deflate data'
  /** The trailer's CRC-32 is not that of the inflated bytes. */
  | 'bad crc'
  /** The trailer's length is not that of the inflated bytes. */
  | 'bad length'

/** Bytes after the one gzip member, whatever they are: another member, junk, zeros. */
export interface TrailingBytes {
  /** Where the member ends, counted from the object's first byte. */
  readonly offset: number
  /** At least: reading ends not far beyond the limit. */
  readonly bytes: number
}

/** The object was read to its end, or to where damage was certain. */
export interface Measured {
  readonly kind: 'measured'
  /** False where the object does not start with `1f 8b`: then `sha256` is that of the bytes as stored. */
  readonly gzip: boolean
  /** Lower-case hex of the inflated bytes of the first member; empty where there is damage. */
  readonly sha256: string
  /** Bytes as stored. After damage, and after the member's end, reading goes on to count them, but not far beyond the limit. */
  readonly bytesRead: number
  /** Zero where there is damage. */
  readonly bytesInflated: number
  /** Null where nothing follows, and where damage leaves unknown what does. */
  readonly trailing: TrailingBytes | null
  readonly damage: Damage | null
}

/** Inflates to more than `limit` bytes, or is not gzip and longer than that. Reading stopped there. */
export interface TooLarge {
  readonly kind: 'too-large'
  readonly limit: number
  /** Bytes as stored that were needed to know, in steps of 64 KiB: the same however the bytes arrived. */
  readonly bytesRead: number
}

export type Measurement = Measured | TooLarge

/** An object's bytes as stored, all of them. */
export interface StoredBytes {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** The object itself, where it is handed over to be copied. */
  readonly object?: StoredObject
}

/** An object as it was read: its bytes, and what the store, or what lies beside it, says of it. */
export interface StoredObject {
  readonly body: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
  readonly metadataFrom?: 'tar' | 'xattr' | 'sidecar' | 'file'
}
