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
const BEGINNING = '{"chain":"'
const START = '0'.repeat(64)
/** Where a line is, and what it must still be when it is read again. */
export interface Line {
  readonly offset: number
  readonly length: number
  /** The hash that binds it. */
  readonly chain: string
  readonly before: string
}

type OnRecord = (record: unknown, line: Line) => void | Promise<void>

const LINE = /^\{"chain":"([0-9a-f]{64})","record":(.*)\}$/s

export class Journal {
  readonly #file: FileHandle
  readonly #path: string
  readonly #key: Uint8Array | undefined
  #chain = START
  /** Lines that wait to be written, all at once. */
  #waiting: string[] = []
  /** Appends are written one after the other, in the order of the calls. */
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: FileHandle, path: string, key: Uint8Array | undefined) {
    this.#file = file
    this.#path = path
    this.#key = key
  }

  /** Gives `onRecord` each record that the file has, cuts a torn last line, and goes on behind it. Throws ERR_STATE where the file was edited. */
  static async open(path: string, key: Uint8Array | undefined, onRecord: OnRecord): Promise<Journal> {
    const file = await open(path, 'a+', 0o600)
    try {
      const journal = new Journal(file, path, key)
      await journal.#checkBeginning()
      const whole = await journal.replay(onRecord)
      await file.truncate(whole)
      return journal
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** A file that is something else loses nothing to us. */
  async #checkBeginning(): Promise<void> {
    const bytes = Buffer.alloc(BEGINNING.length)
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, 0)
    if (!BEGINNING.startsWith(bytes.toString('latin1', 0, bytesRead)))
      throw new VerifyTrailError('ERR_STATE', `'${this.#path}' is no state file: give another name, or one that is not there yet`)
  }

  /** Resolves when the system has the line: a killed process loses nothing of it. */
  append(record: object): Promise<void> {
    const text = JSON.stringify(record)
    this.#chain = this.#next(this.#chain, text)
    this.#waiting.push(`{"chain":"${this.#chain}","record":${text}}\n`)
    if (this.#waiting.length === 1) {
      this.#writing = this.#writing.then(() => {
        const lines = this.#waiting.join('')
        this.#waiting = []
        return this.#file.appendFile(lines)
      })
    }
    return this.#writing
  }

  /** A record that was read before. Throws ERR_STATE where it was edited since. */
  async readAgain({ offset, length, chain, before }: Line): Promise<unknown> {
    const bytes = Buffer.allocUnsafe(length)
    const { bytesRead } = await this.#file.read(bytes, 0, length, offset)
    const [, , text] = LINE.exec(bytes.toString('utf8')) ?? []
    if (bytesRead < length || text === undefined || this.#next(before, text) !== chain)
      throw new VerifyTrailError('ERR_STATE', `the state file '${this.#path}' was edited while it was in use`)
    return JSON.parse(text)
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

  #next(chain: string, text: string): string {
    const hash = this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key)
    return hash.update(`${chain}\n`).update(text).digest('hex')
  }

  /** Reads all records, from the first. Resolves with the length of the whole lines. */
  async replay(onRecord: OnRecord): Promise<number> {
    this.#chain = START
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
        const bytes = Buffer.concat([...parts, block.subarray(from, end)])
        const before = this.#chain
        const record = this.#read(bytes.toString('utf8'), ++number)
        const taken = onRecord(record, { offset: whole, length: bytes.length, chain: this.#chain, before })
        if (taken) await taken
        whole += bytes.length + 1
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
    if (chain === undefined || text === undefined || this.#next(this.#chain, text) !== chain) throw this.#refused(number)
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
