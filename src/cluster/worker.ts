/** One of any number of workers: takes shards, verifies them, puts what it found where all can see it; whoever comes last merges. */
import type { Job, Worker } from 'bullmq'
import { VerifyTrailError } from '../errors.js'
import { type Bull, connection, loadBull, type RedisOptions } from './redis.js'
import { type Results, reportName, requestName } from './results.js'
import { ATTEMPTS, MOST_DEATHS, QUEUE, shardOf } from './run-queue.js'
import { RUN_ID } from './run-request.js'
import { doMerge, doShard, Refused, type ShardProgress, type ShardWork } from './shard-work.js'

export interface WorkOptions {
  readonly redis: RedisOptions
  readonly results: Results
  readonly work: ShardWork
  /** What is told to whoever looks on. */
  readonly tell: (sentence: string) => void
  /** Stops the worker: what it has in hand goes back. */
  readonly signal: AbortSignal
  /** The run after which to stop. @default goes on for ever */
  readonly until?: string
  /** After how long in ms a shard of a worker that is not heard of is another's. @default 30000 */
  readonly lockDuration?: number
}

const DEFAULT_LOCK_MS = 30_000
const PROGRESS_EVERY_MS = 2000
const LOOK_EVERY_MS = 1000
const GIVEN_BACK_MS = 1000
/** For a shard in hand to be given back. */
const CLOSE_MS = 5000
/** How often, in seconds, Redis is asked where there is nothing to do: what became of others' shards is looked at then. */
const ASK_EVERY_S = 1
/** After Redis did not answer. */
const RETRY_MS = 1000

/**
 * Works until its signal, or until the run it waits for is merged. Rejects with ERR_CLUSTER where it was given a shard that it must not
 * verify: that is another worker's then. At least once: a shard whose worker died is verified again.
 */
export async function work(options: WorkOptions): Promise<void> {
  const bull = await loadBull()
  await new ClusterWorker(bull, options).run()
}

class ClusterWorker {
  readonly #bull: Bull
  readonly #options: WorkOptions
  readonly #stop = new AbortController()
  readonly #worker: Worker
  #refusal: string | undefined
  #isCut = false

  constructor(bull: Bull, options: WorkOptions) {
    this.#bull = bull
    this.#options = options
    const { redis, lockDuration = DEFAULT_LOCK_MS } = options
    this.#worker = new bull.Worker(QUEUE, (job, token) => this.#take(job, token), {
      ...connection(redis, this.#stop.signal),
      lockDuration,
      stalledInterval: lockDuration,
      maxStalledCount: MOST_DEATHS,
      runRetryDelay: RETRY_MS,
      drainDelay: ASK_EVERY_S,
      autorun: false,
    })
    this.#tellAll(options.tell)
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    const look = setInterval(() => void this.#look(), LOOK_EVERY_MS)
    const stop = () => this.#stop.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      const stopped = new Promise<void>((resolve) => this.#whenStopped(resolve))
      await Promise.race([stopped, this.#worker.run()])
    } finally {
      clearInterval(look)
      signal.removeEventListener('abort', stop)
      await this.#close()
    }
    if (this.#refusal !== undefined) throw new VerifyTrailError('ERR_CLUSTER', this.#refusal)
  }

  /** What is in hand goes back, as long as Redis takes it: where it does not answer, it is another's once it is missed. */
  async #close(): Promise<void> {
    const late = setTimeout(() => void this.#worker.close(true).catch(() => undefined), CLOSE_MS)
    const given = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS + GIVEN_BACK_MS).unref())
    await Promise.race([this.#worker.close().catch(() => undefined), given])
    clearTimeout(late)
  }

  #whenStopped(then: () => void): void {
    if (this.#stop.signal.aborted) then()
    else this.#stop.signal.addEventListener('abort', then, { once: true })
  }

  /** Whether the run that it waits for is merged. */
  async #look(): Promise<void> {
    const { until, results } = this.#options
    if (until === undefined) return
    if (await results.has(reportName(until)).catch(() => false)) this.#stop.abort()
  }

  async #take(job: Job, token: string | undefined): Promise<void> {
    try {
      this.#stop.signal.throwIfAborted()
      await this.#checkRun(job)
      await (job.name === 'merge' ? this.#merge(job) : this.#verify(job))
    } catch (error) {
      if (error instanceof Refused) {
        this.#refusal = error.message
        this.#stop.abort()
      } else if (!this.#stop.signal.aborted && !(error instanceof OfAnotherRun)) throw error
      // It did not fail, and is soon another's.
      await job.moveToDelayed(Date.now() + GIVEN_BACK_MS, token)
      throw new this.#bull.DelayedError()
    }
  }

  /** All runs are in one queue: another run's is another worker's, which has its results, keys and sources. */
  async #checkRun(job: Job): Promise<void> {
    if (this.#isOfAnotherRun(job)) throw new OfAnotherRun()
    const { results, until } = this.#options
    const { run } = Object(job.data)
    if (typeof run !== 'string' || !RUN_ID.test(run) || (await results.has(requestName(run)))) return
    if (until === undefined) throw new OfAnotherRun()
    throw new Refused(`${results.name} holds no run ${run}: give the results that it was submitted with`)
  }

  #isOfAnotherRun({ data }: Job): boolean {
    const { until } = this.#options
    return until !== undefined && Object(data).run !== until
  }

  async #verify(job: Job): Promise<void> {
    const { results, work } = this.#options
    let latest: ShardProgress | undefined
    const timer = setInterval(() => {
      if (latest !== undefined) job.updateProgress({ ...latest }).catch(() => undefined)
    }, PROGRESS_EVERY_MS)
    const onProgress = (progress: ShardProgress) => {
      latest = progress
    }
    try {
      const { run, shard } = Object(job.data)
      const isLast = job.attemptsMade >= ATTEMPTS - 1
      await doShard(results, work, run, shard, { signal: this.#stop.signal, isLast, onProgress })
    } finally {
      clearInterval(timer)
    }
  }

  async #merge(job: Job): Promise<void> {
    const failures = new Map<number, string>()
    for (const [key, reason] of Object.entries(await job.getIgnoredChildrenFailures())) failures.set(shardOf(key), reason)
    await doMerge(this.#options.results, this.#options.work, Object(job.data).run, failures)
  }

  #tellAll(tell: (sentence: string) => void): void {
    this.#worker.on('error', (error) => {
      if (!this.#isCut) tell(`Redis: ${error.message}; trying again`)
      this.#isCut = true
    })
    this.#worker.on('active', (job) => {
      this.#isCut = false
      if (!this.#isOfAnotherRun(job)) tell(`${named(job)} begins`)
    })
    this.#worker.on('completed', (job) => tell(`${named(job)} is done`))
    this.#worker.on('failed', (job, error) => tell(`${job === undefined ? 'a shard' : named(job)} failed: ${error.message}`))
  }
}

class OfAnotherRun extends Error {}

function named({ name, data: given }: Job): string {
  const data = Object(given)
  return name === 'merge' ? `merging run ${data.run}` : `shard ${data.shard} of run ${data.run}`
}
