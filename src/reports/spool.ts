import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const IN_MEMORY = 4 * 1024 * 1024
const CHUNK = 256 * 1024

/** Text kept until it is wanted: in memory while it is small, else in a temporary file that nobody else can read. */
export class Spool {
  #held: string[] = []
  #heldSize = 0
  #folder: string | undefined
  #file: FileHandle | undefined
  #written: Promise<void> | undefined

  /** Returns a promise only where text goes to disk. Await it before the next call. */
  append(text: string): void | Promise<void> {
    this.#held.push(text)
    this.#heldSize += text.length
    if (this.#heldSize > IN_MEMORY) {
      this.#written = this.#spill()
      return this.#written
    }
  }

  /** All of it, in order. */
  async *chunks(): AsyncGenerator<string, void, undefined> {
    if (this.#file) yield* readAll(this.#file)
    for (const text of this.#held) yield text
  }

  /** Frees memory and disk. */
  async discard(): Promise<void> {
    await this.#written?.catch(() => undefined)
    this.#held = []
    this.#heldSize = 0
    await this.#file?.close()
    this.#file = undefined
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  async #spill(): Promise<void> {
    const text = this.#held.join('')
    this.#held = []
    this.#heldSize = 0
    this.#file ??= await this.#create()
    await this.#file.appendFile(text)
  }

  async #create(): Promise<FileHandle> {
    this.#folder = await mkdtemp(join(tmpdir(), 'verify-trail-'))
    return open(join(this.#folder, 'spool'), 'wx+', 0o600)
  }
}

async function* readAll(file: FileHandle): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const buffer = new Uint8Array(CHUNK)
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK, position)
    if (bytesRead === 0) break
    position += bytesRead
    yield decoder.decode(buffer.subarray(0, bytesRead), { stream: true })
  }
  yield decoder.decode()
}
