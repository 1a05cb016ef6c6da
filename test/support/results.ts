/** Results made by hand, for the tests of reports. */
import type { FindingOf } from '../../src/core/findings.js'
import type { DigestResult, LogFileResult, Summary } from '../../src/core/results.js'

export const OBJECT = 's3://logs/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/10/a.json.gz'
const DIGEST = 's3://logs/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/10/d.json.gz'

const HEAD = {
  verdict: 'invalid',
  organizationId: null,
  accountId: '111122223333',
  region: 'us-east-1',
  time: '2026-01-10T06:15:00Z',
} as const

export function modified(object: string = OBJECT): FindingOf<'LOG_FILE_MODIFIED'> {
  return { kind: 'finding', code: 'LOG_FILE_MODIFIED', ...HEAD, object, expected: 'aa', found: 'bb', listedBy: [DIGEST] }
}

export function gap(): FindingOf<'COVERAGE_GAP'> {
  const range = { startTime: '2026-01-10T01:00:00Z', endTime: '2026-01-10T02:00:00Z' }
  const trail = { trail: 'management-events', homeRegion: 'us-east-1' }
  return {
    kind: 'gap',
    code: 'COVERAGE_GAP',
    ...HEAD,
    verdict: 'unverified',
    object: DIGEST,
    reason: 'digests-missing',
    ...range,
    ...trail,
  }
}

export function keyUnknown(region: string): FindingOf<'DIGEST_KEY_UNKNOWN'> {
  return {
    kind: 'finding',
    code: 'DIGEST_KEY_UNKNOWN',
    ...HEAD,
    verdict: 'unverified',
    object: DIGEST,
    region,
    fingerprint: 'ff',
  }
}

export const LOG_FILE: LogFileResult = {
  kind: 'log-file',
  verdict: 'invalid',
  status: 'invalid',
  object: OBJECT,
  organizationId: null,
  accountId: '111122223333',
  region: 'us-east-1',
  time: '2026-01-10T06:15:00Z',
  listedBy: [DIGEST],
  expected: 'aa',
  found: 'bb',
  bytesRead: 10,
  bytesInflated: 20,
  findings: ['LOG_FILE_MODIFIED'],
}

export const DIGEST_RESULT: DigestResult = {
  kind: 'digest',
  verdict: 'valid',
  object: DIGEST,
  organizationId: null,
  accountId: '111122223333',
  region: 'us-east-1',
  trail: 'management-events',
  homeRegion: 'us-east-1',
  chainKind: 'standard',
  startTime: '2026-01-10T05:04:34Z',
  endTime: '2026-01-10T06:04:34Z',
  starting: false,
  fingerprint: 'ff',
  sha256: 'cc',
  signatureFrom: 'successor',
  logFiles: 1,
  findings: [],
}

const DIGESTS = { found: 11, valid: 11, invalid: 0, unverified: 0, missing: 0, outOfChain: 0 }
const LOG_FILES = { listed: 2, valid: 1, invalid: 1, unverified: 0, missing: 0, unlisted: 0, uncovered: 0, pending: 0 }
const RANGE = { startTime: '2026-01-10T01:04:34Z', endTime: '2026-01-10T12:04:34Z' }

export function summary(verdict: Summary['verdict'], more: Partial<Summary> = {}): Summary {
  return {
    kind: 'summary',
    schemaVersion: 1,
    tool: { name: 'verify-trail', version: '0.1.0' },
    verdict,
    request: { startTime: null, endTime: null, accountIds: [], regions: [], trails: [] },
    run: {
      startedAt: '2026-02-01T00:00:00Z',
      finishedAt: '2026-02-01T00:00:01Z',
      sources: ['./x'],
      node: '20',
      commandLine: null,
      packageSha256: null,
      interrupted: false,
    },
    summary: {
      ...RANGE,
      digests: DIGESTS,
      logFiles: LOG_FILES,
      bytes: { read: 10, inflated: 20 },
      chains: 1,
      findings: verdict === 'invalid' ? { LOG_FILE_MODIFIED: 1 } : {},
    },
    chains: [
      {
        organizationId: null,
        accountId: '111122223333',
        region: 'us-east-1',
        trail: 'management-events',
        homeRegion: 'us-east-1',
        kind: 'standard',
        verdict,
        ...RANGE,
        digests: DIGESTS,
        logFiles: LOG_FILES,
        coverage: [{ ...RANGE, verdict: 'valid', reason: null }],
        newestDigest: { object: 's3://bucket/digest', endTime: RANGE.endTime, sha256: 'dd' },
      },
    ],
    publicKeys: [
      {
        fingerprint: 'ff',
        sha256: 'ee',
        validityStartTime: null,
        validityEndTime: null,
        origin: 'public-keys.json',
        independent: false,
        digests: 11,
      },
    ],
    notChecked: ['whether other trails, accounts or regions existed'],
    ...more,
  }
}
