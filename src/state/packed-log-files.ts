/**
 * What is known of the log files of one folder, as one record: 80 bytes for each, and nothing in memory until one of them is asked
 * for. An object is found by the SHA-256 of its name and identity: what is not exactly the object that was read is not found.
 */
import { createHash } from 'node:crypto'
import { VerifyTrailError } from '../errors.js'
import type { Journal, Line } from './journal.js'
import { type FileRecord, type PackRecord, parseRecord } from './state-records.js'

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
/** Of packs that were asked for. */
const BYTES_HELD = 32 * 1024 * 1024

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

  records(): Generator<PackRecord> {
    return packed(this.#folder, this.#run, this.#rows)
  }
}

function* packed(folder: string, run: number, rows: Buffer[]): Generator<PackRecord> {
  rows.sort(Buffer.compare)
  for (let at = 0; at < rows.length; at += MOST_ROWS)
    yield { kind: 'log-files', folder, run, objects: Buffer.concat(rows.slice(at, at + MOST_ROWS)).toString('base64') }
}

/** Of one folder, the oldest first: of what several runs read, what the newest one found. */
export function* mergePacks(records: readonly PackRecord[]): Generator<PackRecord> {
  const [first] = records
  if (first === undefined) return
  const newest = new Map<string, { readonly run: number; readonly row: Buffer }>()
  for (const { run, objects } of records) {
    const bytes = Buffer.from(objects, 'base64')
    for (let at = 0; at + ROW_BYTES <= bytes.length; at += ROW_BYTES) {
      const row = bytes.subarray(at, at + ROW_BYTES)
      const id = row.toString('latin1', 0, ID_BYTES)
      if ((newest.get(id)?.run ?? 0) <= run) newest.set(id, { run, row })
    }
  }
  const byRun = new Map<number, Buffer[]>()
  for (const { run, row } of newest.values()) {
    const rows = byRun.get(run)
    if (rows === undefined) byRun.set(run, [row])
    else rows.push(row)
  }
  for (const [run, rows] of [...byRun].sort(([a], [b]) => a - b)) yield* packed(first.folder, run, rows)
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

/** The packs that were asked for lately, read where they lie in the journal. */
export class PackShelf {
  readonly #journal: Journal
  /** By where they lie; the last one that was asked for last. */
  readonly #packs = new Map<number, Promise<Pack> | Pack>()
  #bytes = 0

  constructor(journal: Journal) {
    this.#journal = journal
  }

  at(line: Line): Promise<Pack> | Pack {
    const held = this.#packs.get(line.offset)
    if (held !== undefined) {
      this.#packs.delete(line.offset)
      this.#packs.set(line.offset, held)
      return held
    }
    const reading = this.#read(line)
    this.#packs.set(line.offset, reading)
    return reading
  }

  async #read(line: Line): Promise<Pack> {
    const record = parseRecord(await this.#journal.readAgain(line))
    if (record?.kind !== 'log-files') throw new VerifyTrailError('ERR_STATE', 'the state file was edited while it was in use')
    const pack = new Pack(record)
    this.#packs.set(line.offset, pack)
    this.#bytes += pack.bytes.length
    for (const [offset, oldest] of this.#packs) {
      if (this.#bytes <= BYTES_HELD || oldest instanceof Promise || oldest === pack) break
      this.#packs.delete(offset)
      this.#bytes -= oldest.bytes.length
    }
    return pack
  }
}
