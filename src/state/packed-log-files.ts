/**
 * What is known of the log files of one folder, as one record: 80 bytes for each, and nothing in memory until one of them is asked
 * for. An object is found by the SHA-256 of its name and identity: what is not exactly the object that was read is not found.
 */
import { createHash } from 'node:crypto'
import type { FileRecord, PackRecord } from './state-records.js'

/** The first half of that SHA-256: two objects of one half do not occur. */
const ID_BYTES = 16
const SHA256_BYTES = 32
const SIZE_BYTES = 6
const READ_AT = ID_BYTES + SHA256_BYTES
const INFLATED_AT = READ_AT + SIZE_BYTES
const FLAGS_AT = INFLATED_AT + SIZE_BYTES
const ROW_BYTES = FLAGS_AT + 1
const GZIP = 1
const LIVE = 2
/** Packs of one record: its line stays short. */
const MOST_ROWS = 50_000

export type Facts = Pick<FileRecord, 'gzip' | 'live' | 'sha256' | 'bytesRead' | 'bytesInflated'>

/** What stands before the last `/` of a name. */
export function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1)
}

export function packedId(name: string, identity: string): Buffer {
  return createHash('sha256').update(`${name}\n${identity}`).digest().subarray(0, ID_BYTES)
}

/** Rows of one folder, read in one run. */
export class PackWriter {
  readonly #folder: string
  readonly #run: number
  readonly #rows: Buffer[] = []

  constructor({ name, run }: Pick<FileRecord, 'name' | 'run'>) {
    this.#folder = folderOf(name)
    this.#run = run
  }

  add({ name, identity, gzip, live, sha256, bytesRead, bytesInflated }: FileRecord): void {
    const row = Buffer.alloc(ROW_BYTES)
    packedId(name, identity).copy(row)
    row.write(sha256, ID_BYTES, 'hex')
    row.writeUIntLE(bytesRead, READ_AT, SIZE_BYTES)
    row.writeUIntLE(bytesInflated, INFLATED_AT, SIZE_BYTES)
    row[FLAGS_AT] = (gzip ? GZIP : 0) | (live ? LIVE : 0)
    this.#rows.push(row)
  }

  get size(): number {
    return this.#rows.length
  }

  *records(): Generator<PackRecord> {
    this.#rows.sort(Buffer.compare)
    for (let at = 0; at < this.#rows.length; at += MOST_ROWS) {
      const objects = Buffer.concat(this.#rows.slice(at, at + MOST_ROWS)).toString('base64')
      yield { kind: 'log-files', folder: this.#folder, run: this.#run, objects }
    }
  }
}

/** How many log files a record has. */
export function rowsOf({ objects }: PackRecord): number {
  return Math.floor((objects.length * 3) / 4 / ROW_BYTES)
}

export class Pack {
  readonly bytes: Buffer
  /** Rows that were asked for. */
  readonly #counted = new Set<number>()

  constructor({ objects }: PackRecord) {
    this.bytes = Buffer.from(objects, 'base64')
  }

  find(id: Buffer): number | undefined {
    let from = 0
    let to = Math.floor(this.bytes.length / ROW_BYTES)
    while (from < to) {
      const middle = (from + to) >>> 1
      const at = middle * ROW_BYTES
      const order = this.bytes.compare(id, 0, ID_BYTES, at, at + ID_BYTES)
      if (order === 0) return middle
      if (order < 0) from = middle + 1
      else to = middle
    }
    return undefined
  }

  facts(row: number): Facts {
    const at = row * ROW_BYTES
    const flags = this.bytes[at + FLAGS_AT] ?? 0
    return {
      gzip: (flags & GZIP) !== 0,
      live: (flags & LIVE) !== 0,
      sha256: this.bytes.toString('hex', at + ID_BYTES, at + READ_AT),
      bytesRead: this.bytes.readUIntLE(at + READ_AT, SIZE_BYTES),
      bytesInflated: this.bytes.readUIntLE(at + INFLATED_AT, SIZE_BYTES),
    }
  }

  /** Whether a row was not counted before. */
  count(row: number): boolean {
    if (this.#counted.has(row)) return false
    this.#counted.add(row)
    return true
  }
}
