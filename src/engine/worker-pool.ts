/** Measures log files in worker threads, once there is enough to do for them to be worth their start. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Disagreement } from '../core/disagreement.js'
import type { CopyFact } from '../core/judge-log-file.js'
import { ReadFailure, type SourceAddress } from '../sources/source.js'
import type { Batch } from './measure-worker.js'
import {
  type CopyToMeasure,
  type MeasureOptions,
  type Measurer,
  MeasurerHere,
  type MeasureSettings,
  ReadObjectToMeasure,
} from './measurer.js'
import { type Answer, type Answered, type Answers, unpackAnswers } from './worker-answers.js'

/** A start costs about as much as measuring these: fewer log files are measured in this thread. */
const WORTH_FILES = 16_000
const WORTH_BYTES = 128 * 1024 * 1024
/** The same, of log files that must be fetched. */
const WORTH_FETCHES = 10_000
/** The same, of bytes that are wanted here as well: how many a log file has on average. */
const WORTH_HANDING_OVER = 64 * 1024
/** A message costs as much as some small log files; large ones need no company. */
const BATCH_FILES = 64
const BATCH_BYTES = 4 * 1024 * 1024
const BATCHES_IN_FLIGHT = 2

interface Job {
  readonly copy: Batch['copies'][number]
  readonly done: (answer: Answer) => void
  readonly stop: (reason: unknown) => void
  /** Reading it is mostly waiting; how many wait at a time is the source's matter. */
  readonly isFetched: boolean
  /** How many workers ended while they had it. */
  failures: number
}

/** One thread, and what it was given and has not answered. */
class Lane {
  readonly worker: Worker
  readonly batches = new Map<number, Map<number, Job>>()
  /** What it has now may end it. */
  alone = false
  ended = false

  constructor(worker: Worker) {
    this.worker = worker
  }

  take({ id, index }: Answered): Job | undefined {
    const batch = this.batches.get(id)
    const job = batch?.get(index)
    batch?.delete(index)
    if (batch?.size === 0) this.batches.delete(id)
    return job
  }

  takeAll(): Job[] {
    const jobs = [...this.batches.values()].flatMap((batch) => [...batch.values()])
    this.batches.clear()
    return jobs
  }
}

/** `workers`: how many threads; null: as many as there are processors. */
export class WorkerPool implements Measurer {
  readonly window: number
  readonly #here: MeasurerHere
  readonly #options: MeasureOptions
  readonly #size: number
  readonly #lanes: Lane[] = []
  readonly #queue: Job[] = []
  #measured = 0
  #bytes = 0
  #nextId = 0
  #flushing = false
  #closed = false
  readonly #atOnce: boolean

  constructor(options: MeasureOptions, workers: number | null) {
    this.#options = options
    this.#size = workers ?? availableParallelism()
    this.#atOnce = workers !== null
    this.#here = new MeasurerHere(options)
    this.window = Math.max(options.concurrency * 2, this.#size * BATCHES_IN_FLIGHT * BATCH_FILES * 2)
    options.signal.addEventListener('abort', () => void this.#stop(), { once: true })
  }

  measure(copy: CopyToMeasure): Promise<CopyFact> | CopyFact {
    const { address, readThere, kind } = copy.source
    if (readThere !== undefined && (kind === 'store' ? this.#isWorthIt(WORTH_FETCHES) : this.#isWorthHandingOver()))
      return this.#measureThere(copy)
    if (address === undefined || !this.#isWorthIt(WORTH_FILES)) return this.#measureHere(copy)
    this.#options.signal.throwIfAborted()
    return this.#ask(address, copy, false).then((answer) => (answer.kind === 'failed' ? ENDED : answer))
  }

  #isWorthIt(files: number): boolean {
    return this.#atOnce || this.#measured >= files || this.#bytes >= WORTH_BYTES
  }

  /** Of small files on a disk, handing over costs more than reading. */
  #isWorthHandingOver(): boolean {
    return this.#isWorthIt(WORTH_FILES) && (this.#atOnce || this.#bytes >= this.#measured * WORTH_HANDING_OVER)
  }

  #measureHere(copy: CopyToMeasure): Promise<CopyFact> | CopyFact {
    const fact = this.#here.measure(copy)
    this.#measured++
    if (!(fact instanceof Promise) && fact.kind === 'measured') this.#bytes += fact.measurement.bytesRead
    return fact
  }

  /** Tried once in a thread; tried again, and then measured, here. */
  async #measureThere({ source, key, size }: CopyToMeasure): Promise<CopyFact> {
    const { signal } = this.#options
    signal.throwIfAborted()
    const options = size === undefined ? { signal } : { signal, size }
    const there = async (address: SourceAddress): Promise<CopyFact> => {
      const answer = await this.#ask(address, { source, key, size }, source.kind === 'store')
      if (answer.kind === 'failed') throw new ReadFailure(answer.failure)
      return answer
    }
    const read = await source.readThere?.(key, options, there)
    if (read?.kind === 'done') return read.result
    return new ReadObjectToMeasure(source, key, this.#options).measure(read ?? (await source.read(key, options)))
  }

  #ask(address: SourceAddress, { source, key, size }: CopyToMeasure, isFetched: boolean): Promise<Answer> {
    return new Promise((resolve, stop) => {
      const done = (answer: Answer): void => {
        if (answer.kind !== 'measured' || answer.stored === undefined) {
          resolve(answer)
          return
        }
        const { stored, ...fact } = answer
        try {
          const taken = source.readElsewhere?.(key, stored)
          if (taken === undefined) resolve(fact)
          else taken.then(() => resolve(fact), stop)
        } catch (error) {
          stop(error)
        }
      }
      this.#queue.push({ copy: { address, key, size }, done, stop, isFetched, failures: 0 })
      this.#flushSoon()
    })
  }

  /** Log files that come in the same turn go in the same batch. */
  #flushSoon(): void {
    if (this.#queue.length >= this.#batchFiles()) this.#flush()
    else if (!this.#flushing) {
      this.#flushing = true
      setImmediate(() => {
        this.#flushing = false
        this.#flush()
      })
    }
  }

  #batchFiles(): number {
    const average = this.#measured === 0 ? BATCH_BYTES / BATCH_FILES : this.#bytes / this.#measured
    return Math.max(1, Math.min(BATCH_FILES, Math.floor(BATCH_BYTES / Math.max(1, average))))
  }

