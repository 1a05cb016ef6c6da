/** Where bytes come from. A source decides nothing about validity; it tells what is there, or that it could not look. */
import type { UnreadableReason } from '../core/findings.js'
import type { StoredBytes } from '../core/measurement.js'
import type { ArchiveIdentity } from '../core/results.js'

/** An object in a listing. `key` is attacker-chosen. */
export interface ListedObject {
  readonly kind: 'object'
  /** Full key within the source. */
  readonly key: string
  /** Bytes as stored, where the listing tells. */
  readonly size?: number
  /**
   * Changes whenever anybody writes the object, and cannot be put back: with `ReadObject.identity` it says that what is listed is
   * what was read. Absent where the source cannot promise that.
   */
  readonly identity?: string
}

/** Something in, or all of, a listing that could not be looked at: a refused link, a folder without permission. */
export interface UnlistedPart {
  readonly kind: 'unreadable'
  /** The key, or the prefix ending in `/`, that could not be looked at. */
  readonly key: string
  readonly reason: UnreadableReason
  readonly detail?: string
}

/** Objects and folders directly below a prefix. */
export interface FolderListing {
  /** Full prefixes ending in `/`, in byte order of UTF-8. */
  readonly folders: readonly string[]
  /** Objects directly below the prefix, in byte order of UTF-8. */
  readonly objects: readonly (ListedObject | UnlistedPart)[]
}

/** An object that was read. */
export interface ReadObject {
  readonly kind: 'object'
  /**
   * The stored bytes: whole, or in chunks. A chunked body may throw while it is read: `BodyError` with the reason;
   * then nothing of what was read counts.
   */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  /** Of the object that these bytes are of: as listed, where it is still the same. */
  readonly identity?: string
  /** S3 user metadata, names in lower case without `x-amz-meta-`. Undefined: not carried by this source. Empty: carried, and there is none. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Where `metadata` came from, where it is not the object itself that has it. */
  readonly metadataFrom?: 'tar' | 'xattr' | 'sidecar' | 'file'
  /** Why what should be metadata of the object is none: a file beside it that cannot be read as such. */
  readonly unusableMetadata?: string
  /** The file beside it that was read for its metadata. */
  readonly sidecar?: { readonly key: string; readonly bytes: Uint8Array }
  /** Of a source that sums up what is read: ask once the body was read; null where that was not to its end. */
  readonly stored?: () => StoredBytes | null
}

/** A read answered that there is no such object. Never said from a listing alone. */
export interface NoSuchObject {
  readonly kind: 'missing'
}

/** Could not look. Says nothing about the object. */
export interface UnreadableObject {
  readonly kind: 'unreadable'
  readonly reason: UnreadableReason
  readonly detail?: string
}

/** The three answers to a read. `missing` makes a trail invalid, `unreadable` leaves it unverified: never turn one into the other. */
export type ReadAnswer = ReadObject | NoSuchObject | UnreadableObject

