import { existsSync, statSync } from 'node:fs'
import type { TrailKnowledge } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'
import type { Source } from '../sources/source.js'
import { joinParts } from '../sources/split-archive.js'
import type { AwsOptions } from './aws-options.js'
import { COMMANDS } from './commands.js'
import { messageOf } from './console.js'
import { given } from './given.js'
import { didYouMean } from './suggestion.js'
import type { TrailArn } from './values.js'

/** The options that name what a run is about and what it is checked with. */
export interface EvidenceCommand extends AwsOptions {
  readonly sources: readonly string[]
  readonly trailArn?: TrailArn
  readonly publicKeys?: string
  readonly metadata?: string
  readonly expect?: readonly string[]
  /** Whose status is asked for, where the trail is named by its ARN. */
  readonly regions?: readonly string[]
  readonly concurrency?: number
}

/** Whether a source is a bucket and not a directory. */
export function isS3Url(source: string): boolean {
  return source.startsWith('s3://')
}

/** What a run begins with. */
export interface Opened {
  readonly sources: readonly Source[]
  readonly trailKnowledge: readonly TrailKnowledge[]
}

/**
 * Opens the sources of a run: those given, else the bucket that CloudTrail names for the trail. Of a trail that is named by its
 * ARN CloudTrail is asked what it knows, unless the run is over an export. Only S3 loads the AWS SDK.
 */
export async function openSources(command: EvidenceCommand, signal: AbortSignal, tell?: How['tell']): Promise<Opened> {
  const { trailArn, concurrency } = command
  const open = (source: string | readonly string[]) => openSource(source, command, signal, given({ concurrency, tell }))
  const names = joinParts(command.sources)
  if (trailArn === undefined || (command.sources.length > 0 && !command.sources.some(isS3Url)))
    return { sources: await Promise.all(names.map(open)), trailKnowledge: [] }
  const { askTrail } = await import('../trails/ask-trail.js')
  const regions = command.regions?.length ? { regions: command.regions } : {}
  const asked = askTrail(trailArn.arn, { ...cloudTrailOptions(command), ...regions, signal })
  const opened = await Promise.all(names.map(open))
  const trail = await asked
  if (opened.length > 0) return { sources: opened, trailKnowledge: [trail] }
  const { settings, arn } = trail
  if ('refused' in settings)
    throw new VerifyTrailError('ERR_SOURCE', `cannot find the trail ${JSON.stringify(arn)}: DescribeTrails: ${settings.refused}`)
  const { bucket, prefix } = settings
  return { sources: [await open(prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`)], trailKnowledge: [trail] }
}

/**
 * What CloudTrail is reached with. `--endpoint-url` is the store's: keys must not come from whoever runs the store. For
 * CloudTrail there is AWS_ENDPOINT_URL_CLOUDTRAIL.
 */
export function cloudTrailOptions({ profile }: AwsOptions): { profile?: string } {
  return profile === undefined ? {} : { profile }
}

/** What is told while a source is opened, and how it is read. */
interface How {
  readonly concurrency?: number | undefined
  readonly tell?: (sentence: string) => void
}

/** Opens a bucket, a directory, or an archive, perhaps of several parts. */
export async function openSource(
  source: string | readonly string[],
  aws: AwsOptions,
  signal: AbortSignal,
  how: How = {},
): Promise<Source> {
  if (typeof source !== 'string') return openArchive(source, signal, how)
  if (isS3Url(source)) {
    const { s3Source } = await import('../sources/s3.js')
    const { endpointUrl, profile } = aws
    return s3Source(source, { signal, ...given({ endpointUrl, profile, concurrency: how.concurrency }) })
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(source)?.[1]
  if (scheme !== undefined) {
    throw new VerifyTrailError(
      'ERR_SOURCE',
      `'${source}': ${scheme}:// is no source: give s3://bucket[/prefix], a directory or an archive`,
    )
  }
  if (isArchive(source)) return openArchive(source, signal, how)
  const { directorySource } = await import('../sources/directory.js')
  return directorySource(source).catch((error: unknown) => {
    const hint = error instanceof VerifyTrailError ? didYouMean(source, [...COMMANDS.keys()]) : ''
    throw hint === '' || existsSync(source)
      ? error
      : new VerifyTrailError('ERR_SOURCE', messageOf(error) + hint, { cause: error })
  })
}

async function openArchive(paths: string | readonly string[], signal: AbortSignal, { tell }: How): Promise<Source> {
  const { archiveSource } = await import('../sources/archive.js')
  return archiveSource(paths, { signal, ...given({ onSpool: tell }) })
}

/** A file or a pipe, or `-` for standard input; what is not there is told by opening a directory. */
function isArchive(source: string): boolean {
  return source === '-' || statSync(source, { throwIfNoEntry: false })?.isDirectory() === false
}