  #flush(): void {
    for (let [next] = this.#queue; next !== undefined && !this.#closed; [next] = this.#queue) {
      // What was with a worker when it ended goes alone now, so that it takes nothing with it a second time.
      const alone = next.failures > 0
      const lane = this.#freeLane(alone ? 1 : next.isFetched ? Number.POSITIVE_INFINITY : BATCHES_IN_FLIGHT)
      if (lane === undefined) return
      lane.alone = alone
      this.#send(lane, this.#queue.splice(0, alone ? 1 : this.#batchFiles()))
    }
  }

  /** A worker with fewer than so many batches in flight; a new one where there are not enough yet. */
  #freeLane(batches: number): Lane | undefined {
    let best: Lane | undefined
    for (const lane of this.#lanes) {
      if ((!lane.alone || lane.batches.size === 0) && (best === undefined || lane.batches.size < best.batches.size)) best = lane
    }
    if (this.#lanes.length < this.#size && (best === undefined || best.batches.size > 0)) return this.#start()
    return best !== undefined && best.batches.size < batches ? best : undefined
  }

  #start(): Lane {
    const { maxInflatedBytes, twice } = this.#options
    const workerData: MeasureSettings = { maxInflatedBytes, twice }
    const lane = new Lane(
      new Worker(new URL('./measure-worker.js', import.meta.url), { workerData, name: 'verify-trail measure' }),
    )
    lane.worker.on('message', (answers: Answers) => this.#answered(lane, answers))
    lane.worker.on('error', () => this.#ended(lane))
    lane.worker.on('exit', () => this.#ended(lane))
    this.#lanes.push(lane)
    return lane
  }

  #send(lane: Lane, jobs: readonly Job[]): void {
    const id = this.#nextId++
    lane.batches.set(id, new Map(jobs.entries()))
    lane.worker.postMessage({ id, copies: jobs.map((job) => job.copy) } satisfies Batch)
  }

  #answered(lane: Lane, answers: Answers): void {
    const { disagreement } = answers
    if (disagreement !== undefined) for (const job of lane.takeAll()) job.stop(new Disagreement(disagreement))
    for (const one of unpackAnswers(answers)) {
      const { answer } = one
      if (answer.kind === 'measured') this.#bytes += answer.measurement.bytesRead
      this.#measured++
      lane.take(one)?.done(answer)
    }
    this.#flush()
  }

  /** A worker that ends loses nothing: its log files are measured again, one by one; what ends a second worker is unreadable. */
  #ended(lane: Lane): void {
    if (lane.ended) return
    lane.ended = true
    this.#lanes.splice(this.#lanes.indexOf(lane), 1)
    const jobs = lane.takeAll()
    for (const job of jobs) job.failures++
    if (this.#closed) {
      for (const job of jobs) job.stop(this.#options.signal.reason)
      return
    }
    for (const job of jobs.filter(({ failures }) => failures > 1)) job.done(ENDED)
    this.#queue.unshift(...jobs.filter(({ failures }) => failures <= 1))
    this.#flush()
  }

  async #stop(): Promise<void> {
    this.#closed = true
    for (const job of this.#queue.splice(0)) job.stop(this.#options.signal.reason)
    await Promise.all(this.#lanes.map((lane) => lane.worker.terminate()))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const ends = this.#lanes.map((lane) => new Promise<void>((resolve) => lane.worker.once('exit', () => resolve())))
    for (const lane of this.#lanes) lane.worker.postMessage('close')
    await Promise.all(ends)
  }
}

const ENDED: CopyFact = { kind: 'unreadable', reason: 'io', detail: 'the thread that read it ended' }
