/** Reads and measures log files: here, or in worker threads. Only this and what it calls ever sees their bytes. */
import { Disagreement } from '../core/disagreement.js'
import type { CopyFact } from '../core/judge-log-file.js'
import type { Measurement } from '../core/measurement.js'
import { BodyError, type ReadAnswer, type ReadObject, type Source } from '../sources/source.js'
import { type Measuring, ONCE, TWICE } from './double-check.js'

/** Runs a read when there is room for one more. */
export type Limit = <T>(read: () => Promise<T>) => Promise<T>

/** What a measurer is asked: where one copy of a log file lies. */
export interface CopyToMeasure {
  readonly source: Source
  /** Key within the source. */
  readonly key: string
  /** Size in the listing, where one is known. */
  readonly size: number | undefined
  /** Of the object, in the listing, where it is told. */
  readonly identity?: string | undefined
}

export interface Measurer {
  /** How many copies may usefully be asked for before the first answer. */
  readonly window: number
  /** Answers at once where the source does. */
  measure(copy: CopyToMeasure): Promise<CopyFact> | CopyFact
  close(): Promise<void>
}

export interface MeasureOptions extends MeasureSettings {
  readonly signal: AbortSignal
  readonly limit: Limit
  readonly concurrency: number
}

/** How log files are measured, in this thread or in another. */
export interface MeasureSettings {
  readonly maxInflatedBytes: number
  /** In two ways that must agree. */
  readonly twice: boolean
}

/** Measures in this thread. */
export class MeasurerHere implements Measurer {
  readonly window: number
  readonly #options: MeasureOptions

  constructor(options: MeasureOptions) {
    this.#options = options
    this.window = options.concurrency * 2
  }

  measure({ source, key, size }: CopyToMeasure): Promise<CopyFact> | CopyFact {
    const { signal, limit } = this.#options
    signal.throwIfAborted()
    const options = size === undefined ? { signal } : { signal, size }
    const object = new ReadObjectToMeasure(source, key, this.#options)
    if (source.readNow !== undefined) return object.measure(source.readNow(key, options))
    return limit(async () => object.measure(await source.read(key, options)))
  }

  async close(): Promise<void> {}
}

/** One object that is being read, from here on. */
export class ReadObjectToMeasure {
  readonly #name: string
  readonly #live: boolean
  readonly #limit: number
  readonly #measuring: Measuring

  constructor(source: Pick<Source, 'name' | 'kind' | 'asStored'>, key: string, { maxInflatedBytes, twice }: MeasureSettings) {
    this.#name = `${source.name}/${key}`
    this.#live = source.kind === 'store' || source.asStored === true
    this.#limit = maxInflatedBytes
    this.#measuring = twice ? TWICE : ONCE
  }

  /** Measures what a read answered. A body that breaks off says nothing about the object. */
  measure(answer: ReadAnswer): Promise<CopyFact> | CopyFact {
    if (answer.kind !== 'object') return answer
    const { body } = answer
    try {
      const measured =
        body instanceof Uint8Array ? this.#measuring.bytes(body, this.#limit) : this.#measuring.chunks(body, this.#limit)
      if (measured instanceof Promise) return measured.then((measurement) => this.#fact(measurement, answer), this.#failed)
      return this.#fact(measured, answer)
    } catch (error) {
      return this.#failed(error)
    }
  }

  #fact(measurement: Measurement, { identity, stored }: ReadObject): CopyFact {
    const fact = { kind: 'measured' as const, measurement, live: this.#live }
    if (identity === undefined && stored === undefined) return fact
    return { ...fact, ...(identity === undefined ? {} : { identity }), ...(stored === undefined ? {} : { stored: stored() }) }
  }

  readonly #failed = (error: unknown): CopyFact => {
    if (error instanceof BodyError) return { kind: 'unreadable', reason: error.reason, detail: error.message }
    if (error instanceof Disagreement) throw new Disagreement(`${this.#name}: ${error.message}`)
    throw error
  }
}
