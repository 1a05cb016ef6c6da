/** Measures log files in worker threads, once there is enough to do for them to be worth their start. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Disagreement } from '../core/disagreement.js'
import type { CopyFact } from '../core/judge-log-file.js'
import type { Batch, BatchDone } from './measure-worker.js'
import { type CopyToMeasure, type MeasureOptions, type Measurer, MeasurerHere, type MeasureSettings } from './measurer.js'

/** A start costs about as much as measuring these: fewer log files are measured in this thread. */
const WORTH_FILES = 4000
const WORTH_BYTES = 128 * 1024 * 1024
/** A message costs as much as some small log files; large ones need no company. */
const BATCH_FILES = 64
const BATCH_BYTES = 4 * 1024 * 1024
const BATCHES_IN_FLIGHT = 2

interface Job {
  readonly copy: Batch['copies'][number]
  readonly done: (fact: CopyFact) => void
  readonly stop: (reason: unknown) => void
  /** How many workers ended while they had it. */
  failures: number
}

/** One thread, and what it was given. */
class Lane {
  readonly worker: Worker
  readonly batches = new Map<number, Job[]>()
  /** What it has now may end it. */
  alone = false
  ended = false

  constructor(worker: Worker) {
    this.worker = worker
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
    const { address } = copy.source
    if (address === undefined || !this.#isWorthIt()) return this.#measureHere(copy)
    this.#options.signal.throwIfAborted()
    return new Promise((done, stop) => {
      this.#queue.push({ copy: { address, key: copy.key, size: copy.size }, done, stop, failures: 0 })
      this.#flushSoon()
    })
  }

  #isWorthIt(): boolean {
    return this.#atOnce || this.#measured >= WORTH_FILES || this.#bytes >= WORTH_BYTES
  }

  #measureHere(copy: CopyToMeasure): Promise<CopyFact> | CopyFact {
    const fact = this.#here.measure(copy)
    this.#measured++
    if (!(fact instanceof Promise) && fact.kind === 'measured') this.#bytes += fact.measurement.bytesRead
    return fact
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
    while (this.#queue.length > 0 && !this.#closed) {
      // What was with a worker when it ended goes alone now, so that it takes nothing with it a second time.
      const alone = (this.#queue[0]?.failures ?? 0) > 0
      const lane = this.#freeLane(alone ? 1 : BATCHES_IN_FLIGHT)
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
    lane.worker.on('message', (done: BatchDone) => this.#done(lane, done))
    lane.worker.on('error', () => this.#ended(lane))
    lane.worker.on('exit', () => this.#ended(lane))
    this.#lanes.push(lane)
    return lane
  }

  #send(lane: Lane, jobs: Job[]): void {
    const id = this.#nextId++
    lane.batches.set(id, jobs)
    lane.worker.postMessage({ id, copies: jobs.map((job) => job.copy) } satisfies Batch)
  }

  #done(lane: Lane, { id, facts, disagreement }: BatchDone): void {
    const jobs = lane.batches.get(id) ?? []
    lane.batches.delete(id)
    if (disagreement !== undefined) for (const job of jobs.splice(0)) job.stop(new Disagreement(disagreement))
    jobs.forEach((job, index) => {
      const fact = facts[index]
      if (fact?.kind === 'measured') this.#bytes += fact.measurement.bytesRead
      this.#measured++
      job.done(fact ?? ENDED)
    })
    this.#flush()
  }

  /** A worker that ends loses nothing: its log files are measured again, one by one; what ends a second worker is unreadable. */
  #ended(lane: Lane): void {
    if (lane.ended) return
    lane.ended = true
    this.#lanes.splice(this.#lanes.indexOf(lane), 1)
    const jobs = [...lane.batches.values()].flat()
    lane.batches.clear()
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
