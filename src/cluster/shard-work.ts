/** One job: a shard, or what merges them. Whatever a job says is looked up with the results; what is there already is not done again. */
import { VerifyTrailError } from '../errors.js'
import { type Results, reportName, requestName, shardName } from './results.js'
import { parseRequest, RUN_ID, type RunRequest } from './run-request.js'

/** The work itself: whoever does it has keys and credentials of its own. */
export interface ShardWork {
  /** Why this worker must not do it: other keys, another version, a source that it was not given. Undefined: it may. */
  refusal(request: RunRequest): string | undefined
  /** The shard's report. Rejects with `Refused` where this worker has no way to the sources: another may. */
  verify(request: RunRequest, shard: number, watch: ShardWatch): Promise<ShardVerified>
  /** The report of the whole run, of the outcomes of all shards in order. */
  merge(request: RunRequest, outcomes: readonly ShardOutcome[]): Promise<Uint8Array>
}

export interface ShardVerified {
  readonly report: Uint8Array
  /** How many objects could not be read for reasons that pass: the network, a store that was asked too often. */
  readonly unreadForNow: number
}

export interface ShardWatch {
  readonly signal: AbortSignal
  /** Whether the shard is not tried again: what could not be read is then put as it is. */
  readonly isLast?: boolean
  readonly onProgress: (progress: ShardProgress) => void
}

/** What one at work says. */
export interface ShardProgress {
  readonly logFiles: number
  readonly logFilesListed: number | null
  readonly findings: number
}

export type ShardOutcome =
  | { readonly kind: 'report'; readonly shard: number; read(): Promise<Buffer> }
  | { readonly kind: 'failed'; readonly shard: number; readonly reason: string }

/** This worker must not do it: another one may. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Rejects with ERR_CLUSTER where there is none, or another. */
export async function readRequest(results: Results, run: unknown): Promise<RunRequest> {
  if (typeof run !== 'string' || !RUN_ID.test(run))
    throw new VerifyTrailError('ERR_CLUSTER', `no name of a run: ${JSON.stringify(run)}`)
  const bytes = await results.get(requestName(run))
  if (bytes === undefined)
    throw new VerifyTrailError('ERR_CLUSTER', `${results.name} holds no run ${run}: are these the results it was submitted with?`)
  return parseRequest(bytes, run)
}

/** Verifies a shard, unless its report is there. Twice does no harm: what is put first counts. */
export async function doShard(results: Results, work: ShardWork, run: unknown, shard: unknown, watch: ShardWatch): Promise<void> {
  const request = await readRequest(results, run)
  if (!Number.isSafeInteger(shard) || Number(shard) < 1 || Number(shard) > request.shards)
    throw new VerifyTrailError('ERR_CLUSTER', `no shard of ${request.shards}: ${JSON.stringify(shard)}`)
  refuse(work, request)
  const name = shardName(String(run), Number(shard), request.shards)
  if (await results.has(name)) return
  const { report, unreadForNow } = await work.verify(request, Number(shard), watch)
  watch.signal.throwIfAborted()
  if (unreadForNow > 0 && watch.isLast !== true)
    throw new Error(`${unreadForNow} objects could not be read for now (network, throttled): it is tried again`)
  await results.put(name, report)
}

/** Merges what is there. A shard whose report is not there failed: for the reason that `failures` gives. */
export async function doMerge(
  results: Results,
  work: ShardWork,
  run: unknown,
  failures: ReadonlyMap<number, string>,
): Promise<Uint8Array> {
  const request = await readRequest(results, run)
  const merged = await results.get(reportName(String(run)))
  if (merged !== undefined) return merged
  refuse(work, request)
  const report = await work.merge(request, await outcomesOf(results, String(run), request.shards, failures))
  await results.put(reportName(String(run)), report)
  return report
}

/** A shard whose report is there did not fail, whatever else is said of it. */
export async function outcomesOf(
  results: Results,
  run: string,
  shards: number,
  failures: ReadonlyMap<number, string> = new Map(),
): Promise<ShardOutcome[]> {
  const outcomes: ShardOutcome[] = []
  for (let shard = 1; shard <= shards; shard++) {
    const name = shardName(run, shard, shards)
    const read = async (): Promise<Buffer> => {
      const bytes = await results.get(name)
      if (bytes === undefined) throw new VerifyTrailError('ERR_CLUSTER', `${results.name} holds no ${name} any more`)
      return bytes
    }
    const isThere = await results.has(name)
    outcomes.push(
      isThere
        ? { kind: 'report', shard, read }
        : { kind: 'failed', shard, reason: failures.get(shard) ?? 'its report is not there' },
    )
  }
  return outcomes
}

function refuse(work: ShardWork, request: RunRequest): void {
  const why = work.refusal(request)
  if (why !== undefined) throw new Refused(why)
}
