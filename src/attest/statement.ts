/**
 * What a sealed report states, as an in-toto Statement v1 with a Test Result predicate
 * (https://github.com/in-toto/attestation): its subjects are the report, and the newest proven digest of each chain.
 */
import { parseJson } from '../core/json.js'
import type { Summary } from '../core/results.js'
import { fieldsOf } from './dsse.js'

const STATEMENT = 'https://in-toto.io/Statement/v1'
const TEST_RESULT = 'https://in-toto.io/attestation/test-result/v0.1'

/** A passed test is one that leaves nothing unproven. */
const RESULTS = { valid: 'PASSED', unverified: 'WARNED', invalid: 'FAILED' } as const

export interface ReportHashes {
  /** Hex SHA-256 of the report's bytes. */
  readonly sha256: string
  /** The same without `run`. */
  readonly resultsSha256: string
}

/** The facts of a statement that a check needs. */
export interface ReportStatement extends ReportHashes {
  readonly verdict: Summary['verdict']
  /** What the run took as now, ISO 8601 UTC. */
  readonly startedAt: string
  readonly request: Summary['request']
  readonly publicKeys: readonly StatedKey[]
}

export interface StatedKey {
  readonly sha256: string
  readonly origin: string
  readonly independent: boolean
}

/** The statement of a report, as JSON. `name`: what the report is called, without its folder. */
export function reportStatement(summary: Summary, name: string, { sha256, resultsSha256 }: ReportHashes): string {
  const { verdict, request, run, tool, chains, publicKeys } = summary
  const digests = chains.flatMap(({ newestDigest }) =>
    newestDigest === null ? [] : [{ name: newestDigest.object, digest: { sha256: newestDigest.sha256 } }],
  )
  const program = run.packageSha256 === null ? {} : { digest: { sha256: run.packageSha256 } }
  return JSON.stringify({
    _type: STATEMENT,
    subject: [{ name, digest: { sha256 } }, ...digests],
    predicateType: TEST_RESULT,
    predicate: {
      result: RESULTS[verdict],
      configuration: [
        { name: `${tool.name}@${tool.version}`, ...program },
        ...publicKeys.map((key) => ({
          name: `public-key/${key.fingerprint}`,
          digest: { sha256: key.sha256 },
          annotations: { origin: key.origin, independent: key.independent },
        })),
      ],
      verifyTrail: { verdict, startedAt: run.startedAt, request, resultsSha256 },
    },
  })
}

export type StatementAnswer =
  | { readonly ok: true; readonly statement: ReportStatement }
  | { readonly ok: false; readonly reason: string }

/** Reads the payload of an envelope that is signed, by whomever. Never throws. */
export function parseStatement(bytes: Uint8Array): StatementAnswer {
  const answer = parseJson(bytes)
  if (!answer.ok) return answer
  const { _type, subject, predicateType, predicate } = fieldsOf(answer.value)
  if (_type !== STATEMENT) return no('no in-toto Statement v1')
  if (predicateType !== TEST_RESULT) return no('its predicate is no Test Result v0.1')
  const { verifyTrail, configuration } = fieldsOf(predicate)
  const { verdict, startedAt, request, resultsSha256 } = fieldsOf(verifyTrail)
  const sha256 = hashOf(Array.isArray(subject) ? subject[0] : undefined)
  if (sha256 === undefined || !isHash(resultsSha256)) return no('it has no hashes of a report')
  if (verdict !== 'valid' && verdict !== 'invalid' && verdict !== 'unverified') return no('it has no verdict')
  if (typeof startedAt !== 'string' || Number.isNaN(Date.parse(startedAt))) return no('it does not say when the run was')
  const asked = parseRequest(request)
  if (asked === undefined) return no('it does not say what was asked')
  const publicKeys = (Array.isArray(configuration) ? configuration : []).flatMap(parseKey)
  return { ok: true, statement: { sha256, resultsSha256, verdict, startedAt, request: asked, publicKeys } }
}

function parseRequest(value: unknown): Summary['request'] | undefined {
  const { startTime, endTime, accountIds, regions, trails } = fieldsOf(value)
  if (!isTime(startTime) || !isTime(endTime)) return undefined
  if (!isNames(accountIds) || !isNames(regions) || !isNames(trails)) return undefined
  return { startTime, endTime, accountIds, regions, trails }
}

function parseKey(value: unknown): StatedKey[] {
  const { name, annotations } = fieldsOf(value)
  const { origin, independent } = fieldsOf(annotations)
  const sha256 = hashOf(value)
  const isKey = typeof name === 'string' && name.startsWith('public-key/')
  if (!isKey || sha256 === undefined || typeof origin !== 'string' || typeof independent !== 'boolean') return []
  return [{ sha256, origin, independent }]
}

function hashOf(resource: unknown): string | undefined {
  const { sha256 } = fieldsOf(fieldsOf(resource)['digest'])
  return isHash(sha256) ? sha256 : undefined
}

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isTime = (value: unknown): value is string | null => value === null || typeof value === 'string'
const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every((name) => typeof name === 'string')

function no(reason: string): StatementAnswer {
  return { ok: false, reason }
}
