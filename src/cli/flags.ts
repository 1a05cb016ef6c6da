/** The options of the command lines, as they are parsed: what several commands have in common stands here once. */
import type { ReportForm } from '../reports/forms.js'
import type { AwsOptions } from './aws-options.js'
import { usageError } from './parse-words.js'
import type { NamedOutput } from './report-target.js'
import type { Place, Shard, TrailArn } from './values.js'

/** Which accounts, regions and trails, of which hours. */
export interface Narrowing {
  readonly startTime?: Date
  readonly endTime?: Date
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly trails: readonly string[]
  /** What is taken as now. */
  readonly asOf?: Date
}

export interface SharedFlags extends AwsOptions {
  readonly startTime?: Date
  readonly endTime?: Date
  readonly region?: readonly string[]
  readonly quiet?: true
  readonly logJson?: true
}

export interface VerifyFlags extends SharedFlags {
  readonly trailArn?: TrailArn
  readonly s3Bucket?: string
  readonly s3Prefix?: string
  readonly accountId?: readonly string[]
  readonly trail?: readonly string[]
  readonly bucket?: Place
  readonly byName?: true
  readonly publicKeys?: string
  readonly metadata?: string
  readonly expect?: readonly string[]
  readonly unvalidatedTrails?: true
  readonly asOf?: Date
  readonly shard?: Shard
  readonly plan?: string
  readonly state?: string
  readonly stateKey?: string
  readonly recheck?: number
  readonly doubleCheck?: true
  readonly concurrency?: number
  readonly workers?: number
  readonly json?: true
  readonly ndjson?: true
  readonly output?: readonly NamedOutput[]
  readonly format?: ReportForm
  readonly sign?: string
  readonly signPassphrase?: string
  readonly verbose?: true
  readonly progress: boolean
  readonly color: boolean
}

export type ReportFlags = Pick<VerifyFlags, 'output' | 'format' | 'verbose' | 'quiet' | 'color'>

export interface KeysFlags extends SharedFlags {
  readonly output?: string
}

export function checkRange({ startTime, endTime }: SharedFlags): void {
  if (startTime === undefined || endTime === undefined || startTime < endTime) return
  throw usageError(`the start ${startTime.toISOString()} is not before the end ${endTime.toISOString()}`)
}
