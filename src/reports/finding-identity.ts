import { createHash } from 'node:crypto'
import type { Finding, Gap } from '../core/findings.js'
import { stableJson } from './stable-json.js'

/** The same for the same fact in every run, so that a later run renews an entry and adds none: SHA-256 of what was found, in hex. */
export function findingIdentity(finding: Finding | Gap): string {
  const { code, object, organizationId, accountId, region, time } = finding
  const hours = finding.kind === 'gap' ? [finding.trail, finding.homeRegion, finding.startTime] : []
  return createHash('sha256')
    .update(stableJson([code, object, organizationId, accountId, region, time, ...hours]))
    .digest('hex')
}
