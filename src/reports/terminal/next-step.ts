/** What to do about the findings of one code: one short sentence, for a summary that fits a screen. */
import type { FindingCode } from '../../core/findings.js'
import { isRegion } from '../../core/object-key.js'
import type { FindingGroup } from '../finding-groups.js'

const SEARCH = 'look in versions, replicas and backups'
const ANOTHER_TRY = 'see to the reason with each (rights, archive, network), then run again'
const NEW_KEYS = 'verify-trail keys gets them anew, up to 31 days after the newest digest'

const STEPS: Readonly<Record<FindingCode, string>> = {
  DIGEST_MISSING: `${SEARCH}; until then nothing proves these hours`,
  DIGEST_UNREADABLE: ANOTHER_TRY,
  DIGEST_OUT_OF_CHAIN: 'keep them as evidence, ask who wrote them: forged digests look so',
  DIGEST_MOVED: 'if this is a copy of another bucket, give --bucket NAME[/PREFIX]',
  DIGEST_MALFORMED: `${SEARCH} for what was delivered`,
  DIGEST_TRAILING_DATA: 'take what follows the gzip member for planted, and ask who wrote it',
  DIGEST_KEY_UNKNOWN: 'with AWS access: verify-trail keys -o keys.json; then --public-keys keys.json',
  DIGEST_KEY_MISMATCH: 'get the public keys anew, from CloudTrail: the key file is at fault',
  DIGEST_SIGNATURE_MISSING: 'their signatures live in S3 metadata that this export lacks; pass --metadata',
  DIGEST_SIGNATURE_INVALID: `not what CloudTrail signed: ${SEARCH} for what was`,
  DIGEST_KEY_OUTSIDE_VALIDITY: NEW_KEYS,
  DIGEST_METADATA_MISMATCH: 'the digests are proven, the metadata was altered: ask who wrote it',
  DIGEST_LINK_BROKEN: `one of each two was replaced: ${SEARCH} for the other`,
  LOG_FILE_MISSING: `${SEARCH}: "expected" tells a true copy`,
  LOG_FILE_UNREADABLE: ANOTHER_TRY,
  LOG_FILE_ALGORITHM_UNSUPPORTED: 'try a newer verify-trail',
  LOG_FILE_MALFORMED: `${SEARCH} for what was delivered`,
  LOG_FILE_TRAILING_DATA: 'take what follows the gzip member for planted, and ask who wrote it',
  LOG_FILE_TOO_LARGE: 'open them with care: decompression bombs look so',
  LOG_FILE_MODIFIED: `${SEARCH}: "expected" tells a true copy`,
  LOG_FILE_CONFLICTING: 'compare the digests that list them, and ask AWS',
  LOG_FILE_CLAIM_UNTRUSTED: 'prove the digests that list them: see the findings about those',
  LOG_FILE_UNLISTED: 'planted, unless trails without validation deliver: --unvalidated-trails',
  LOG_FILE_PENDING: 'nothing: a digest that is still to come should list them',
  LOG_FILE_UNCOVERED: 'see to the gaps around them: nothing is proven, either way',
  COVERAGE_GAP: 'ask who made the calls named with them; else look for their digests',
}

/** Safe text: of the bucket there is nothing in it but names with a region's grammar. */
export function nextStep({ code, total, samples }: FindingGroup): string {
  if (samples.some((finding) => 'versions' in finding && finding.versions?.intact))
    return 'intact versions are there: the commands that restore them are in the full report'
  if (code === 'DIGEST_KEY_UNKNOWN') return keyStep(samples)
  if (code === 'COVERAGE_GAP' && total === samples.length) return gapStep(samples)
  return STEPS[code]
}

const NAMED_REGIONS = 3

function keyStep(samples: FindingGroup['samples']): string {
  const named = samples.flatMap(({ region }) => (region !== null && isRegion(region) ? [region] : []))
  const regions = [...new Set(named)].sort()
  if (regions.length === 0 || regions.length > NAMED_REGIONS) return STEPS.DIGEST_KEY_UNKNOWN
  return `verify-trail keys --region ${regions.join(',')} -o keys.json; then --public-keys keys.json`
}

function gapStep(samples: FindingGroup['samples']): string {
  const reasons = new Set(samples.flatMap((gap) => (gap.code === 'COVERAGE_GAP' ? [gap.reason] : [])))
  if (samples.every((gap) => gap.verdict === 'note')) return 'nothing: they are accepted with --expect'
  const [reason] = reasons
  if (reasons.size > 1) return STEPS.COVERAGE_GAP
  if (reason === 'too-recent') return 'run again later: digests arrive within 2 h 30 min'
  if (reason === 'not-found') return 'is it named right, and was it exported? there is no digest of it'
  if (reason === 'before-first') return 'start later, or find older digests: there are none here'
  return STEPS.COVERAGE_GAP
}
