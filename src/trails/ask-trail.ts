/** What CloudTrail itself says of a trail: DescribeTrails, and GetTrailStatus in each region. */
import type { Trail } from '@aws-sdk/client-cloudtrail'
import { type CloudTrailOptions, type CloudTrailSession, cloudTrailSession, isKnownRegion } from '../aws/cloudtrail-session.js'
import { describeFailure, parseFailure } from '../aws/failure.js'
import { formatTime } from '../core/time.js'
import type { Refusal, TrailKnowledge, TrailSettings, TrailStatus } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'

/** How CloudTrail is asked about a trail. */
export interface AskTrailOptions extends CloudTrailOptions {
  /**
   * Source regions to ask for the trail's status, beside its home region.
   * @default of a multi-region trail the regions that every account of its partition has; else none
   */
  readonly regions?: readonly string[]
  readonly signal?: AbortSignal
}

/** Regions that no account of the partition must opt in to. */
const DEFAULT_REGIONS: Readonly<Record<string, readonly string[]>> = {
  aws: [
    ...['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-southeast-1', 'ap-southeast-2'],
    ...['ca-central-1', 'eu-central-1', 'eu-north-1', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'sa-east-1'],
    ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'],
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
}

/** A question that is not worth waiting for: what is not answered lowers what is claimed, nothing else. */
const ATTEMPTS = 2

interface TrailName {
  readonly arn: string
  readonly partition: string
  readonly homeRegion: string
  readonly accountId: string
  readonly trail: string
}

/**
 * Asks CloudTrail where a trail delivers, and in each region whether it logs and when its latest digest was delivered. What is not
 * answered (rights, credentials, network) stands in the answer as refused, with the reason. Rejects with `ERR_INVALID_OPTION` where
 * `arn` is no trail's, and with the signal's reason.
 */
export async function askTrail(arn: string, options: AskTrailOptions = {}): Promise<TrailKnowledge> {
  const name = parseTrailArn(arn)
  const { regions, signal } = options
  const session = cloudTrailSession({ maxAttempts: ATTEMPTS, ...options })
  const settings = await answered(describeTrail(session, name, signal), signal)
  const multiRegion = !('refused' in settings) && settings.multiRegion
  const others = regions ?? (multiRegion ? (DEFAULT_REGIONS[name.partition] ?? []) : [])
  const asked = [...new Set([name.homeRegion, ...others.filter(isKnownRegion)])].sort()
  const status = await Promise.all(
    asked.map(async (region) => {
      const answer = await answered(trailStatus(session, name, region, signal), signal)
      return 'refused' in answer ? { ...answer, region } : answer
    }),
  )
  const { accountId, trail, homeRegion } = name
  return { arn, accountId, trail, homeRegion, settings, status }
}

function parseTrailArn(arn: string): TrailName {
  const match = /^arn:(aws[a-z-]*):cloudtrail:([a-z0-9-]+):(\d{12}):trail\/([A-Za-z0-9._-]{3,128})$/.exec(arn)
  const [, partition, homeRegion, accountId, trail] = match ?? []
  if (partition && homeRegion && accountId && trail && isKnownRegion(homeRegion))
    return { arn, partition, homeRegion, accountId, trail }
  const allowed = 'arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME'
  throw new VerifyTrailError('ERR_INVALID_OPTION', `not the ARN of a trail: ${JSON.stringify(arn)} (give ${allowed})`)
}

async function answered<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T | Refusal> {
  try {
    return await answer
  } catch (error) {
    signal?.throwIfAborted()
    return { refused: describeFailure(parseFailure(error)) }
  }
}

async function describeTrail(
  session: () => Promise<CloudTrailSession>,
  { arn, homeRegion }: TrailName,
  signal: AbortSignal | undefined,
): Promise<TrailSettings | Refusal> {
  const { sdk, ask } = await session()
  const command = new sdk.DescribeTrailsCommand({ trailNameList: [arn] })
  const { trailList = [] } = await ask(homeRegion, signal, (client, options) => client.send(command, options))
  const found = trailList.map(settingsOf).find((settings) => settings !== undefined)
  return found ?? { refused: 'there is no such trail' }
}

function settingsOf(trail: Trail): TrailSettings | undefined {
  const { S3BucketName: bucket, S3KeyPrefix: prefix = '' } = trail
  if (!bucket) return undefined
  return {
    bucket,
    prefix,
    multiRegion: trail.IsMultiRegionTrail === true,
    organization: trail.IsOrganizationTrail === true,
    validation: trail.LogFileValidationEnabled === true,
  }
}

async function trailStatus(
  session: () => Promise<CloudTrailSession>,
  { arn }: TrailName,
  region: string,
  signal: AbortSignal | undefined,
): Promise<TrailStatus> {
  const { sdk, ask } = await session()
  const command = new sdk.GetTrailStatusCommand({ Name: arn })
  const answer = await ask(region, signal, (client, options) => client.send(command, options))
  return {
    region,
    isLogging: answer.IsLogging === true,
    latestDigestDeliveryTime: timeOf(answer.LatestDigestDeliveryTime),
    latestDigestDeliveryError: answer.LatestDigestDeliveryError || null,
    startLoggingTime: timeOf(answer.StartLoggingTime),
    stopLoggingTime: timeOf(answer.StopLoggingTime),
  }
}

function timeOf(date: Date | undefined): string | null {
  const time = date?.getTime() ?? Number.NaN
  return Number.isNaN(time) ? null : formatTime(time)
}
