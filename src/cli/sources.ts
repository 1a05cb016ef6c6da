import { statSync } from 'node:fs'
import { VerifyTrailError } from '../errors.js'
import { archiveSource } from '../sources/archive.js'
import { directorySource } from '../sources/directory.js'
import type { Source } from '../sources/source.js'
import type { AwsOptions, VerifyCommand } from './arguments.js'
import { given } from './given.js'

/** Whether a source is a bucket and not a directory. */
export function isS3Url(source: string): boolean {
  return source.startsWith('s3://')
}

/** Opens the sources of a run: those given, else the bucket that CloudTrail names for the trail. Only S3 loads the AWS SDK. */
export async function openSources(command: VerifyCommand, signal: AbortSignal): Promise<Source[]> {
  const { trailArn, concurrency } = command
  const open = (source: string) => openSource(source, command, signal, concurrency)
  if (command.sources.length > 0) return Promise.all(command.sources.map(open))
  if (trailArn === undefined) throw new VerifyTrailError('ERR_INVALID_OPTION', 'no source')
  const { describeTrail } = await import('../keys/cloudtrail.js')
  const { bucket, prefix } = await describeTrail(trailArn.arn, { ...cloudTrailOptions(command), signal })
  return [await open(prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`)]
}

/**
 * What CloudTrail is reached with. `--endpoint-url` is the store's: keys must not come from whoever runs the store. For
 * CloudTrail there is AWS_ENDPOINT_URL_CLOUDTRAIL.
 */
export function cloudTrailOptions({ profile }: AwsOptions): { profile?: string } {
  return profile === undefined ? {} : { profile }
}

/** Opens a bucket, a directory or an archive. */
export async function openSource(source: string, aws: AwsOptions, signal: AbortSignal, concurrency?: number): Promise<Source> {
  if (isS3Url(source)) {
    const { s3Source } = await import('../sources/s3.js')
    const { endpointUrl, profile } = aws
    return s3Source(source, { signal, ...given({ endpointUrl, profile, concurrency }) })
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(source)?.[1]
  if (scheme !== undefined) {
    throw new VerifyTrailError(
      'ERR_SOURCE',
      `'${source}': ${scheme}:// is no source: give s3://bucket[/prefix], a directory or an archive`,
    )
  }
  return isArchive(source) ? archiveSource(source, { signal }) : directorySource(source)
}

/** A file or a pipe, or `-` for standard input; what is not there is told by opening a directory. */
function isArchive(source: string): boolean {
  return source === '-' || statSync(source, { throwIfNoEntry: false })?.isDirectory() === false
}
