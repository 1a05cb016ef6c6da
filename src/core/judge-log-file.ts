/** One log file: what digests claim of it against what was measured. */
import type { Observation } from './finding.js'
import type { UnreadableReason } from './findings.js'
import type { Measurement, StoredBytes } from './measurement.js'
import type { LogFileStatus } from './results.js'

/** What a digest says of a log file, and what that digest is worth. */
export interface StandingClaim {
  readonly hash: string
  readonly algorithm: string
  /** `s3://bucket/key` of the digest. */
  readonly digest: string
  readonly ordinal: number
  /** `unsigned`: after the default end, and lacking only a signature. */
  readonly standing: 'vouching' | 'unverified' | 'invalid' | 'unsigned'
}

/** What was found where the claim points: one fact for each copy. */
export type CopyFact =
  | {
      readonly kind: 'measured'
      readonly measurement: Measurement
      readonly live: boolean
      readonly identity?: string
      /** The number of the run whose state has it, as exactly the object that was listed. */
      readonly keptIn?: number
      /** Where they are asked for; null where it was not read to its end. */
      readonly stored?: StoredBytes | null
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason; readonly detail?: string }

export interface LogFileJudgement {
  readonly status: LogFileStatus
  readonly expected: string | null
  readonly found: string | null
  readonly observations: readonly Observation[]
}

const SHA256 = 'SHA-256'

/**
 * Judges a log file that at least one valid digest lists. `beforeRange`: named before the range, so that
 * not being there is a note. `firstIsExact`: the first copy is that of its own place, for which no other stands in.
 */
export function judgeLogFile(
  claims: readonly StandingClaim[],
  copies: readonly CopyFact[],
  options: { readonly beforeRange: boolean; readonly firstIsExact?: boolean },
): LogFileJudgement {
  const supported = claims.filter((claim) => claim.algorithm === SHA256)
  const expected = (supported[0] ?? claims[0])?.hash ?? ''
  if (copies.length === 1 && claims.length === 1 && isIntact(copies[0], claims[0]))
    return { status: 'valid', expected, found: expected, observations: [] }
  const listedBy = [...new Set(claims.map((claim) => claim.digest))]
  const there = copies.filter((copy) => copy.kind !== 'missing')
  if (there.length === 0 || (options.firstIsExact === true && copies[0]?.kind === 'missing')) {
    const observation: Observation = {
      code: 'LOG_FILE_MISSING',
      fields: { expected, listedBy },
      ...(options.beforeRange ? { verdict: 'note' as const } : {}),
    }
    return { status: 'missing', expected, found: null, observations: [observation] }
  }
  const judged = there.map((copy) => judgeCopy(copy, supported, claims, listedBy))
  const found = judged.find((copy) => copy.found !== null)?.found ?? null
  const observations = judged.flatMap((copy) => copy.observations)
  // The first that fits: only trailing data stands beside another finding.
  if (observations.every(({ code }) => code === 'LOG_FILE_TRAILING_DATA')) observations.push(...conflict(supported, found))
  return { status: statusOf(observations), expected, found, observations }
}

/** The common case, without a detour: one claim, one copy, and nothing to say. */
function isIntact(copy: CopyFact | undefined, claim: StandingClaim | undefined): boolean {
  if (copy?.kind !== 'measured' || copy.measurement.kind !== 'measured' || claim?.algorithm !== SHA256) return false
  const { damage, trailing, gzip, sha256 } = copy.measurement
  return damage === null && trailing === null && (gzip || !copy.live) && sha256 === claim.hash
}

function statusOf(observations: readonly Observation[]): LogFileStatus {
  if (observations.length === 0) return 'valid'
  return observations.some((o) => INVALID.has(o.code)) ? 'invalid' : 'unverified'
}

const INVALID: ReadonlySet<string> = new Set([
  'LOG_FILE_MALFORMED',
  'LOG_FILE_TRAILING_DATA',
  'LOG_FILE_MODIFIED',
  'LOG_FILE_CONFLICTING',
])

interface CopyJudgement {
  readonly found: string | null
  readonly observations: readonly Observation[]
}

function judgeCopy(
  copy: CopyFact,
  supported: readonly StandingClaim[],
  claims: readonly StandingClaim[],
  listedBy: readonly string[],
): CopyJudgement {
  if (copy.kind === 'missing') return { found: null, observations: [] }
  if (copy.kind === 'unreadable') return { found: null, observations: [unreadable(copy)] }
  if (supported.length === 0) {
    const hashAlgorithm = (claims[0]?.algorithm ?? '').slice(0, 256)
    return { found: null, observations: [{ code: 'LOG_FILE_ALGORITHM_UNSUPPORTED', fields: { hashAlgorithm } }] }
  }
  const { measurement, live } = copy
  if (measurement.kind === 'too-large') {
    return { found: null, observations: [{ code: 'LOG_FILE_TOO_LARGE', fields: { limit: measurement.limit } }] }
  }
  const damage = measurement.damage ?? (live && !measurement.gzip ? 'not gzip' : null)
  if (damage !== null) return { found: null, observations: [{ code: 'LOG_FILE_MALFORMED', fields: { reason: damage } }] }
  const found = measurement.sha256
  const observations: Observation[] = []
  if (measurement.trailing !== null) observations.push({ code: 'LOG_FILE_TRAILING_DATA', fields: measurement.trailing })
  if (!supported.some((claim) => claim.hash === found)) {
    observations.push({ code: 'LOG_FILE_MODIFIED', fields: { expected: supported[0]?.hash ?? '', found, listedBy } })
  }
  return { found, observations }
}

function unreadable(copy: { readonly reason: UnreadableReason; readonly detail?: string }): Observation {
  const { reason, detail } = copy
  return { code: 'LOG_FILE_UNREADABLE', fields: { reason, ...(detail === undefined ? {} : { detail }) } }
}

function conflict(claims: readonly StandingClaim[], found: string | null): Observation[] {
  if (new Set(claims.map((claim) => claim.hash)).size < 2) return []
  const listed = claims.map(({ digest, hash }) => ({ digest, expected: hash }))
  return [{ code: 'LOG_FILE_CONFLICTING', fields: { claims: listed, found } }]
}

/** Reports a log file that no valid digest lists, but one that is not proven (or not valid, in an hour that nothing proves). */
export function judgeUntrustedLogFile(claims: readonly StandingClaim[], copies: readonly CopyFact[]): LogFileJudgement {
  const unverified = claims.filter((claim) => claim.standing === 'unverified')
  const reason = unverified.length > 0 ? 'digest-unverified' : 'digest-invalid'
  const expected = (unverified[0] ?? claims[0])?.hash ?? ''
  const listedBy = [...new Set(claims.map((claim) => claim.digest))]
  const there = copies.find((copy) => copy.kind !== 'missing') ?? { kind: 'missing' as const }
  const { found, detail } = describeCopy(there)
  const fields = { expected, found, listedBy, reason, ...(detail === undefined ? {} : { detail }) } as const
  return { status: 'unverified', expected, found, observations: [{ code: 'LOG_FILE_CLAIM_UNTRUSTED', fields }] }
}

function describeCopy(copy: CopyFact): { found: string | null; detail?: string } {
  if (copy.kind === 'missing') return { found: null, detail: 'not there' }
  if (copy.kind === 'unreadable') return { found: null, detail: copy.reason }
  const { measurement } = copy
  if (measurement.kind === 'too-large') return { found: null, detail: 'too large' }
  if (measurement.damage !== null) return { found: null, detail: measurement.damage }
  return { found: measurement.sha256, ...(measurement.trailing === null ? {} : { detail: 'trailing data' }) }
}
