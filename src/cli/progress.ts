import { Writable } from 'node:stream'
import type { Progress } from '../engine/verify-trail.js'
import { CLEAR_LINE, type Console, isRewritable, logLine, type Output } from './console.js'
import { Pace } from './pace.js'
import { progressLine } from './progress-line.js'

const REWRITE_EVERY_MS = 200
const SAMPLE_EVERY_MS = 1000
const PLAIN_EVERY_MS = 30_000
const NEW_LINE = 0x0a

/** Shows on stderr how far a run has come. */
export interface ProgressDisplay {
  update(progress: Progress): void
  /** Writes to another stream of the same terminal, above a line that is rewritten. */
  above(output: Output): Writable
  stop(): void
}

/** One rewritten line on a terminal, else a plain line now and then; nothing where it is not wanted. */
export function showProgress(console: Console, wanted: boolean): ProgressDisplay {
  if (!wanted) return { update: () => undefined, above: (output) => output, stop: () => undefined }
  return isRewritable(console) ? new RewrittenLine(console.stderr) : new PlainLines(console)
}

class RewrittenLine implements ProgressDisplay {
  readonly #stderr: Output
  readonly #pace = new Pace()
  readonly #timer: NodeJS.Timeout
  #latest: Progress | undefined
  #shown = false
  /** What was written above ended within a line: there is no place for another. */
  #withinLine = false

  constructor(stderr: Output) {
    this.#stderr = stderr
    this.#timer = setInterval(() => this.#show(), REWRITE_EVERY_MS).unref()
  }

  update(progress: Progress): void {
    const isNews = this.#latest?.phase !== progress.phase
    this.#latest = progress
    if (isNews) this.#show()
  }

  above(output: Output): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#clear()
        output.write(chunk, (error) => done(error))
        this.#withinLine = chunk.at(-1) !== NEW_LINE
        this.#show()
      },
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#clear()
    this.#latest = undefined
  }

  #show(): void {
    if (this.#latest === undefined || this.#withinLine) return
    this.#pace.add(performance.now(), this.#latest)
    this.#stderr.write(CLEAR_LINE + progressLine(this.#latest, this.#pace, (this.#stderr.columns || 80) - 1))
    this.#shown = true
  }

  #clear(): void {
    if (this.#shown) this.#stderr.write(CLEAR_LINE)
    this.#shown = false
  }
}

const PLAIN_COLUMNS = 160

/** Lines that stay: every 30 seconds, and where someone looks on, whenever something else begins. */
class PlainLines implements ProgressDisplay {
  readonly #console: Console
  readonly #pace = new Pace()
  readonly #timers: readonly NodeJS.Timeout[]
  #latest: Progress | undefined

  constructor(console: Console) {
    this.#console = console
    this.#timers = [setInterval(() => this.#sample(), SAMPLE_EVERY_MS), setInterval(() => this.#say(), PLAIN_EVERY_MS)]
    for (const timer of this.#timers) timer.unref()
  }

  update(progress: Progress): void {
    const begins = this.#latest?.phase !== progress.phase
    this.#latest = progress
    if (begins && (this.#console.stderr.isTTY === true || this.#console.logJson)) this.#say()
  }

  above(output: Output): Writable {
    return output
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #sample(): void {
    if (this.#latest) this.#pace.add(performance.now(), this.#latest)
  }

  #say(): void {
    const { stderr, logJson } = this.#console
    if (this.#latest === undefined) return
    const line = progressLine(this.#latest, this.#pace, PLAIN_COLUMNS)
    stderr.write(logJson ? logLine('info', { message: line, progress: this.#latest }) : `verify-trail: ${line}\n`)
  }
}
