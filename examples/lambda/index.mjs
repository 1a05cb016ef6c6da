// @ts-check
/** The function that is deployed: settings from its environment, outcomes to EventBridge. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { S3Client } from '@aws-sdk/client-s3'
import { nightly } from './nightly.mjs'

const { TRAIL = '', REPORTS_BUCKET = '', EVENT_BUS = 'default' } = process.env
const events = new EventBridgeClient({})
/** PutEvents takes 256 KB. */
const MOST_SENTENCES = 50

export const handler = nightly({ trail: TRAIL, s3: new S3Client({}), reports: { bucket: REPORTS_BUCKET }, publish })

/** @param {import('./nightly.mjs').Outcome} outcome */
async function publish(outcome) {
  const notChecked = outcome.notChecked.slice(0, MOST_SENTENCES).map((sentence) => sentence.slice(0, 1000))
  const Entry = { Source: 'verify-trail', DetailType: 'CloudTrail integrity', EventBusName: EVENT_BUS }
  const { FailedEntryCount, Entries } = await events.send(
    new PutEventsCommand({ Entries: [{ ...Entry, Detail: JSON.stringify({ ...outcome, notChecked }) }] }),
  )
  // An answer of 200 may refuse the event.
  if (FailedEntryCount !== 0) throw new Error(`EventBridge refused the event: ${Entries?.[0]?.ErrorCode}`)
}
