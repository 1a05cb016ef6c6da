/** Names, JSON and XML of anybody's. */
import { parseEnvelope } from '../../src/attest/dsse.js'
import { parseStatement } from '../../src/attest/statement.js'
import { parseErrorDocument } from '../../src/aws/error-document.js'
import { parseListing } from '../../src/aws/listing.js'
import { parseDigest } from '../../src/core/digest.js'
import { parseExpectations } from '../../src/core/expectations.js'
import { parseJson } from '../../src/core/json.js'
import { parseLogEvents } from '../../src/core/log-events.js'
import { type DigestKey, type LogFileKey, parseObjectKey } from '../../src/core/object-key.js'
import { parsePublicKeyList } from '../../src/core/public-keys.js'
import { parseMetadata } from '../../src/index.js'
import { escapeTerminal } from '../../src/reports/escape.js'
import { must, type Target } from './target.js'

const ACCOUNT = '111122223333'
const DIGEST_KEY = `AWSLogs/${ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/14/${ACCOUNT}_CloudTrail-Digest_us-east-1_my-trail_us-west-2_20260314T080434Z.json.gz`
const LOG_KEY = `AWSLogs/${ACCOUNT}/CloudTrail/us-east-1/2026/03/14/${ACCOUNT}_CloudTrail_us-east-1_20260314T0805Z_u8s6MkSwd96wJQup.json.gz`
const SIGNATURE = 'ab'.repeat(256)
const HASH = 'cd'.repeat(32)

const text = (...values: readonly (string | object)[]): Uint8Array[] =>
  values.map((value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))

const DIGEST = {
  awsAccountId: ACCOUNT,
  digestStartTime: '2026-03-14T07:04:34Z',
  digestEndTime: '2026-03-14T08:04:34Z',
  digestS3Bucket: 'example-trail-logs',
  digestS3Object: DIGEST_KEY,
  digestPublicKeyFingerprint: 'ef'.repeat(16),
  digestSignatureAlgorithm: 'SHA256withRSA',
  newestEventTime: null,
  oldestEventTime: null,
  previousDigestS3Bucket: 'example-trail-logs',
  previousDigestS3Object: DIGEST_KEY.replace('T08', 'T07'),
  previousDigestHashValue: HASH,
  previousDigestHashAlgorithm: 'SHA-256',
  previousDigestSignature: SIGNATURE,
  logFiles: [{ s3Bucket: 'example-trail-logs', s3Object: LOG_KEY, hashValue: HASH, hashAlgorithm: 'SHA-256' }],
}
const STARTING = {
  ...DIGEST,
  previousDigestS3Bucket: null,
  previousDigestS3Object: null,
  previousDigestHashValue: null,
  previousDigestHashAlgorithm: null,
  previousDigestSignature: null,
  logFiles: [],
}

/** What only its name says of a digest, written again. */
function digestKey({ prefix, organizationId, accountId, region, trail, homeRegion, endTime, backfill }: DigestKey): string {
  const end = new Date(endTime).toISOString()
  const day = end.slice(0, 10).replaceAll('-', '/')
  const organization = organizationId === null ? '' : `${organizationId}/`
  const time = `${end.slice(0, 19).replace(/[-:]/g, '')}Z${backfill ? '_backfill' : ''}`
  const file = `${accountId}_CloudTrail-Digest_${region}_${trail}_${homeRegion}_${time}.json.gz`
  return `${prefix}AWSLogs/${organization}${accountId}/CloudTrail-Digest/${region}/${day}/${file}`
}

function logFolder({ prefix, organizationId, accountId, region, family, day }: LogFileKey): string {
  const organization = organizationId === null ? '' : `${organizationId}/`
  return `${prefix}AWSLogs/${organization}${accountId}/${family}/${region}/${new Date(day).toISOString().slice(0, 10).replaceAll('-', '/')}/`
}

const objectKey: Target = {
  name: 'object-key',
  seeds: text(DIGEST_KEY, LOG_KEY, `a/b/${DIGEST_KEY.replace('AWSLogs/', 'AWSLogs/o-exampleorgid/')}`),
  short: 3000,
  check(bytes) {
    const key = Buffer.from(bytes).toString()
    const name = parseObjectKey(key)
    if (name.kind === 'digest') must(digestKey(name) === key, 'a digest key says what its parts say, and nothing else')
    if (name.kind === 'log-file') must(key.startsWith(logFolder(name)), 'a log file lies in the folder that its name says')
    must(!/[\p{Cc}\p{Cf}]/u.test(escapeTerminal(key)), 'nothing that steers a terminal is printed')
  },
}

