/** Events in log files, and which of them explain a gap. */
import t from 'tap'
import { HOUR, MINUTE } from '../../src/core/coverage.js'
import { explainGap, type ProvenEvent } from '../../src/core/explain-gap.js'
import type { ChainId, GapReason } from '../../src/core/findings.js'
import { type LogEvent, parseLogEvents } from '../../src/core/log-events.js'

const ARN = 'arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events'

const RECORD = {
  eventVersion: '1.11',
  userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/mallory' },
  eventTime: '2026-03-14T10:30:55Z',
  eventSource: 'cloudtrail.amazonaws.com',
  eventName: 'StopLogging',
  awsRegion: 'us-east-1',
  sourceIPAddress: '198.51.100.7',
  requestParameters: { name: ARN },
  eventID: 'e-1',
}

const parse = (text: string | Buffer): LogEvent[] => parseLogEvents(Buffer.from(text))
const file = (...records: readonly unknown[]): string => JSON.stringify({ Records: records })
const changed = (fields: object): string => file({ ...RECORD, ...fields })

t.test('an event as it is found', async (t) => {
  t.strictSame(parse(file({ eventName: 'GetUser' }, RECORD)), [
    {
      eventName: 'StopLogging',
      eventSource: 'cloudtrail.amazonaws.com',
      time: Date.parse(RECORD.eventTime),
      eventId: 'e-1',
      userArn: RECORD.userIdentity.arn,
      sourceIpAddress: '198.51.100.7',
      region: 'us-east-1',
      target: { kind: 'trail', name: ARN },
    },
  ])
  const [pretty] = parse(JSON.stringify({ Records: [RECORD] }, null, 2))
  t.equal(pretty?.eventName, 'StopLogging', 'white space means nothing')
  const [service] = parse(changed({ userIdentity: { type: 'AWSService', invokedBy: 'control-tower.amazonaws.com' } }))
  t.equal(service?.userArn, 'control-tower.amazonaws.com', 'a service that acts itself has no ARN')
  const [long] = parse(changed({ sourceIPAddress: 'x'.repeat(5000) }))
  t.equal(long?.sourceIpAddress?.length, 1024, 'texts are bounded')
})

t.test('an event in a large log file, wherever the stretches end that are looked through', async (t) => {
  const name = '"StopLogging"'
  const start = file({ pad: '' }, RECORD).indexOf(name)
  for (let by = -name.length - 64; by <= 2; by++) {
    const text = file({ pad: 'x'.repeat(1024 * 1024 - start + by) }, RECORD)
    if (parse(text).length !== 1) t.fail(`its name ${by} bytes from where the first stretch ends`)
  }
})

const S3 = { eventSource: 's3.amazonaws.com' }
const selectors = { eventName: 'PutEventSelectors', requestParameters: { trailName: 'management-events' } }

