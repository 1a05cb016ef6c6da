/**
 * What digests say of log files, sorted by bucket and key, with flat memory: claims are kept as bytes, out of the garbage
 * collector's way; beyond a budget, sorted runs go to temporary files and are merged when read.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareKeys } from '../core/compare-keys.js'
import type { LogFileClaim } from '../core/digest.js'
import { mergePages } from './merge-pages.js'

/** What a digest says of a log file. `ordinal` names the digest within its account and region. */
export interface Claim {
  readonly bucket: string
  readonly key: string
  readonly hash: string
  readonly algorithm: string
  readonly ordinal: number
}

/** The memory that all spools of a run may hold together, in slabs that are used again: what is let go waits for the garbage collector. */
export class SpoolBudget {
  readonly #limit: number
  readonly #free: Buffer[] = []
  #taken = 0

  constructor(bytes: number = 8 * 1024 * 1024) {
    this.#limit = bytes / SLAB
  }

  /** Whether a spool that holds so many slabs is to write them to disk: one with few leaves the memory to the one that fills it. */
  isExceededBy(slabs: number): boolean {
    return this.#taken > this.#limit && slabs * 8 > this.#limit
  }

  take(): Buffer {
    this.#taken++
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB)
  }

  giveBack(slabs: readonly Buffer[]): void {
    this.#taken -= slabs.length
    for (const slab of slabs) if (this.#free.length < this.#limit) this.#free.push(slab)
  }
}

/** Many times the longest claim. */
const SLAB = 256 * 1024
const PAGE = 128
const WRITE_BYTES = 256 * 1024

/** In byte order of bucket and key, then by digest. */
export function claimOrder(a: Claim, b: Claim): number {
  return (a.bucket === b.bucket ? 0 : compareKeys(a.bucket, b.bucket)) || compareKeys(a.key, b.key) || a.ordinal - b.ordinal
}

/** Add all claims, then read `sorted()` once, then `discard()`. */
export class ClaimSpool {
  readonly #budget: SpoolBudget
  readonly #files: string[] = []
  #folder: string | undefined
  #slabs: Buffer[] = []
  #used = SLAB
  /** Where each claim begins, counted over all slabs. */
  #offsets: number[] = []
  #spilling: Promise<void> = Promise.resolve()

  constructor(budget: SpoolBudget) {
    this.#budget = budget
  }

  /** Resolves when all are put away. */
  async add(claims: readonly LogFileClaim[], ordinal: number): Promise<void> {
    for (const claim of claims) {
      const most = mostBytes(claim)
      while (this.#used + most > SLAB) await this.#makeRoom()
      this.#used = encode(this.#slabs.at(-1) as Buffer, this.#remember(), claim, ordinal)
    }
  }

  async #makeRoom(): Promise<void> {
    if (this.#budget.isExceededBy(this.#slabs.length)) {
      this.#spilling = this.#spilling.then(() => this.#spill())
      await this.#spilling
    } else {
      this.#slabs.push(this.#budget.take())
      this.#used = 0
    }
  }

