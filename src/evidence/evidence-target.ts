/** Where an export is written to. Keys begin with the folder of their source; they are attacker-chosen. */
import { hash } from 'node:crypto'
import type { StoredBytes } from '../core/measurement.js'
import type { ReadAnswer } from '../sources/source.js'

/** A file of an export. */
export interface EvidenceFile {
  readonly name: string
  readonly stored: StoredBytes
}

export interface EvidenceTarget {
  has(key: string): boolean
  /** What was copied under a key; undefined where nothing was yet. */
  copied(key: string): ReadAnswer | undefined
  /**
   * Copies what a store answered, whatever it was, and returns what to go on with: of a body that comes in chunks, the copy. What was
   * copied under that key before stays, and is returned. Rejects where it cannot be written.
   */
  copy(key: string, answer: ReadAnswer): Promise<ReadAnswer>
  /** The same at once, of an answer whose body is whole; undefined where another is being written, or it has no whole body. */
  copyNow(key: string, answer: ReadAnswer): ReadAnswer | undefined
  /** The same, for whoever does not wait: that it cannot be written rejects `finish`. */
  copyLater(key: string, answer: ReadAnswer): void
  /** Adds the report and the hashes of all that was copied. `tell`: of each file of the export, as it is named where a tar was extracted. */
  finish(report: string, tell: (file: EvidenceFile) => void): Promise<void>
  close(): void
  /** How many objects a former run had copied, and how many this one did. */
  readonly before: number
  readonly objects: number
  /** Keys that could not be written here, and why. */
  readonly refused: ReadonlyMap<string, string>
}

/** Sixteen bytes for a key, that nobody can make two keys have: what is remembered of each object. */
export function keyHash(key: string): string {
  if (key !== last.key) last = { key, hash: hash('sha256', key, 'buffer').toString('latin1', 0, 16) }
  return last.hash
}

/** Looked up, written and remembered right after each other. */
let last = { key: '', hash: hash('sha256', '', 'buffer').toString('latin1', 0, 16) }

/** A line of `sha256sum`; what would break the line is escaped, as it does. */
export function sumLine(sha256: string, name: string): string {
  if (!/[\\\n\r]/.test(name)) return `${sha256}  ${name}\n`
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `\\${sha256}  ${escaped}\n`
}

/** Metadata as they can be written: names that a tar's records or a file's attributes can have. */
export function writableMetadata(metadata: Readonly<Record<string, string>> = {}): [string, string][] {
  return Object.entries(metadata).filter(([name]) => /^[^=\0]+$/.test(name))
}
