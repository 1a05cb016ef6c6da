import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, rmSync, statSync, type WriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { messageOf } from './console.js'

/**
 * A file that is there whole or not at all: written under a temporary name beside its place, then renamed. If the process
 * ends before, the temporary file is removed.
 */
export class WrittenFile {
  readonly path: string
  readonly stream: WriteStream
  readonly #temporary: string
  readonly #onExit = () => rmSync(this.#temporary, { force: true })

  private constructor(path: string) {
    this.path = path
    this.#temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    this.stream = createWriteStream(this.#temporary, { flags: 'wx' })
    process.once('exit', this.#onExit)
  }

  /** Rejects where no file can be made there. */
  static async create(path: string): Promise<WrittenFile> {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path} is a directory`)
    const file = new WrittenFile(path)
    try {
      await once(file.stream, 'open')
      return file
    } catch (error) {
      process.off('exit', file.#onExit)
      throw new Error(`cannot write ${path}: ${messageOf(error)}`, { cause: error })
    }
  }

  /** Gives the file its name, once all of it is on disk. */
  async commit(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.stream.once('error', reject).end(() => this.stream.close((error) => (error ? reject(error) : resolve())))
    })
    await rename(this.#temporary, this.path)
    process.off('exit', this.#onExit)
  }

  /** Removes what was written. */
  discard(): void {
    this.stream.on('error', () => undefined).destroy()
    this.#onExit()
    process.off('exit', this.#onExit)
  }
}
