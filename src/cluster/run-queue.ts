/** The runs that are in Redis: submitted, and looked at. A job says which shard of which run; everything else is with the results. */
import type { FlowProducer, Job, Queue } from 'bullmq'
import { VerifyTrailError } from '../errors.js'
import { connection, loadBull, type RedisOptions } from './redis.js'
import { type RunRequest, runIdOf } from './run-request.js'
import type { ShardProgress } from './shard-work.js'

export const QUEUE = 'runs'

/** What a job carries: no secret, and nothing that is believed. */
export interface ShardJob {
  readonly run: string
  /** From 1. */
  readonly shard: number
}

export interface MergeJob {
  readonly run: string
  readonly shards: number
  readonly sources: readonly string[]
}

/** How often a shard is tried that fails, and how often one whose worker dies. */
export const ATTEMPTS = 3
export const MOST_DEATHS = 10
const FIRST_PAUSE_MS = 1000
/** How long Redis remembers what is done. */
const KEPT = { age: 30 * 24 * 3600 }

export type RunState = 'waiting' | 'done' | 'failed'

/** How far a run has come. */
export interface RunStatus {
  readonly run: string
  readonly sources: readonly string[]
  readonly state: RunState
  readonly shards: number
  readonly shardsDone: number
  readonly shardsFailed: number
  /** What those at work say. */
  readonly atWork: readonly ShardAtWork[]
}

export interface ShardAtWork extends ShardProgress {
  readonly shard: number
}

const mergeId = (run: string): string => `${run}-merge`
const shardId = (run: string, shard: number): string => `${run}-${shard}`

/** Of a job's key, which ends in its id. */
export function shardOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('-') + 1))
}

export class RunQueue {
  readonly #queue: Queue
  readonly #flows: FlowProducer
  readonly #prefix: string
  readonly #failure: Promise<never>

  private constructor(queue: Queue, flows: FlowProducer, prefix: string) {
    this.#queue = queue
    this.#flows = flows
    this.#failure = new Promise((_, reject) => {
      queue.on('error', (error) => reject(unreachable(error)))
      flows.on('error', (error) => reject(unreachable(error)))
    })
    this.#failure.catch(() => undefined)
    this.#prefix = prefix
  }

  static async open(redis: RedisOptions): Promise<RunQueue> {
    const { FlowProducer, Queue } = await loadBull()
    const options = connection(redis)
    const queue = new Queue(QUEUE, options)
    const flows = new FlowProducer(options)
    const opened = new RunQueue(queue, flows, options.prefix)
    try {
      await opened.#ask(queue.waitUntilReady())
      return opened
    } catch (error) {
      void opened.close()
      throw error
    }
  }

  /** Rejects as soon as Redis cannot be reached, or does not let us in: what was asked then waits for a better day. */
  async #ask<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#failure])
  }

  /** The same request once more is the run that is there already. */
  async submit(request: RunRequest): Promise<{ readonly run: string; readonly isNew: boolean }> {
    const run = runIdOf(request)
    const isNew = (await this.#ask(this.#queue.getJob(mergeId(run)))) === undefined
    if (isNew) await this.#ask(this.#flows.add(this.#flow(run, request)))
    return { run, isNew }
  }

  #flow(run: string, { shards, sources }: RunRequest): Parameters<FlowProducer['add']>[0] {
    const data: MergeJob = { run, shards, sources }
    const kept = { removeOnComplete: KEPT, removeOnFail: KEPT }
    const repeated = { attempts: ATTEMPTS, backoff: { type: 'exponential', delay: FIRST_PAUSE_MS } }
    return {
      name: 'merge',
      queueName: QUEUE,
      prefix: this.#prefix,
      data,
      opts: { jobId: mergeId(run), ...kept, ...repeated },
      children: Array.from({ length: shards }, (_, i) => ({
        name: 'shard',
        queueName: QUEUE,
        prefix: this.#prefix,
        data: { run, shard: i + 1 } satisfies ShardJob,
        // The rest goes on without it, and the report says so.
        opts: { jobId: shardId(run, i + 1), ...kept, ...repeated, ignoreDependencyOnFailure: true },
      })),
    }
  }

  /** Undefined where Redis knows no such run. */
  async status(run: string): Promise<RunStatus | undefined> {
    const merge = await this.#ask(this.#queue.getJob(mergeId(run)))
    return merge === undefined ? undefined : this.#statusOf(merge)
  }

  /** The newest first. */
  async runs(most: number): Promise<RunStatus[]> {
    const jobs = await this.#ask(this.#queue.getJobs([...STATES]))
    const merges = jobs.filter((job) => job?.name === 'merge').sort((a, b) => b.timestamp - a.timestamp)
    return Promise.all(merges.slice(0, most).map((job) => this.#statusOf(job)))
  }

  async #statusOf(merge: Job<MergeJob>): Promise<RunStatus> {
    const { run, shards, sources } = believed(merge.data)
    const [counts, state, active] = await Promise.all([
      merge.getDependenciesCount(),
      merge.getState(),
      this.#queue.getJobs(['active']),
    ])
    const atWork = active.filter((job) => job?.name === 'shard' && job.data?.run === run).map(progressOf)
    const shardsFailed = (counts.ignored ?? 0) + (counts.failed ?? 0)
    return {
      run,
      sources,
      state: state === 'completed' ? 'done' : state === 'failed' ? 'failed' : 'waiting',
      shards,
      shardsDone: state === 'completed' ? shards - shardsFailed : (counts.processed ?? 0),
      shardsFailed,
      atWork,
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#queue.close(), this.#flows.close()])
  }
}

const STATES = ['waiting-children', 'waiting', 'active', 'delayed', 'completed', 'failed'] as const

function unreachable(error: Error): VerifyTrailError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return new VerifyTrailError('ERR_CLUSTER', `Redis: ${error.message || code}`, { cause: error })
}

/** Whoever can write to Redis chose it: texts are texts, and numbers are numbers. */
function believed(data: unknown): MergeJob {
  const { run, shards, sources } = Object(data) as { readonly [K in keyof MergeJob]?: unknown }
  return { run: String(run), shards: count(shards), sources: Array.isArray(sources) ? sources.map(String) : [] }
}

function count(value: unknown): number {
  return Number.isSafeInteger(value) ? Number(value) : 0
}

function progressOf({ data, progress }: Job<ShardJob>): ShardAtWork {
  const { logFiles, logFilesListed, findings } = Object(progress) as { readonly [K in keyof ShardProgress]?: unknown }
  const listed = Number.isSafeInteger(logFilesListed) ? count(logFilesListed) : null
  return { shard: count(data.shard), logFiles: count(logFiles), logFilesListed: listed, findings: count(findings) }
}
