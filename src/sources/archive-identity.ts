/** What an archive is known by: the SHA-256 of the file as it was given, of the very bytes that are read. */
import { fstatSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { ArchiveIdentity } from '../core/results.js'
import { cannotRead } from './archive-form.js'
import { sha256OfOpen } from './file-hash.js'
import type { OpenFile } from './read-at.js'

export interface Identified {
  identity(): Promise<ArchiveIdentity>
  /** Stops what is at work. */
  stop(): Promise<void>
}

/** Hashed at once: no thread starts as soon. */
const SMALL = 8 * 1024 * 1024

/** What tells that a file was written to: nobody sets its ctime. */
export function stateOf(file: OpenFile): string {
  if (typeof file !== 'number') return file.map((part) => stateOf(part.file)).join(', ')
  const { ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true })
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

export function changed(name: string): Error {
  return cannotRead(name, 'it changed while it was read: nothing can be said of it; verify a copy that nobody writes to')
}

/** Of an archive that is read where it lies: hashed by a thread of its own, while it is verified. */
export class IdentifiedFile implements Identified {
  readonly #name: string
  readonly #file: OpenFile
  readonly #bytes: number
  readonly #before: string
  #worker: Worker | undefined
  #sha256: Promise<string> | undefined

  constructor(name: string, { file, size }: { readonly file: OpenFile; readonly size: number }, before: string) {
    this.#name = name
    this.#file = file
    this.#bytes = size
    this.#before = before
  }

  async identity(): Promise<ArchiveIdentity> {
    const bytes = this.#bytes
    this.#sha256 ??= bytes <= SMALL ? Promise.resolve(sha256OfOpen(this.#file)) : this.#hashed()
    const sha256 = await this.#sha256
    if (stateOf(this.#file) !== this.#before) throw changed(this.#name)
    return { name: this.#name, bytes, sha256 }
  }

  #hashed(): Promise<string> {
    const worker = new Worker(new URL('./hash-worker.js', import.meta.url), {
      workerData: this.#file,
      name: 'verify-trail hash',
    })
    this.#worker = worker
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => reject(cannotRead(this.#name, 'it cannot be read to its end', error))
      worker.once('message', resolve).once('error', failed).once('exit', failed)
    })
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }
}

/** Of an archive that was hashed while it was written to a temporary file. */
export function identified(identity: ArchiveIdentity): Identified {
  return { identity: async () => identity, stop: async () => undefined }
}