const texts: readonly [sentence: string, text: string | Buffer, events: number][] = [
  ['nothing', '', 0],
  ['no records', '{"Records":[]}', 0],
  ['two events', file(RECORD, RECORD), 2],
  ['the selectors of a trail', changed(selectors), 1],
  ['a bucket', changed({ ...S3, eventName: 'DeleteBucket', requestParameters: { bucketName: 'logs' } }), 1],
  ['a bucket event without a bucket', changed({ ...S3, eventName: 'DeleteBucket' }), 0],
  ['an event that was refused', changed({ errorCode: 'AccessDenied' }), 0],
  ['an event with only an error message', changed({ errorMessage: 'no' }), 0],
  ['an event whose error is null', changed({ errorCode: null }), 1],
  ['an event of another service with that name', changed({ eventSource: 'evil.amazonaws.com' }), 0],
  ['an event without a trail', changed({ requestParameters: null }), 0],
  ['an event whose trail is no text', changed({ requestParameters: { name: [ARN] } }), 0],
  ['an event without a time', changed({ eventTime: 'yesterday' }), 0],
  ['an insight about the event', changed({ eventName: undefined, insightDetails: { eventName: 'StopLogging' } }), 0],
  ['the name in another field', changed({ eventName: 'GetUser', userAgent: '"StopLogging"' }), 0],
  ['a record in a text of a record', file({ eventName: 'GetUser', userAgent: JSON.stringify(RECORD) }), 0],
  ['a record in a record', file({ eventName: 'GetUser', requestParameters: RECORD }), 0],
  ['records under another name', JSON.stringify({ Other: [RECORD] }), 0],
  ['a name twice', file(RECORD).replace('"eventName"', '"eventName":"GetUser","eventName"'), 0],
  ['a text that breaks off within the record', file(RECORD).slice(0, -20), 0],
  ['a depth bomb', `{"Records":[${'{"StopLogging":'.repeat(100_000)}`, 0],
  ['brackets that close too often', '{"Records":[}}}]]]"StopLogging"', 0],
  ['a quote that never closes', '{"Records":[{"eventName":"StopLogging', 0],
  ['a prototype', file(RECORD).replace('{"eventVersion"', '{"__proto__":{"errorCode":"x"},"eventVersion"'), 1],
  ['broken UTF-8 in the record', Buffer.from(file(RECORD).replace('mallory', '\xff'), 'latin1'), 0],
]

t.test('hostile and odd log files', async (t) => {
  for (const [sentence, text, events] of texts) t.equal(parse(text).length, events, sentence)
  const flood = Array.from({ length: 2000 }, (_, i) => ({
    ...RECORD,
    ...S3,
    eventName: 'DeleteObject',
    requestParameters: { bucketName: 'logs', key: `AWSLogs/${i}` },
  }))
  const found = parse(file(...flood, RECORD))
  t.equal(found.length, 257, 'a flood of deletions is bounded')
  t.equal(found.at(-1)?.eventName, 'StopLogging', 'and hides nothing about the trail')
})

const ID: ChainId = {
  organizationId: null,
  accountId: '111122223333',
  region: 'eu-west-1',
  trail: 'management-events',
  homeRegion: 'us-east-1',
  kind: 'standard',
}
const START = Date.parse('2026-03-14T10:34:34Z')
const GAP = { start: START, end: START + 2 * HOUR, reason: 'chain-restarted' as const }

function event(eventName: string, time: number, more: Partial<ProvenEvent> = {}): ProvenEvent {
  const proof = { logFile: 's3://logs/a', sha256: 'ab' }
  const who = { userArn: null, sourceIpAddress: null, region: 'us-east-1', eventId: `${eventName} ${time}` }
  return { eventName, eventSource: 'x', time, target: { kind: 'trail', name: ARN }, ...proof, ...who, ...more }
}
const trail = (name: string, region = 'us-east-1'): Partial<ProvenEvent> => ({ target: { kind: 'trail', name }, region })
const object = (bucket: string, key: string | null): Partial<ProvenEvent> => ({ target: { kind: 'bucket', bucket, key } })

function explained(events: readonly ProvenEvent[], gap: Partial<typeof GAP> | { reason: GapReason } = {}, id = ID): string {
  const { reason, events: told } = explainGap({ ...GAP, ...gap }, id, new Set(['logs']), events)
  return [reason, ...told.map(({ eventName }) => eventName)].join(' ')
}
const stop = (minutes: number): ProvenEvent => event('StopLogging', START + minutes * MINUTE)
const start = (minutes: number): ProvenEvent => event('StartLogging', START + minutes * MINUTE)
const org = { ...ID, organizationId: 'o-exampleorgid' }
const elsewhere = ARN.replace('111122223333', '444455556666')

