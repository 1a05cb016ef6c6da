/** The body of an answer of our own HTTP client. */
import { TransferError } from './failure.js'
import type { ObjectBody } from './object-lane.js'
import type { StallWatch, Watched } from './stall-watch.js'

/** How much may wait for whoever reads. */
const MOST_WAITING = 256 * 1024

/** What a body may do to the request that it answers. */
interface Controller {
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** Filled from one side as bytes come, read from the other; watched from the request on to its end. */
export class HttpBody implements ObjectBody {
  readonly #watch: StallWatch
  readonly #watched: Watched
  readonly #over: (error: Error | undefined) => void
  #controller: Controller | undefined
  #chunks: Uint8Array[] = []
  #waiting = 0
  #mostWaiting = MOST_WAITING
  #length = 0
  #isOver = false
  #error: Error | undefined
  /** Of whoever waits for more. */
  #wake: (() => void) | undefined

  /** @param over called once, when no more will come */
  constructor(watch: StallWatch, over: (error: Error | undefined) => void) {
    this.#watch = watch
    this.#watched = watch.start((error) => this.destroy(error))
    this.#over = over
  }

  /** The request is sent. */
  start(controller: Controller): void {
    this.#controller = controller
    if (this.#error !== undefined) controller.abort(this.#error)
  }

  /** The head of the answer is here. */
  begin(): void {
    this.#watch.again(this.#watched)
  }

  add(chunk: Uint8Array): void {
    this.#watched.received += chunk.length
    this.#length += chunk.length
    this.#waiting += chunk.length
    this.#chunks.push(chunk)
    if (this.#waiting >= this.#mostWaiting) this.#rest(true)
    this.#wake?.()
  }

  /** That was all of it; with an error it was not. */
  end(error?: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#error = error
    this.#watch.end(this.#watched)
    this.#over(error)
    this.#wake?.()
  }

  destroy(error: Error): void {
    if (this.#isOver) return
    this.end(error)
    // Where it was not sent yet, `start` does it.
    this.#controller?.abort(error)
  }

  async whole(length: number): Promise<Uint8Array> {
    this.#mostWaiting = length + 1
    this.#rest(false)
    while (!this.#isOver && this.#length <= length) await this.#more()
    if (this.#length > length) {
      const error = new TransferError('altered', `more than ${length} bytes came`)
      this.destroy(error)
      throw error
    }
    if (this.#error !== undefined) throw this.#error
    if (this.#length < length) throw new TransferError('cut', `${this.#length} of ${length} bytes came`)
    const [only] = this.#chunks
    return this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, length)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunks = this.#chunks
        this.#chunks = []
        for (const chunk of chunks) {
          yield chunk
          this.#waiting -= chunk.length
        }
        if (this.#chunks.length > 0) continue
        if (this.#error !== undefined) throw this.#error
        if (this.#isOver) return
        this.#rest(false)
        await this.#more()
      }
    } finally {
      this.destroy(new Error('nobody reads on'))
    }
  }

  /** While it is our own reader who is slow, the store is not to blame. */
  #rest(resting: boolean): void {
    if (this.#watched.resting === resting) return
    this.#watched.resting = resting
    if (resting) this.#controller?.pause()
    else this.#controller?.resume()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
