/**
 * What digests say of log files, sorted by bucket and key, with flat memory: claims are kept as bytes, out of the garbage
 * collector's way; beyond a budget, sorted runs go to temporary files and are merged when read.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareKeys } from '../core/compare-keys.js'

/** What a digest says of a log file. `ordinal` names the digest within its account and region. */
export interface Claim {
  readonly bucket: string
  readonly key: string
  readonly hash: string
  readonly algorithm: string
  readonly ordinal: number
}

/** How many bytes all spools of a run may hold in memory together. */
export class SpoolBudget {
  readonly limit: number
  held = 0

  constructor(limit: number = 16 * 1024 * 1024) {
    this.limit = limit
  }
}

const FIRST_ARENA = 64 * 1024
const PAGE = 512
const WRITE_BYTES = 256 * 1024

/** In byte order of bucket and key, then by digest. */
export function claimOrder(a: Claim, b: Claim): number {
  return (a.bucket === b.bucket ? 0 : compareKeys(a.bucket, b.bucket)) || compareKeys(a.key, b.key) || a.ordinal - b.ordinal
}

/**
 * Add all claims, then read `sorted()` once, then `discard()`. A claim is stored as a head of five numbers (the lengths of
 * bucket, key, hash and algorithm, and the ordinal) and its texts in UTF-8, whose byte order is that of keys.
 */
export class ClaimSpool {
  readonly #budget: SpoolBudget
  readonly #files: string[] = []
  #folder: string | undefined
  #arena: Buffer = Buffer.allocUnsafe(0)
  #used = 0
  #offsets: number[] = []
  #spilling: Promise<void> = Promise.resolve()

  constructor(budget: SpoolBudget) {
    this.#budget = budget
  }

  /** Resolves when there is room for more. */
  async add(claims: readonly Claim[]): Promise<void> {
    for (const claim of claims) this.#append(claim)
    // A spool with little in it leaves the memory to the one that fills it.
    if (this.#budget.held > this.#budget.limit && this.#used * 8 > this.#budget.limit)
      this.#spilling = this.#spilling.then(() => this.#spill())
    await this.#spilling
  }

  #append({ bucket, key, hash, algorithm, ordinal }: Claim): void {
    const most = HEAD + 3 * (bucket.length + key.length + hash.length + algorithm.length)
    if (this.#used + most > this.#arena.length) this.#grow(most)
    const at = this.#used
    let end = at + HEAD
    for (const [index, text] of [bucket, key, hash, algorithm].entries()) {
      const bytes = this.#arena.write(text, end)
      this.#arena.writeUInt32LE(bytes, at + 4 * index)
      end += bytes
    }
    this.#arena.writeUInt32LE(ordinal, at + ORDINAL)
    this.#used = end
    this.#budget.held += end - at
    this.#offsets.push(at)
  }

  #grow(most: number): void {
    const arena = Buffer.allocUnsafeSlow(Math.max(FIRST_ARENA, this.#used + most, this.#arena.length * 2))
    this.#arena.copy(arena, 0, 0, this.#used)
    this.#arena = arena
  }

  #order(): number[] {
    const arena = this.#arena
    return this.#offsets.sort((a, b) => {
      const bucketA = a + HEAD + arena.readUInt32LE(a)
      const bucketB = b + HEAD + arena.readUInt32LE(b)
      const buckets = arena.compare(arena, b + HEAD, bucketB, a + HEAD, bucketA)
      if (buckets !== 0) return buckets
      const keys = arena.compare(
        arena,
        bucketB,
        bucketB + arena.readUInt32LE(b + 4),
        bucketA,
        bucketA + arena.readUInt32LE(a + 4),
      )
      return keys || arena.readUInt32LE(a + ORDINAL) - arena.readUInt32LE(b + ORDINAL)
    })
  }

  /** All claims in order, a page at a time. */
  async *sorted(): AsyncGenerator<readonly Claim[], void, undefined> {
    await this.#spilling
    if (this.#files.length === 0) yield* this.#held()
    else yield* mergePages([...this.#files.map(readRun), this.#held()], claimOrder)
  }

  async *#held(): AsyncGenerator<readonly Claim[], void, undefined> {
    const offsets = this.#order()
    for (let at = 0; at < offsets.length; at += PAGE)
      yield offsets.slice(at, at + PAGE).map((offset) => decode(this.#arena, offset).claim)
  }

  async discard(): Promise<void> {
    await this.#spilling.catch(() => undefined)
    this.#release()
    this.#arena = Buffer.allocUnsafe(0)
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
    this.#files.length = 0
  }

  #release(): void {
    this.#budget.held -= this.#used
    this.#used = 0
    this.#offsets = []
  }

  async #spill(): Promise<void> {
    const offsets = this.#order()
    const arena = this.#arena
    this.#release()
    // What is added while this is written goes elsewhere.
    this.#arena = Buffer.allocUnsafe(0)
    this.#folder ??= await mkdtemp(join(tmpdir(), 'verify-trail-'))
    const path = join(this.#folder, `run-${this.#files.length}`)
    const file = await open(path, 'wx', 0o600)
    try {
      await writeRun(file, arena, offsets)
    } finally {
      await file.close()
    }
    this.#files.push(path)
  }
}

const HEAD = 20
const ORDINAL = 16

function lengthAt(arena: Buffer, at: number): number {
  return HEAD + arena.readUInt32LE(at) + arena.readUInt32LE(at + 4) + arena.readUInt32LE(at + 8) + arena.readUInt32LE(at + 12)
}

function decode(arena: Buffer, at: number): { readonly claim: Claim; readonly end: number } {
  let end = at + HEAD
  const text = (index: number): string => {
    const start = end
    end += arena.readUInt32LE(at + 4 * index)
    return arena.toString('utf8', start, end)
  }
  const claim: Claim = {
    bucket: text(0),
    key: text(1),
    hash: text(2),
    algorithm: text(3),
    ordinal: arena.readUInt32LE(at + ORDINAL),
  }
  return { claim, end }
}

async function writeRun(file: FileHandle, arena: Buffer, offsets: readonly number[]): Promise<void> {
  let parts: Buffer[] = []
  let bytes = 0
  for (const at of offsets) {
    const part = arena.subarray(at, at + lengthAt(arena, at))
    parts.push(part)
    bytes += part.length
    if (bytes < WRITE_BYTES) continue
    await file.appendFile(Buffer.concat(parts, bytes))
    parts = []
    bytes = 0
  }
  await file.appendFile(Buffer.concat(parts, bytes))
}

/** Our own file, written a moment ago in a folder that only this user can enter. */
async function* readRun(path: string): AsyncGenerator<readonly Claim[], void, undefined> {
  let left: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path)) {
    const bytes: Buffer = left.length === 0 ? chunk : Buffer.concat([left, chunk])
    const page: Claim[] = []
    let at = 0
    while (bytes.length - at >= HEAD && bytes.length - at >= lengthAt(bytes, at)) {
      const { claim, end } = decode(bytes, at)
      page.push(claim)
      at = end
    }
    left = bytes.subarray(at)
    yield page
  }
}

