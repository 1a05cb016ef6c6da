/** What CloudTrail itself said of a trail, and what follows from it. What it did not say is no claim. */
import { MINUTE } from './coverage.js'
import type { ChainId } from './findings.js'
import { parseTime } from './time.js'

/** The answer of GetTrailStatus in one region. Times are ISO 8601. */
export interface TrailStatus {
  readonly region: string
  readonly isLogging: boolean
  readonly latestDigestDeliveryTime: string | null
  readonly latestDigestDeliveryError: string | null
  readonly startLoggingTime: string | null
  readonly stopLoggingTime: string | null
}

/** The answer of DescribeTrails. */
export interface TrailSettings {
  readonly bucket: string
  /** As CloudTrail gives it, without a `/` at the end; empty where there is none. */
  readonly prefix: string
  readonly multiRegion: boolean
  readonly organization: boolean
  readonly validation: boolean
}

/** A question that was not answered, and why. */
export interface Refusal {
  readonly refused: string
}

/** `settings` and `status` say with which level of permission CloudTrail was asked. */
export interface TrailKnowledge {
  readonly arn: string
  readonly accountId: string
  readonly trail: string
  readonly homeRegion: string
  readonly settings: TrailSettings | Refusal
  /** Of each region that was asked, in order. */
  readonly status: readonly (TrailStatus | (Refusal & { readonly region: string }))[]
}

/** A digest is delivered 30 to 90 minutes after its end. */
const LATEST_DELIVERY = 90 * MINUTE
/** Where it is not known since when logging is on: the hour of the digest that was delivered last. */
const LAST_HOUR = 60 * MINUTE

/** Hours of a chain for which CloudTrail says that it delivered digests. */
export interface DeliveredHours {
  readonly chain: Omit<ChainId, 'organizationId' | 'kind'>
  readonly start: number
  /** The newest digest ends no earlier. */
  readonly end: number
}

/** In each region that answered. A member account's status is not told: only the trail's own account is meant. */
export function deliveredHours(trails: readonly TrailKnowledge[]): DeliveredHours[] {
  return trails.flatMap(({ accountId, trail, homeRegion, status }) =>
    status.flatMap((answer) => {
      if ('refused' in answer) return []
      const delivered = parseTime(answer.latestDigestDeliveryTime ?? '')
      if (delivered === undefined) return []
      const end = delivered - LATEST_DELIVERY
      const started = parseTime(answer.startLoggingTime ?? '')
      return [{ chain: { accountId, region: answer.region, trail, homeRegion }, start: started ?? end - LAST_HOUR, end }]
    }),
  )
}

/** Plain sentences: what was not answered, and what an answer means for the hours to come. `buckets`: of the live stores that the run looks at. */
export function trailSentences(trails: readonly TrailKnowledge[], buckets: readonly string[]): string[] {
  return trails.flatMap((trail) => [...settingsSentences(trail, buckets), ...statusSentences(trail)])
}

function settingsSentences({ arn, settings }: TrailKnowledge, buckets: readonly string[]): string[] {
  if ('refused' in settings) {
    const unknown = 'where it delivers, to which regions and accounts, and whether it writes digests is not known'
    return [`DescribeTrails was not answered for ${arn} (${settings.refused}): ${unknown}.`]
  }
  const sentences: string[] = []
  if (buckets.length > 0 && !buckets.includes(settings.bucket))
    sentences.push(`CloudTrail says that ${arn} delivers to s3://${settings.bucket}: it is none of the sources.`)
  if (!settings.validation) sentences.push(`CloudTrail says that log file validation is off for ${arn}: no further digests come.`)
  if (settings.multiRegion)
    sentences.push(`Which opt-in regions are enabled for ${arn} was not asked: a region that is not here may be missed.`)
  if (settings.organization)
    sentences.push(`${arn} is an organization's: which member accounts there are was not asked; --expect says it.`)
  return sentences
}

function statusSentences({ arn, status }: TrailKnowledge): string[] {
  const refused = new Map<string, string[]>()
  const sentences: string[] = []
  for (const answer of status) {
    if ('refused' in answer) {
      refused.set(answer.refused, [...(refused.get(answer.refused) ?? []), answer.region])
      continue
    }
    const { region, isLogging, stopLoggingTime, latestDigestDeliveryError } = answer
    if (!isLogging) {
      const since = stopLoggingTime === null ? '' : ` since ${stopLoggingTime}`
      sentences.push(
        `CloudTrail says that logging is off for ${arn} in ${region}${since}: no digests come for the time after it.`,
      )
    }
    if (latestDigestDeliveryError !== null)
      sentences.push(`CloudTrail could not deliver the latest digest of ${arn} in ${region}: ${latestDigestDeliveryError}.`)
  }
  for (const [reason, regions] of refused) {
    const unknown = 'whether it logs there, and up to when digests were delivered, is not known'
    sentences.push(`GetTrailStatus was not answered for ${arn} in ${regions.join(', ')} (${reason}): ${unknown}.`)
  }
  return sentences
}
