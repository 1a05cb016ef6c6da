/** Where the results of a run over many machines are kept: what is there is never changed. */

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
