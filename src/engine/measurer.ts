/** Reads and measures log files: here, or in worker threads. Only this and what it calls ever sees their bytes. */
import type { CopyFact } from '../core/judge-log-file.js'
import { BodyError, type ReadAnswer, type Source } from '../sources/source.js'
import { measureBytes, measureChunks } from './measure.js'

/** Runs a read when there is room for one more. */
export type Limit = <T>(read: () => Promise<T>) => Promise<T>

/** What a measurer is asked: where one copy of a log file lies. */
export interface CopyToMeasure {
  readonly source: Source
  /** Key within the source. */
  readonly key: string
  /** Size in the listing, where one is known. */
  readonly size: number | undefined
}

export interface Measurer {
  /** How many copies may usefully be asked for before the first answer. */
  readonly window: number
  /** Answers at once where the source does. */
  measure(copy: CopyToMeasure): Promise<CopyFact> | CopyFact
  close(): Promise<void>
}

export interface MeasureOptions {
  readonly maxInflatedBytes: number
  readonly signal: AbortSignal
  readonly limit: Limit
  readonly concurrency: number
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
    const { signal, limit, maxInflatedBytes } = this.#options
    signal.throwIfAborted()
    const live = source.kind === 'store'
    const options = size === undefined ? { signal } : { signal, size }
    if (source.readNow !== undefined) return measureAnswer(source.readNow(key, options), live, maxInflatedBytes)
    return limit(async () => measureAnswer(await source.read(key, options), live, maxInflatedBytes))
  }

  async close(): Promise<void> {}
}

/** Measures what a read answered. A body that breaks off says nothing about the object. */
export function measureAnswer(answer: ReadAnswer, live: boolean, limit: number): Promise<CopyFact> | CopyFact {
  if (answer.kind !== 'object') return answer
  const { body } = answer
  if (body instanceof Uint8Array) return { kind: 'measured', measurement: measureBytes(body, limit), live }
  return measureStream(body, live, limit)
}

async function measureStream(body: AsyncIterable<Uint8Array>, live: boolean, limit: number): Promise<CopyFact> {
  try {
    return { kind: 'measured', measurement: await measureChunks(body, limit), live }
  } catch (error) {
    if (error instanceof BodyError) return { kind: 'unreadable', reason: error.reason, detail: error.message }
    throw error
  }
}
