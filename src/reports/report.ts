/** What a report is to its caller, and how its bytes get out. */
import type { Writable } from 'node:stream'
import type { Result } from '../core/results.js'

/**
 * Turns the results of one run into bytes. Give it every result in order, await what it returns, then `end()`. It computes no
 * verdict: a report says what the summary says. The sink is left open: it is the caller's.
 */
export interface ReportWriter {
  /** Rejects with the sink's own error where the sink fails. */
  write(result: Result): void | Promise<void>
  /** Flushes what is held back and frees temporary files; also called after a run that broke off. */
  end(): void | Promise<void>
}

/** How much text is gathered before it is handed to the stream, at most until the event loop turns. */
const GATHERED = 64 * 1024

/** Text into a byte stream, gathered into larger writes, with back-pressure, and with the stream's error as a rejection. */
export class Sink {
  readonly #stream: Writable
  #gathered: string[] = []
  #size = 0
  #flushSoon: NodeJS.Immediate | undefined
  #failure: Error | undefined

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('error', (error: Error) => {
      this.#failure ??= error
    })
  }

  /** Returns a promise only where the stream asks to wait. */
  write(text: string): void | Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#gathered.push(text)
    this.#size += text.length
    if (this.#size >= GATHERED) return this.#flush()
    this.#flushSoon ??= setImmediate(() => void this.#flush()?.catch(() => undefined))
  }

  /** Not gathered: for who looks on. */
  writeNow(text: string): void | Promise<void> {
    this.#gathered.push(text)
    this.#size += text.length
    return this.#flush()
  }

  /** Settles when the stream has taken everything: its last error is not missed. */
  async end(): Promise<void> {
    await this.#flush()
    await new Promise<void>((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else this.#stream.write('', (error) => (error ? reject(error) : resolve()))
    })
  }

  #flush(): void | Promise<void> {
    clearImmediate(this.#flushSoon)
    this.#flushSoon = undefined
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#size === 0) return
    const text = this.#gathered.join('')
    this.#gathered = []
    this.#size = 0
    if (!this.#stream.write(text)) return drained(this.#stream)
  }
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      stream.off('drain', settle).off('error', settle).off('close', closed)
      if (error) reject(error)
      else resolve()
    }
    const closed = () => settle(new Error('the output was closed'))
    stream.on('drain', settle).on('error', settle).on('close', closed)
  })
}
