import type { Finding, Gap } from '../core/findings.js'
import { parseObjectKey } from '../core/object-key.js'

/** Bucket and key of `s3://bucket/key`; null where an object is named otherwise. */
export function bucketAndKey(object: string): { readonly bucket: string; readonly key: string } | null {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(object) ?? []
  return bucket === undefined || key === undefined ? null : { bucket, key }
}

/** The trail that a finding is about, where it can be told: that of a gap, else that of a digest's name. Attacker-chosen text. */
export function trailOf(finding: Finding | Gap): string | null {
  if (finding.kind === 'gap') return finding.trail
  const place = bucketAndKey(finding.object)
  const name = place === null ? null : parseObjectKey(place.key)
  return name?.kind === 'digest' ? name.trail : null
}