/** How many records of a merge make a page. */
const MERGED = 1024

/** A sorted input and how far it was taken. */
interface Head<T> {
  readonly pages: AsyncIterator<readonly T[]>
  page: readonly T[]
  at: number
}

/** Merges sorted inputs into one; equal records come in the order of the inputs. It waits only for pages, never for records. */
export async function* mergePages<T>(
  inputs: readonly AsyncIterable<readonly T[]>[],
  order: (a: T, b: T) => number,
): AsyncGenerator<readonly T[], void, undefined> {
  const iterators = inputs.map((input) => input[Symbol.asyncIterator]())
  const heads: Head<T>[] = []
  try {
    for (const pages of iterators) {
      const head: Head<T> = { pages, page: [], at: 0 }
      if (await refill(head)) heads.push(head)
    }
    let merged: T[] = []
    while (heads.length > 0) {
      const head = least(heads, order)
      merged.push(head.page[head.at++] as T)
      if (head.at < head.page.length && merged.length < MERGED) continue
      if (merged.length >= MERGED || head.at >= head.page.length) {
        yield merged
        merged = []
      }
      if (head.at >= head.page.length && !(await refill(head))) heads.splice(heads.indexOf(head), 1)
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.()
  }
}

async function refill<T>(head: Head<T>): Promise<boolean> {
  for (;;) {
    const next = await head.pages.next()
    if (next.done === true) return false
    if (next.value.length === 0) continue
    head.page = next.value
    head.at = 0
    return true
  }
}

function least<T>(heads: readonly Head<T>[], order: (a: T, b: T) => number): Head<T> {
  let best = heads[0] as Head<T>
  for (let i = 1; i < heads.length; i++) {
    const head = heads[i] as Head<T>
    if (order(head.page[head.at] as T, best.page[best.at] as T) < 0) best = head
  }
  return best
}
