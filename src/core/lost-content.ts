/** What CloudTrail delivered and is no longer there, by the findings that say so. */
import type { Finding, FindingCode } from './findings.js'

/** An object, and the hash that a valid digest gives of its content. */
export interface LostContent {
  /** `s3://bucket/key` */
  readonly object: string
  /** Lower-case hex SHA-256 of the inflated bytes. */
  readonly expected: string
}

/** Findings about an object whose content may have been another: those that do not carry the hash themselves. */
const BY_SIGNED_HASH: ReadonlySet<FindingCode> = new Set([
  'DIGEST_MISSING',
  'DIGEST_MOVED',
  'DIGEST_MALFORMED',
  'DIGEST_TRAILING_DATA',
  'DIGEST_SIGNATURE_INVALID',
  'LOG_FILE_MALFORMED',
  'LOG_FILE_TRAILING_DATA',
])

const SHA256 = /^[0-9a-f]{64}$/

/** Undefined where a finding is about something else, or no valid digest says what the content was. */
export function lostContent(finding: Finding, signedHash: (object: string) => string | undefined): LostContent | undefined {
  const lost = lostBy(finding, signedHash)
  return lost?.expected !== undefined && SHA256.test(lost.expected) ? { object: lost.object, expected: lost.expected } : undefined
}

function lostBy(
  finding: Finding,
  signedHash: (object: string) => string | undefined,
): { readonly object: string; readonly expected: string | undefined } | undefined {
  const { code, object } = finding
  if (code === 'LOG_FILE_MISSING' || code === 'LOG_FILE_MODIFIED') return { object, expected: finding.expected }
  if (code === 'DIGEST_LINK_BROKEN' && finding.reason === 'hash') return { object: finding.previous, expected: finding.expected }
  return BY_SIGNED_HASH.has(code) ? { object, expected: signedHash(object) } : undefined
}
