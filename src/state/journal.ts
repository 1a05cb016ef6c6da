/**
 * A file of records that only grows, one JSON object a line, each line bound to all before it. A torn last line is cut; any
 * other change is noticed. Without a key whoever can write the file can also write its hashes: the file is then trusted as
 * much as its protection. Whole lines that are cut off at the end are not noticed: what they told is done again.
 */
import { createHash, createHmac } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { VerifyTrailError } from '../errors.js'

/** A line of more is none of ours: what is read back is bounded. */
const MOST_LINE = 16 * 1024 * 1024
const BLOCK = 256 * 1024
const NEWLINE = 0x0a
const START = '0'.repeat(64)
const LINE = /^\{"chain":"([0-9a-f]{64})","record":(.*)\}$/s

export class Journal {
  readonly #file: FileHandle
  readonly #path: string
  readonly #key: Uint8Array | undefined
  #chain = START
  /** Appends are written one after the other, in the order of the calls. */
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: FileHandle, path: string, key: Uint8Array | undefined) {
    this.#file = file
    this.#path = path
    this.#key = key
  }

  /** Gives `onRecord` each record that the file has, cuts a torn last line, and goes on behind it. Throws ERR_STATE where the file was edited. */
  static async open(path: string, key: Uint8Array | undefined, onRecord: (record: unknown) => void): Promise<Journal> {
    const file = await open(path, 'a+', 0o600)
    try {
      const journal = new Journal(file, path, key)
      const whole = await journal.#replay(onRecord)
      await file.truncate(whole)
      return journal
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Resolves when the system has the line: a killed process loses nothing of it. */
  append(record: object): Promise<void> {
    const text = JSON.stringify(record)
    const chain = this.#next(text)
    this.#chain = chain
    const line = `{"chain":"${chain}","record":${text}}\n`
    this.#writing = this.#writing.then(() => this.#file.appendFile(line))
    return this.#writing
  }

  /** Resolves when the disk has all that was appended. */
  async sync(): Promise<void> {
    await this.#writing
    await this.#file.datasync()
  }

  async close(): Promise<void> {
    try {
      await this.sync()
    } finally {
      await this.#file.close()
    }
  }

  #next(text: string): string {
    const hash = this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key)
    return hash.update(`${this.#chain}\n`).update(text).digest('hex')
  }

  /** Returns the length of the whole lines. */
  async #replay(onRecord: (record: unknown) => void): Promise<number> {
    const block = Buffer.allocUnsafe(BLOCK)
    let parts: Buffer[] = []
    let held = 0
    let whole = 0
    let number = 0
    for (let at = 0; ; ) {
      const { bytesRead } = await this.#file.read(block, 0, BLOCK, at)
      if (bytesRead === 0) return whole
      at += bytesRead
      let from = 0
      for (let end = block.indexOf(NEWLINE); end >= 0 && end < bytesRead; end = block.indexOf(NEWLINE, from)) {
        const line = Buffer.concat([...parts, block.subarray(from, end)])
        onRecord(this.#read(line.toString('utf8'), ++number))
        whole += line.length + 1
        from = end + 1
        parts = []
        held = 0
      }
      held += bytesRead - from
      if (held > MOST_LINE) throw this.#refused(number + 1)
      parts.push(Buffer.from(block.subarray(from, bytesRead)))
    }
  }

  #read(line: string, number: number): unknown {
    const [, chain, text] = LINE.exec(line) ?? []
    if (chain === undefined || text === undefined || this.#next(text) !== chain) throw this.#refused(number)
    this.#chain = chain
    try {
      return JSON.parse(text)
    } catch {
      throw this.#refused(number)
    }
  }

  #refused(number: number): VerifyTrailError {
    const why =
      this.#key === undefined ? 'it was edited, or written with a key' : 'it was edited, or written with another key or none'
    return new VerifyTrailError('ERR_STATE', `the state file '${this.#path}' does not hold together at line ${number}: ${why}`)
  }
}