/** Thrown by a chunked body that breaks off after all retries. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly reason: UnreadableReason

  /** For sources of your own. */
  constructor(reason: UnreadableReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** Thrown by a read that another thread tried once: `failure` is what its source says, and survives a message. */
export class ReadFailure extends Error {
  override readonly name = 'ReadFailure'
  readonly failure: unknown

  constructor(failure: unknown) {
    super('a read that another thread tried did not succeed')
    this.failure = failure
  }
}

/** How an object is read. */
export interface ReadOptions {
  readonly signal?: AbortSignal
  /** Size in the listing, where one is known: a body of another length after retries is `altered-in-transfer`. */
  readonly size?: number
}

/** How a listing is read. */
export interface ListOptions {
  readonly signal?: AbortSignal
  /** Told of each object directly below the prefix; those that it answers true to may be left out. What could not be looked at never is. */
  readonly passOver?: (key: string) => boolean
}

/** One version of an object, or a marker that says that it was deleted. */
export interface ObjectVersion {
  readonly kind: 'version' | 'delete-marker'
  readonly versionId: string
  /** ISO 8601 UTC. */
  readonly lastModified: string
  /** Bytes as stored; 0 of a delete marker. */
  readonly size: number
  readonly isLatest: boolean
}

/** The versions of one object, or that they could not be looked at. */
export type VersionListing =
  | {
      readonly kind: 'versions'
      /** The newest first. Empty where none is kept. */
      readonly versions: readonly ObjectVersion[]
      /** Whether these are all. */
      readonly complete: boolean
    }
  | UnreadableObject

/** What keeps a version from being deleted. Where it may not be looked at, it is as if there were none. */
export interface ObjectLock {
  /** ISO 8601 UTC. */
  readonly retainUntil: string | null
  readonly legalHold: boolean
}

/** The answers to a read of one version. */
export type VersionAnswer = (ReadObject & { readonly lock: ObjectLock }) | NoSuchObject | UnreadableObject

/** The versions of single objects. Both methods bound what they read: what is beyond is not `complete`, or `too-large`. */
export interface VersionHistory {
  /** The versions of one object, exactly of this key. */
  list(key: string, options?: ListOptions): Promise<VersionListing>
  /** Reads one version. `missing` where a read answered that there is no such version. */
  read(key: string, versionId: string, options?: ReadOptions): Promise<VersionAnswer>
}

/** How another thread opens the same source: `(await import(module))[name](...args)`. All of it must survive a message. */
export interface SourceAddress {
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
}

/**
 * A place with objects: implement it to verify a trail from anywhere. Keys and prefixes are full keys of this source, case
 * and bytes exactly as stored; a prefix is empty or ends in `/`. Methods reject with VerifyTrailError only where the
 * source as a whole cannot be used (no credentials, no such bucket at the first listing); all else is an answer.
 */
export interface Source {
  /** As the user would name it: `s3://bucket/prefix`, a directory's path. */
  readonly name: string
  /** `store`: a live object store (an object that is not gzip is malformed; the default end is the clock's). `export`: a copy. */
  readonly kind: 'store' | 'export'
  /** The bucket whose keys these are, where that is certain (S3). */
  readonly bucket?: string
  /** An export that says what its folders are: the original bucket, and prefix, of an `AWSLogs/` below `root`. Signatures hold it to that. */
  original?(root: string): { readonly bucket: string; readonly prefix: string } | undefined
  /** An export that says what it was read from: what was looked for and not found is named so. */
  readonly standsFor?: string
  /** An export whose bytes are as the store has them: an object that is not gzip is malformed, as in a store. */
  readonly asStored?: boolean
  /** Names of the directories that lead to an export's root, outermost first: a trail's bucket may be among them. */
  readonly path?: readonly string[]
  /** Where to begin looking for `AWSLogs/`: empty, or ends in `/`. */
  readonly prefix?: string

  /** What is directly below a prefix. An answer `unreadable` says that it could not be listed. */
  folders(prefix: string, options?: ListOptions): Promise<FolderListing | UnreadableObject>
  /** All objects below a prefix at any depth, in byte order of the UTF-8 keys. Parts that cannot be listed are yielded as such. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject | UnlistedPart>
  /** The same as `list`, a page at a time, where that is quicker. */
  pages?(prefix: string, options?: ListOptions): AsyncIterable<readonly (ListedObject | UnlistedPart)[]>
  /** Reads one object. */
  read(key: string, options?: ReadOptions): Promise<ReadAnswer>
  /**
   * Reads one object at once, where that is quicker than a promise (a disk). What `read` guarantees holds, except that a
   * whole body is only good until the next call.
   */
  readNow?(key: string, options?: ReadOptions): ReadAnswer
  /** Bytes of an object as stored, where listings do not tell; undefined where it cannot be had. */
  sizeOf?(key: string): number | undefined
  /**
   * Where listings carry no identity: something of an object that is different after each write, as far as the system can tell.
   * Weaker: whoever rules the machine, or its clock, can put it back. Good enough to go on with a run that broke off, no more.
   */
  identify?(key: string): string | undefined
  /** Another bucket of the same store, where it can be had: only asked on the word of a valid digest. */
  otherBucket?(bucket: string): Source | undefined
  /** Where versions of objects may be had: asked for what is missing or was changed. */
  readonly versions?: VersionHistory
  /** Where given, log files of this source may be read and measured in worker threads. */
  readonly address?: SourceAddress
  /**
   * As `read`, except that the first try may be left to another thread: to whoever reads the object from the source at
   * `address`, once, and rejects with the `ReadFailure` that came of it. When to try, and whether again, is decided here.
   */
  readThere?<T extends { readonly kind: string }>(
    key: string,
    options: ReadOptions,
    there: (address: SourceAddress) => Promise<T>,
  ): Promise<{ readonly kind: 'done'; readonly result: T } | ReadAnswer>
  /** Told what `ReadObject.stored` said to another thread, which read the object from the source at `address`. */
  readElsewhere?(key: string, stored: StoredBytes | null): void | Promise<void>
  /**
   * Of an archive: what it is known by. Asked once, it is hashed while others read; asked again when all was read, rejects with
   * `ERR_SOURCE` where it changed since it was opened.
   */
  archive?(): Promise<ArchiveIdentity>
  /** Files ignored as the operating system's or as metadata sidecars, so far. */
  readonly ignored?: number
  /** Frees what it holds open. Not called by a run: whoever opened a source closes it. */
  close?(): Promise<void>
}
