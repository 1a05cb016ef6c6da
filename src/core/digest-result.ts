/** A judged digest as it is told. */
import { type DigestRecord, digestInterval, isStarting, objectName } from './check-digest.js'
import type { DigestProof } from './findings.js'
import type { JudgedDigest } from './judge-chain.js'
import type { DigestResult } from './results.js'
import { formatTime } from './time.js'

export function digestResult({ checked, verdict }: JudgedDigest): DigestResult {
  const { record, observations, linkObservations, signatureFrom } = checked
  const { facts, name } = record
  const { start, end } = digestInterval(record)
  const content = facts.kind === 'content' ? facts : undefined
  return {
    kind: 'digest',
    verdict,
    object: objectName(record),
    organizationId: name.organizationId,
    accountId: name.accountId,
    region: name.region,
    trail: name.trail,
    homeRegion: name.homeRegion,
    chainKind: name.backfill ? 'backfill' : 'standard',
    startTime: content === undefined ? null : formatTime(start),
    endTime: formatTime(end),
    starting: isStarting(record),
    fingerprint: content?.digest.digestPublicKeyFingerprint ?? null,
    sha256: content?.sha256 ?? (facts.kind === 'malformed' ? facts.sha256 : null),
    signatureFrom,
    ...(content?.metadataFrom ? { metadataFrom: content.metadataFrom } : {}),
    logFiles: content?.logFiles ?? 0,
    findings: [...observations, ...linkObservations].map((observation) => observation.code),
  }
}

/** What its word is worth; undefined where its body could not be read. */
export function digestProof(record: DigestRecord): DigestProof | undefined {
  const { facts, successorSignature, metadataSignature } = record
  if (facts.kind !== 'content') return undefined
  const own = metadataSignature === 'verifies' ? 'metadata' : null
  return {
    object: objectName(record),
    sha256: facts.sha256,
    fingerprint: facts.digest.digestPublicKeyFingerprint,
    signatureFrom: successorSignature === 'verifies' ? 'successor' : own,
  }
}