const explanations: readonly [sentence: string, found: string, expected: string][] = [
  ['nothing', explained([]), 'chain-restarted'],
  ['a stop shortly before', explained([stop(-4)]), 'logging-stopped StopLogging'],
  ['a deleted trail', explained([event('DeleteTrail', START)]), 'logging-stopped DeleteTrail'],
  ['a stop 75 minutes before', explained([stop(-75)]), 'logging-stopped StopLogging'],
  ['a stop 76 minutes before', explained([stop(-76)]), 'chain-restarted'],
  ['a stop 15 minutes after', explained([stop(15)]), 'logging-stopped StopLogging'],
  ['a stop 16 minutes after', explained([stop(16)]), 'chain-restarted'],
  ['a start is told, and explains nothing', explained([start(-4)]), 'chain-restarted StartLogging'],
  ['stopped, then started before the end', explained([stop(-30), start(-20)]), 'chain-restarted StopLogging StartLogging'],
  ['started, then stopped', explained([start(-20), stop(-4)]), 'logging-stopped StartLogging StopLogging'],
  ['stopped, then started in the gap', explained([stop(-4), start(2)]), 'logging-stopped StopLogging StartLogging'],
  ['stopped and started in one second', explained([stop(-4), start(-4)]), 'chain-restarted StartLogging StopLogging'],
  ['a stop near the end of the gap', explained([stop(118)]), 'chain-restarted StopLogging'],
  ['a start near the end of the gap', explained([stop(-4), start(120)]), 'logging-stopped StopLogging StartLogging'],
  ['one event, recorded twice', explained([stop(-4), stop(-4)]), 'logging-stopped StopLogging'],
  ['after the last digest', explained([stop(-4)], { reason: 'after-last' }), 'logging-stopped StopLogging'],
  ['nothing comes after the last', explained([start(120)], { reason: 'after-last' }), 'after-last'],
  ['digests that were there', explained([stop(-4)], { reason: 'digests-missing' }), 'digests-missing StopLogging'],
  ['before the first', explained([stop(-4), start(120)], { reason: 'before-first' }), 'before-first StartLogging'],
  ['too recent', explained([stop(-4)], { reason: 'too-recent' }), 'too-recent'],
  ['a bare name', explained([event('StopLogging', START, trail(ID.trail))]), 'logging-stopped StopLogging'],
  ['a bare name elsewhere', explained([event('StopLogging', START, trail(ID.trail, 'eu-west-1'))]), 'chain-restarted'],
  ['a longer name', explained([event('StopLogging', START, trail(`${ARN}-2`))]), 'chain-restarted'],
  ['another home region', explained([event('StopLogging', START, trail(ARN.replace('us-east', 'us-west')))]), 'chain-restarted'],
  ['another account', explained([event('StopLogging', START, trail(elsewhere))]), 'chain-restarted'],
  [
    'another account of the organization',
    explained([event('StopLogging', START, trail(elsewhere))], {}, org),
    'logging-stopped StopLogging',
  ],
  ['its bucket', explained([event('PutBucketPolicy', START, object('logs', null))]), 'chain-restarted PutBucketPolicy'],
  ['another bucket', explained([event('PutBucketPolicy', START, object('log', null))]), 'chain-restarted'],
  [
    'an object of the trail',
    explained([event('DeleteObject', START, object('logs', 'AWSLogs/a'))]),
    'chain-restarted DeleteObject',
  ],
  ['another object', explained([event('DeleteObject', START, object('logs', 'img/a'))]), 'chain-restarted'],
]

t.test('what explains a gap', async (t) => {
  for (const [sentence, found, expected] of explanations) t.equal(found, expected, sentence)
  const flood = Array.from({ length: 500 }, (_, i) => event('DeleteObject', START + i * 1000, object('logs', `AWSLogs/${i}`)))
  const { reason, events } = explainGap(GAP, ID, new Set(['logs']), [...flood, stop(-4)])
  t.equal(reason, 'logging-stopped')
  t.equal(events.length, 20, 'a flood is bounded')
  t.equal(events[0]?.eventName, 'StopLogging', 'and hides nothing about the trail')
})