const digest: Target = {
  name: 'digest',
  seeds: text(DIGEST, STARTING),
  short: 2000,
  check(bytes) {
    const answer = parseDigest(bytes)
    if (!answer.ok) return must(answer.reason.length > 0 && answer.reason.length < 2000, 'a reason in a few words')
    const json = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const { digest } = answer
    must(digest.digestS3Object === json.digestS3Object, 'the last of two equal names does not count, nor the first')
    must(digest.logFiles.length === json.logFiles.length, 'every log file that is listed')
    must(digest.starting === (json.previousDigestSignature === null), 'a starting digest names none before it')
    must(digest.digestStartTime <= digest.digestEndTime, 'times are in order')
  },
}

const json: Target = {
  name: 'json',
  seeds: text(DIGEST, { Records: [{ eventName: 'StopLogging', responseElements: null, n: [1, -2.5e3, true] }] }),
  short: 2000,
  check(bytes) {
    const answer = parseJson(bytes)
    const valid = readByPlatform(bytes)
    if (answer.ok) must(valid !== undefined, 'what is read here is JSON')
    if (answer.ok) must(JSON.stringify(answer.value) === JSON.stringify(valid?.value), 'and is read as the platform reads it')
  },
}

function readByPlatform(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) }
  } catch {
    return undefined
  }
}

const KEYS = {
  PublicKeyList: [
    {
      Value:
        'MIIBCgKCAQEAn11L2YZ9h7onug2ILi1MWyHiMRsTQjfWE+pHVRLk1QjfWhirG+lpOa8NrwQ/r7Ah5bNL6HepznOU9XTDSfmmnP97mqyc7z/upfZdS/AHhYcGaz7n6Wc/RRBU6VmiPCrAUojuSk6/GjvA8iOPFsYDuBtviXarvuLPlrT9kAd4Lb+rFfR5peEgBEkhlzc5HuWO7S0y+KunqxX6jQBnXGMtxmPBPP0FylgWGNdFtks/4YSKcgqwH0YDcawP9GGGDAeCIqPWIXDLG1jOjRRzWfCmD0iJUkz8vTsn4hq/5ZxRFE7UBAUiVcGbdnDdvVfhF9C3dQiDq3k7adQIziLT0cShgQIDAQAB',
      ValidityStartTime: '2026-01-01T00:00:00Z',
      ValidityEndTime: 1775000000,
      Fingerprint: '31e8b5433410dfb61a9dc45cc65b22ff',
    },
  ],
}

const keyFile: Target = {
  name: 'key-file',
  seeds: text(KEYS, [KEYS, KEYS], KEYS.PublicKeyList),
  short: 800,
  check(bytes) {
    const answer = parsePublicKeyList(bytes)
    if (!answer.ok) return must(answer.reason.length > 0, 'a reason')
    for (const { fingerprint } of answer.keys) must(/^[0-9a-f]{32}$/.test(fingerprint), 'a key has the fingerprint of its bytes')
  },
}

const METADATA = { signature: SIGNATURE, 'signature-algorithm': 'SHA256withRSA' }
const metadataFile: Target = {
  name: 'metadata-file',
  seeds: text(
    { [`example-trail-logs/${DIGEST_KEY}`]: METADATA },
    [{ Key: DIGEST_KEY, Metadata: METADATA }],
    [{ Path: DIGEST_KEY, Metadata: { ...METADATA, 'content-type': 'application/json' } }],
    `# file: ${DIGEST_KEY}\nuser.signature="${SIGNATURE}"\nuser.signature-algorithm="SHA256withRSA"\n`,
    `bucket,key,user_metadata\nexample-trail-logs,${DIGEST_KEY},"{signature=${SIGNATURE}, signature-algorithm=SHA256withRSA}"\n`,
    `${JSON.stringify({ key: DIGEST_KEY, metadata: METADATA })}\n${JSON.stringify({ key: LOG_KEY, metadata: {} })}\n`,
  ),
  short: 2000,
  check(bytes) {
    const answer = parseMetadata(bytes)
    if (!answer.ok) return must(answer.reason.length > 0 && answer.reason.length < 4000, 'a reason in a few words')
    for (const key of [DIGEST_KEY, LOG_KEY, '', 'constructor', '__proto__']) {
      const found = answer.metadata.lookup('example-trail-logs', key)
      if (found.kind !== 'found') continue
      for (const [name, value] of Object.entries(found.metadata))
        must(typeof value === 'string' && name === name.toLowerCase(), 'metadata are texts, by names in lower case')
    }
  },
}