  #remember(): number {
    this.#offsets.push((this.#slabs.length - 1) * SLAB + this.#used)
    return this.#used
  }

  /** All claims in order, a page at a time. */
  async *sorted(): AsyncGenerator<readonly Claim[], void, undefined> {
    await this.#spilling
    if (this.#files.length === 0) yield* this.#held()
    else yield* mergePages([...this.#files.map(readRun), this.#held()], claimOrder)
  }

  async *#held(): AsyncGenerator<readonly Claim[], void, undefined> {
    const slabs = this.#slabs
    const offsets = inOrder(slabs, this.#offsets)
    for (let from = 0; from < offsets.length; from += PAGE)
      yield offsets.slice(from, from + PAGE).map((offset) => decode(slabs[Math.floor(offset / SLAB)] as Buffer, offset % SLAB))
  }

  async discard(): Promise<void> {
    await this.#spilling.catch(() => undefined)
    this.#budget.giveBack(this.#letGo().slabs)
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
    this.#files.length = 0
  }

  #letGo(): { readonly slabs: Buffer[]; readonly offsets: number[] } {
    const held = { slabs: this.#slabs, offsets: this.#offsets }
    this.#slabs = []
    this.#used = SLAB
    this.#offsets = []
    return held
  }

  /** What is added while this is written goes elsewhere. */
  async #spill(): Promise<void> {
    if (!this.#budget.isExceededBy(this.#slabs.length)) return
    const { slabs, offsets } = this.#letGo()
    this.#folder ??= await mkdtemp(join(tmpdir(), 'verify-trail-'))
    const path = join(this.#folder, `run-${this.#files.length}`)
    const file = await open(path, 'wx', 0o600)
    try {
      await writeRun(file, slabs, inOrder(slabs, offsets))
    } finally {
      await file.close()
      this.#budget.giveBack(slabs)
    }
    this.#files.push(path)
  }
}

/**
 * A claim in bytes: a head of six numbers (the lengths of bucket, key, hash and algorithm, the ordinal, and whether all is
 * ASCII), then the texts in UTF-8, whose byte order is that of keys.
 */
const HEAD = 24
const ORDINAL = 16
const ASCII = 20

function mostBytes({ s3Bucket, s3Object, hashValue, hashAlgorithm }: LogFileClaim): number {
  const most = HEAD + 3 * (s3Bucket.length + s3Object.length + hashValue.length + hashAlgorithm.length)
  if (most > SLAB) throw new RangeError('a claim is longer than any that is read')
  return most
}

/** Returns where the next one goes. */
function encode(slab: Buffer, at: number, claim: LogFileClaim, ordinal: number): number {
  const { s3Bucket, s3Object, hashValue, hashAlgorithm } = claim
  const start = at + HEAD
  const text = s3Bucket + s3Object + hashValue + hashAlgorithm
  const bytes = slab.write(text, start)
  const ascii = bytes === text.length
  const length = (part: string): number => (ascii ? part.length : Buffer.byteLength(part))
  slab.writeUInt32LE(length(s3Bucket), at)
  slab.writeUInt32LE(length(s3Object), at + 4)
  slab.writeUInt32LE(length(hashValue), at + 8)
  slab.writeUInt32LE(length(hashAlgorithm), at + 12)
  slab.writeUInt32LE(ordinal, at + ORDINAL)
  slab.writeUInt32LE(ascii ? 1 : 0, at + ASCII)
  return start + bytes
}

function endOf(slab: Buffer, at: number): number {
  const lengths = slab.readUInt32LE(at) + slab.readUInt32LE(at + 4) + slab.readUInt32LE(at + 8) + slab.readUInt32LE(at + 12)
  return at + HEAD + lengths
}

function decode(slab: Buffer, at: number): Claim {
  const bucket = at + HEAD + slab.readUInt32LE(at)
  const key = bucket + slab.readUInt32LE(at + 4)
  const hash = key + slab.readUInt32LE(at + 8)
  const end = hash + slab.readUInt32LE(at + 12)
  const encoding = slab.readUInt32LE(at + ASCII) === 1 ? 'latin1' : 'utf8'
  return {
    bucket: slab.toString(encoding, at + HEAD, bucket),
    key: slab.toString(encoding, bucket, key),
    hash: slab.toString(encoding, key, hash),
    algorithm: slab.toString(encoding, hash, end),
    ordinal: slab.readUInt32LE(at + ORDINAL),
  }
}

/** Sorts offsets as `claimOrder` sorts claims. */
function inOrder(slabs: readonly Buffer[], offsets: number[]): number[] {
  return offsets.sort((a, b) => {
    const slabA = slabs[Math.floor(a / SLAB)] as Buffer
    const slabB = slabs[Math.floor(b / SLAB)] as Buffer
    return compareBytes(slabA, a % SLAB, slabB, b % SLAB)
  })
}

function compareBytes(slabA: Buffer, a: number, slabB: Buffer, b: number): number {
  const bucketA = a + HEAD + slabA.readUInt32LE(a)
  const bucketB = b + HEAD + slabB.readUInt32LE(b)
  const keyA = bucketA + slabA.readUInt32LE(a + 4)
  const keyB = bucketB + slabB.readUInt32LE(b + 4)
  const ordinals = slabA.readUInt32LE(a + ORDINAL) - slabB.readUInt32LE(b + ORDINAL)
  // Behind buckets of one length the keys begin at one place: one look at both texts tells.
  if (bucketA - a === bucketB - b) return slabA.compare(slabB, b + HEAD, keyB, a + HEAD, keyA) || ordinals
  const buckets = slabA.compare(slabB, b + HEAD, bucketB, a + HEAD, bucketA)
  return buckets || slabA.compare(slabB, bucketB, keyB, bucketA, keyA) || ordinals
}

async function writeRun(file: FileHandle, slabs: readonly Buffer[], offsets: readonly number[]): Promise<void> {
  const block = Buffer.allocUnsafeSlow(WRITE_BYTES)
  let used = 0
  for (const offset of offsets) {
    const slab = slabs[Math.floor(offset / SLAB)] as Buffer
    const at = offset % SLAB
    const end = endOf(slab, at)
    if (used + end - at > block.length) {
      await file.appendFile(block.subarray(0, used))
      used = 0
    }
    used += slab.copy(block, used, at, end)
  }
  await file.appendFile(block.subarray(0, used))
}

/** Our own file, written a moment ago in a folder that only this user can enter. */
async function* readRun(path: string): AsyncGenerator<readonly Claim[], void, undefined> {
  let left: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path)) {
    const bytes: Buffer = left.length === 0 ? chunk : Buffer.concat([left, chunk])
    const page: Claim[] = []
    let at = 0
    while (bytes.length - at >= HEAD && endOf(bytes, at) <= bytes.length) {
      page.push(decode(bytes, at))
      at = endOf(bytes, at)
    }
    left = bytes.subarray(at)
    yield page
  }
}
