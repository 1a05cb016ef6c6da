import type { Finding, FindingCode, Gap } from '../core/findings.js'
import { isRegion } from '../core/object-key.js'
import type { Summary } from '../core/results.js'
import { formatCount } from './quantity.js'
import { restoreCommands } from './restore-commands.js'

/** What a person may do next, by the codes that were found. */
const STEPS: readonly (readonly [codes: readonly FindingCode[], step: string])[] = [
  [['DIGEST_KEY_MISMATCH'], 'get the public keys anew, from CloudTrail itself: this is about the key file, not about the trail'],
  [
    ['DIGEST_KEY_OUTSIDE_VALIDITY'],
    'ask for the public keys up to 31 days after the newest digest: late digests may be signed with a newer key',
  ],
  [
    ['DIGEST_SIGNATURE_MISSING'],
    'the newest digest of each run carries its signature in S3 metadata only: save that of the original object ' +
      '(aws s3api head-object) and give it with --metadata FILE, or end the range before that digest',
  ],
  [
    ['DIGEST_UNREADABLE', 'LOG_FILE_UNREADABLE'],
    'see to the reason given with each unreadable object (rights, restore from the archive, network) and run again',
  ],
  [
    ['LOG_FILE_MISSING', 'LOG_FILE_MODIFIED', 'DIGEST_MISSING'],
    'look for the delivered files in versions, replicas and backups of the bucket: `expected` tells a true copy from any other',
  ],
  [
    ['LOG_FILE_UNLISTED'],
    'if trails without log file validation deliver into the same folders, say so with --unvalidated-trails',
  ],
  [['DIGEST_MOVED'], 'if this is a copy of another bucket, name the original place with --bucket NAME[/PREFIX]'],
  [
    ['COVERAGE_GAP'],
    'ask whoever made the calls named with a gap; where none is, look for its digests in backups and replicas, and for ' +
      'StopLogging, DeleteTrail and UpdateTrail in other trails',
  ],
]

/** Sentences with commands. Of the bucket there is nothing in them but names with a region's grammar, and what `restoreCommands` made safe. */
export function nextSteps(summary: Summary, samples: ReadonlyMap<FindingCode, readonly (Finding | Gap)[]>): string[] {
  const unknownKeys = samples.get('DIGEST_KEY_UNKNOWN')
  const steps = unknownKeys === undefined ? [] : [keyStep(summary, unknownKeys)]
  for (const [codes, step] of STEPS) if (codes.some((code) => samples.has(code))) steps.push(step)
  steps.push(...restoreStep([...samples.values()].flat()))
  return steps.length === 0 ? [] : [...steps, 'docs/findings.md says of each code what it proves and what to do']
}

/** One step, with its commands on lines of their own. */
function restoreStep(findings: readonly (Finding | Gap)[]): string[] {
  const { commands, more } = restoreCommands(findings)
  if (commands.length === 0) return []
  const rest = more > 0 ? [`(and ${formatCount(more)} more: see \`versions\` in --json)`] : []
  const intro =
    'these commands would copy the intact versions to the top again; what replaced them stays beside them. None was run'
  return [[intro, ...commands, ...rest].join('\n      ')]
}

/** The regions come from the bucket: only what has a region's grammar goes into a command that will be copied to a shell. */
function keyStep(summary: Summary, findings: readonly (Finding | Gap)[]): string {
  const named = findings
    .map((finding) => finding.region)
    .filter((region): region is string => region !== null && isRegion(region))
  const regions = [...new Set(named)].sort()
  const options = regions.length > 0 ? regions.map((region) => `--region ${region}`).join(' ') : '--region REGION'
  const { startTime, endTime } = summary.summary
  const range = startTime !== null && endTime !== null ? ` --start-time ${startTime} --end-time ${endTime}` : ''
  return (
    `the public keys are not in the bucket. With AWS access: verify-trail keys ${options}${range} -o public-keys.json ` +
    '(or, for each region, aws cloudtrail list-public-keys --region … --start-time … --end-time …), then add --public-keys public-keys.json'
  )
}