const LISTING = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>AWSLogs/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken><Contents><Key>AWSLogs/a%20b</Key><LastModified>2026-03-14T08:04:34.000Z</LastModified><ETag>&quot;d4&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents><CommonPrefixes><Prefix>AWSLogs/1/</Prefix></CommonPrefixes></ListBucketResult>`

const listing: Target = {
  name: 'listing',
  seeds: text(LISTING, LISTING.replace('true', 'false')),
  short: 3000,
  check(bytes) {
    const xml = Buffer.from(bytes).toString()
    const page = parseListing(xml)
    if (page === undefined) return
    must(page.objects.length === xml.split('<Contents').length - 1, 'a page has all the objects that it names, or is none')
    must(xml.trimEnd().endsWith('>'), 'a page that was cut is none')
  },
}

const ERROR = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message><RequestId>1</RequestId></Error>`
const errorDocument: Target = {
  name: 'error-document',
  seeds: text(ERROR),
  short: 1000,
  check(bytes) {
    const fields = parseErrorDocument(Buffer.from(bytes).toString())
    if (fields !== undefined) must(fields.size < 1000, 'a handful of fields')
  },
}

const EXPECTATIONS = {
  schemaVersion: 1,
  expect: [{ accountIds: [ACCOUNT], regions: ['us-east-1'], trails: ['my-trail'], since: '2026-01-01', until: '2026-02-01' }],
  accept: [{ accountIds: [ACCOUNT], startTime: '2026-01-01', endTime: '2026-01-02', reason: 'a move', by: 'ops' }],
}
const expectations: Target = {
  name: 'expectations',
  seeds: text(EXPECTATIONS, {
    schemaVersion: 1,
    tool: { name: 'verify-trail', version: '0.1.0' },
    chains: [
      {
        ...{ accountId: ACCOUNT, region: 'us-east-1', trail: 'my-trail', homeRegion: 'us-east-1', organizationId: null },
        ...{ kind: 'standard', digests: { valid: 3 }, startTime: '2026-01-01T00:00:00Z' },
      },
    ],
  }),
  short: 2000,
  check(bytes) {
    const answer = parseExpectations(bytes)
    if (!answer.ok) return must(answer.reason.length > 0 && answer.reason.length < 4000, 'a reason in a few words')
    for (const { reason, by } of answer.expectations.accept)
      must(reason !== '' && by !== '', 'somebody accepts a gap, for a reason')
  },
}

const events: Target = {
  name: 'log-events',
  seeds: text({
    Records: [
      {
        eventName: 'StopLogging',
        eventSource: 'cloudtrail.amazonaws.com',
        eventTime: '2026-03-14T08:04:34Z',
        eventID: 'a',
        userIdentity: { arn: 'arn:aws:iam::111122223333:user/a' },
        sourceIPAddress: '198.51.100.7',
        requestParameters: { name: 'my-trail' },
      },
    ],
  }),
  short: 1500,
  check(bytes) {
    for (const event of parseLogEvents(bytes)) must(typeof event.eventName === 'string', 'an event has a name')
  },
}

const STATEMENT = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'report.json', digest: { sha256: HASH } }],
  predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
  predicate: {
    result: 'PASSED',
    configuration: [{ name: 'public-key/ab', digest: { sha256: HASH }, annotations: { origin: 'x', independent: true } }],
    verifyTrail: {
      verdict: 'valid',
      startedAt: '2026-03-14T08:04:34Z',
      resultsSha256: HASH,
      request: { startTime: null, endTime: null, accountIds: [], regions: [], trails: [] },
    },
  },
}
const envelope: Target = {
  name: 'envelope',
  seeds: text(
    {
      payloadType: 'application/vnd.in-toto+json',
      payload: Buffer.from(JSON.stringify(STATEMENT)).toString('base64'),
      signatures: [{ keyid: 'ab', sig: Buffer.from('signature').toString('base64') }],
    },
    STATEMENT,
  ),
  short: 1500,
  check(bytes) {
    const answer = parseEnvelope(bytes)
    if (answer.ok) parseStatement(answer.envelope.payload)
    parseStatement(bytes)
  },
}

export const parsers: readonly Target[] = [
  objectKey,
  digest,
  json,
  keyFile,
  metadataFile,
  listing,
  errorDocument,
  expectations,
  events,
  envelope,
]
