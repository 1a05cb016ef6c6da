/** Where the results of a run over many machines are kept: what is there is never changed. */
import { VerifyTrailError } from '../errors.js'

/** What is there under a name, is there whole, and was put there first. */
export interface Results {
  /** For people. */
  readonly name: string
  /** `there`: it was there already, and is as it was. */
  put(name: string, bytes: Uint8Array): Promise<'put' | 'there'>
  /** Undefined where there is nothing. Rejects where that cannot be told. */
  get(name: string): Promise<Buffer | undefined>
  /** Whether there is something. Rejects where that cannot be told. */
  has(name: string): Promise<boolean>
  close?(): Promise<void>
}

/** The names of what a run keeps. */
export const requestName = (runId: string): string => `${runId}/request.json`
export const shardName = (runId: string, shard: number, shards: number): string => `${runId}/shard-${shard}-of-${shards}.json`
export const reportName = (runId: string): string => `${runId}/report.json`

/** What a place of results answers, with its name where it answers with an error. */
export function named(results: Results): Results {
  const told = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked
    } catch (error) {
      if (error instanceof VerifyTrailError) throw error
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      throw new VerifyTrailError('ERR_CLUSTER', `cannot use the results ${JSON.stringify(results.name)}: ${why}`, {
        cause: error,
      })
    }
  }
  return {
    name: results.name,
    put: (name, bytes) => told(results.put(name, bytes)),
    get: (name) => told(results.get(name)),
    has: (name) => told(results.has(name)),
    close: async () => results.close?.(),
  }
}
