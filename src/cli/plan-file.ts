/** A plan as a file: written by `verify-trail plan`, read by `--plan`. */
import { readFile } from 'node:fs/promises'
import { isAccountId, isOrganizationId, isRegion } from '../core/object-key.js'
import { isMonth } from '../engine/months.js'
import type { PlannedScope, TrailPlan } from '../engine/plan-trail.js'
import { VerifyTrailError } from '../errors.js'
import { stableJson } from '../reports/stable-json.js'
import { VERSION } from '../version.js'
import { messageOf } from './console.js'

export function formatPlan(plan: TrailPlan): string {
  return `${stableJson({ schemaVersion: 1, tool: { name: 'verify-trail', version: VERSION }, ...plan })}\n`
}

/** What shards need of a plan. */
export type ReadPlan = Pick<TrailPlan, 'scopes'>

/** Rejects with ERR_PLAN where it cannot be read, or is none. */
export async function readPlan(path: string): Promise<ReadPlan> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new VerifyTrailError('ERR_PLAN', `cannot read the plan '${path}': ${messageOf(error)}`, { cause: error })
  }
  if (isPlan(value)) return value
  throw new VerifyTrailError('ERR_PLAN', `'${path}' is no plan: make it with verify-trail plan <source...> -o plan.json`)
}

function isPlan(value: unknown): value is ReadPlan {
  const { schemaVersion, scopes } = Object(value) as { readonly schemaVersion?: unknown; readonly scopes?: unknown }
  return schemaVersion === 1 && Array.isArray(scopes) && scopes.every(isScope)
}

function isScope(value: unknown): value is PlannedScope {
  const { organizationId, accountId, region, digests, logFiles, months } = Object(value) as {
    readonly [K in keyof PlannedScope]?: unknown
  }
  const isOrganization = organizationId === null || (typeof organizationId === 'string' && isOrganizationId(organizationId))
  const isPlace = region === null || (typeof region === 'string' && isRegion(region))
  const isAccount = typeof accountId === 'string' && isAccountId(accountId)
  return isOrganization && isAccount && isPlace && isCount(digests) && isCount(logFiles) && isMonths(months)
}

/** In order: borders are. */
function isMonths(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const months: unknown[] = value.map((one) => (Object(one) as { readonly month?: unknown }).month)
  const isNext = (month: unknown, i: number): boolean =>
    typeof month === 'string' && isMonth(month) && (i === 0 || month > String(months[i - 1]))
  return value.every(isCount) && months.every(isNext)
}

function isCount(value: unknown): boolean {
  const { objects, bytes } = Object(value) as { readonly objects?: unknown; readonly bytes?: unknown }
  return [objects, bytes].every((number) => Number.isSafeInteger(number) && Number(number) >= 0)
}
