import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, rmSync, statSync, type WriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { messageOf } from './console.js'

/** Temporary files that are removed where the process ends before they have their names. */
const UNFINISHED = new Set<string>()

process.once('exit', () => {
  for (const path of UNFINISHED) rmSync(path, { force: true })
})

/**
 * A file that is there whole or not at all: written under a temporary name beside its place, then renamed. If the process
 * ends before, the temporary file is removed.
 */
export class WrittenFile {
  readonly path: string
  readonly stream: WriteStream
  readonly #temporary: string

  private constructor(path: string) {
    this.path = path
    this.#temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    this.stream = createWriteStream(this.#temporary, { flags: 'wx' })
    UNFINISHED.add(this.#temporary)
  }

  /** Rejects where no file can be made there. */
  static async create(path: string): Promise<WrittenFile> {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path} is a directory`)
    const file = new WrittenFile(path)
    try {
      await once(file.stream, 'open')
      return file
    } catch (error) {
      UNFINISHED.delete(file.#temporary)
      throw new Error(`cannot write ${path}: ${messageOf(error)}`, { cause: error })
    }
  }

  /** A file of this text, whole or not at all. */
  static async write(path: string, text: string): Promise<void> {
    const file = await WrittenFile.create(path)
    file.stream.write(text)
    await file.commit().catch((error: unknown) => {
      file.discard()
      throw error
    })
  }

  /** Gives the file its name, once all of it is on disk. */
  async commit(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.stream.once('error', reject).end(() => this.stream.close((error) => (error ? reject(error) : resolve())))
    })
    await rename(this.#temporary, this.path)
    UNFINISHED.delete(this.#temporary)
  }

  /** Removes what was written. */
  discard(): void {
    this.stream.on('error', () => undefined).destroy()
    rmSync(this.#temporary, { force: true })
    UNFINISHED.delete(this.#temporary)
  }
}
