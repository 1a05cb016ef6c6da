import type { Finding, Gap } from '../core/findings.js'
import { escapeTerminal } from './escape.js'
import { eventStory, searchStory } from './event-story.js'
import { formatCount } from './quantity.js'

/** A fact that proves a finding. The value may hold text that an attacker chose: escape it. */
export type Fact = readonly [label: string, value: string]

/** One finding as lines of safe text: the object, and below it the facts that prove it. */
export function findingLines(finding: Finding | Gap): string[] {
  const facts = findingFacts(finding)
  return [escapeTerminal(finding.object), ...facts.map(([label, value]) => `  ${label.padEnd(12)}${escapeTerminal(value)}`)]
}

/** What every form for people says of a finding beside its object. */
export function findingFacts(finding: Finding | Gap): Fact[] {
  return [...placeFacts(finding), ...codeFacts(finding), ...versionFacts(finding)]
}

/** When, in which account and region: on one line, as far as it is known. A gap says its hours itself. */
function placeFacts({ kind, time, accountId, region, organizationId }: Finding | Gap): Fact[] {
  const place = [
    kind === 'gap' ? null : time,
    accountId && `account ${accountId}`,
    region,
    organizationId && `organization ${organizationId}`,
  ]
  const known = place.filter((part): part is string => typeof part === 'string' && part !== '')
  return known.length > 0 ? [['where', known.join('  ')]] : []
}

/** Facts that are the same word for word in several codes are written once: an exhaustive switch, so that no code is forgotten. */
function codeFacts(finding: Finding | Gap): Fact[] {
  switch (finding.code) {
    case 'DIGEST_MISSING':
      return [['linked from', finding.linkedFrom]]
    case 'DIGEST_UNREADABLE':
    case 'LOG_FILE_UNREADABLE':
      return reason(finding.reason, finding.detail)
    case 'DIGEST_OUT_OF_CHAIN':
    case 'DIGEST_MALFORMED':
    case 'LOG_FILE_MALFORMED':
    case 'LOG_FILE_PENDING':
    case 'LOG_FILE_UNCOVERED':
      return reason(finding.reason)
    case 'LOG_FILE_UNLISTED':
      return reason(finding.reason, finding.mayBeBackfilled && 'younger than 30 days: a backfill digest may still list it')
    case 'DIGEST_MOVED':
      return [['names', finding.named]]
    case 'DIGEST_TRAILING_DATA':
    case 'LOG_FILE_TRAILING_DATA':
      return [['appended', `${formatCount(finding.bytes)} bytes or more after byte ${formatCount(finding.offset)}`]]
    case 'DIGEST_KEY_UNKNOWN':
    case 'DIGEST_KEY_MISMATCH':
      return [['fingerprint', finding.fingerprint], ...reason(finding.reason)]
    case 'DIGEST_SIGNATURE_MISSING':
      return [['fingerprint', finding.fingerprint]]
    case 'DIGEST_SIGNATURE_INVALID':
      return [
        ['fingerprint', finding.fingerprint],
        ['signature', `from ${finding.signatures.join(' and ')}`],
      ]
    case 'DIGEST_KEY_OUTSIDE_VALIDITY':
      return [
        ['fingerprint', finding.fingerprint],
        ['valid until', finding.validityEndTime],
      ]
    case 'DIGEST_METADATA_MISMATCH':
      return [...reason(finding.reason), ['found', finding.found]]
    case 'DIGEST_LINK_BROKEN':
      return [...reason(finding.reason), ['previous', finding.previous], ...hashes(finding.expected, finding.found)]
    case 'LOG_FILE_MISSING':
      return [...hashes(finding.expected), ...listed(finding.listedBy)]
    case 'LOG_FILE_ALGORITHM_UNSUPPORTED':
      return [['algorithm', finding.hashAlgorithm]]
    case 'LOG_FILE_TOO_LARGE':
      return [['limit', `${formatCount(finding.limit)} bytes`]]
    case 'LOG_FILE_MODIFIED':
      return [...hashes(finding.expected, finding.found), ...listed(finding.listedBy)]
    case 'LOG_FILE_CONFLICTING':
      return [...finding.claims.flatMap(conflictingClaim), ...hashes(undefined, finding.found)]
    case 'LOG_FILE_CLAIM_UNTRUSTED':
      return [...reason(finding.reason, finding.detail), ...hashes(finding.expected, finding.found), ...listed(finding.listedBy)]
    case 'COVERAGE_GAP':
      return [
        ['hours', `${finding.startTime} to ${finding.endTime}`],
        ...(finding.trail === null ? [] : ([['trail', finding.trail]] as const)),
        ...reason(finding.reason),
        ...gapEvents(finding),
        ...(finding.accepted === undefined
          ? []
          : ([['accepted', `by ${finding.accepted.by}: ${finding.accepted.reason}`]] as const)),
      ]
  }
}

/** What a versioned bucket still has. */
function versionFacts(finding: Finding | Gap): Fact[] {
  const versions = 'versions' in finding ? finding.versions : undefined
  if (versions === undefined) return []
  const { searched, complete, reason: why, intact, replacedBy } = versions
  const facts: Fact[] = finding.kind === 'gap' ? [['next digest', versions.object]] : []
  if (intact === null) {
    const part = complete ? '' : `; others could not be searched${why === undefined ? '' : `: ${why}`}`
    const none =
      searched === 0 && complete ? 'none: no older version is kept' : `none is intact of ${formatCount(searched)} searched${part}`
    facts.push(['versions', none])
  } else {
    const retained = intact.retainUntil === null ? '' : `; retained until ${intact.retainUntil}`
    const held = intact.legalHold ? '; under legal hold' : ''
    facts.push(['intact', `version ${intact.versionId} of ${intact.lastModified}${retained}${held}`])
  }
  if (replacedBy !== null) {
    const kind = replacedBy.kind === 'version' ? 'version' : 'delete marker'
    facts.push([intact === null ? 'now' : 'then', `${kind} ${replacedBy.versionId} of ${replacedBy.lastModified}`])
  }
  return facts
}

function gapEvents({ events = [], searched }: Gap): Fact[] {
  const told = events.map((event): Fact => ['event', eventStory(event)])
  const search = searched === undefined ? undefined : searchStory(events, searched)
  return search === undefined ? told : [...told, ['event', search]]
}

function reason(word: string | undefined, detail?: string): Fact[] {
  if (word === undefined) return []
  return [['reason', detail === undefined ? word : `${word}: ${detail}`]]
}

function hashes(expected: string | undefined, found?: string | null): Fact[] {
  const facts: Fact[] = []
  if (expected !== undefined) facts.push(['expected', expected])
  if (typeof found === 'string') facts.push(['found', found])
  return facts
}

/** How many digests that list a log file are named. */
const NAMED_DIGESTS = 5

function listed(digests: readonly string[]): Fact[] {
  const facts = digests.slice(0, NAMED_DIGESTS).map((digest): Fact => ['listed by', digest])
  const more = digests.length - NAMED_DIGESTS
  return more > 0 ? [...facts, ['', `and ${formatCount(more)} more`]] : facts
}

function conflictingClaim(claim: { readonly digest: string; readonly expected: string }): Fact[] {
  return [
    ['listed by', claim.digest],
    ['expected', claim.expected],
  ]
}
