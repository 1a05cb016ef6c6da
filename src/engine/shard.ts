/** Which accounts and regions one part of a split run verifies, and which months of the log files of one: a stretch of all of them in their order. */
import { createHash } from 'node:crypto'
import { compareKeys } from '../core/compare-keys.js'
import type { Scope } from './discover.js'
import { isMonth, type Months } from './months.js'

/** One of so many parts of a run. */
export interface ShardRequest {
  /** From 1. */
  readonly index: number
  readonly of: number
  /**
   * Where each part but the first begins, as a plan says it: `organization/account/region`, or `organization/account/region/YYYY-MM`, from that
   * month's log files on. @default the same number of accounts and regions in each
   */
  readonly borders?: readonly string[]
}

/** `organization/account/region`: in byte order these stand as accounts and regions do in a run. */
export function scopeName({ organizationId, accountId, region }: Pick<Scope, 'organizationId' | 'accountId' | 'region'>): string {
  return `${organizationId ?? ''}/${accountId}/${region ?? ''}`
}

/** What borders lie between: an account and region, or a month's log files of one. */
export interface Weighed {
  /** `organization/account/region`, and `/YYYY-MM` for all months but the first. */
  readonly name: string
  readonly weight: number
}

/** As many parts as even as can be. `all`: in the order of a run. */
export function bordersOf(all: readonly Weighed[], of: number): string[] {
  const whole = all.reduce((sum, { weight }) => sum + weight, 0)
  const borders: string[] = []
  let before = 0
  for (const { name, weight } of all) {
    // Where the middle of it lies decides.
    const middle = before + weight / 2
    while (borders.length < of - 1 && middle * of >= whole * (borders.length + 1)) borders.push(name)
    before += weight
  }
  // More parts than there is work for: the last ones are empty.
  while (borders.length < of - 1) borders.push(AFTER_ALL)
  return borders
}

/** Behind every name. */
const AFTER_ALL = '\u{10ffff}'

/** A border, taken apart. */
interface Border {
  readonly scope: string
  /** Null: from the beginning. */
  readonly month: string | null
}

function parseBorder(border: string): Border {
  const at = border.lastIndexOf('/')
  const month = border.slice(at + 1)
  return isMonth(month) ? { scope: border.slice(0, at), month } : { scope: border, month: null }
}

/** The order of a run: what begins an account and region stands before its months, and these before the next one. */
export function compareBorders(a: string, b: string): number {
  const [one, other] = [parseBorder(a), parseBorder(b)]
  return compareKeys(one.scope, other.scope) || compareKeys(one.month ?? '', other.month ?? '')
}

/** An account and region, or the months of it that are taken. */
export interface ScopeShare {
  readonly scope: Scope
  /** Undefined: all of it. */
  readonly months?: Months
}

export function takeShard(scopes: readonly Scope[], { index, borders }: Required<ShardRequest>): ScopeShare[] {
  const from = borders[index - 2]
  const to = borders[index - 1]
  return scopes.flatMap((scope): ScopeShare[] => {
    const first = from === undefined ? null : beginningIn(scopeName(scope), parseBorder(from))
    const end = to === undefined ? 'after' : beginningIn(scopeName(scope), parseBorder(to))
    // Null: at the beginning of it.
    if (first === 'after' || end === null || (first !== null && first === end)) return []
    const months = { from: first, to: end === 'after' ? null : end }
    return [months.from === null && months.to === null ? { scope } : { scope, months }]
  })
}

/** Where in an account and region a part begins whose border this is: in a month, before all of it (null), or after all of it. */
function beginningIn(name: string, { scope, month }: Border): string | null | 'after' {
  const order = compareKeys(name, scope)
  if (order === 0) return month
  return order > 0 ? null : 'after'
}

/** Hex SHA-256 over the names of accounts and regions. */
export function hashOfScopes(scopes: readonly Scope[]): string {
  return createHash('sha256')
    .update(scopes.map((scope) => `${scopeName(scope)}\n`).join(''))
    .digest('hex')
}

/** The accounts and regions of a shard, among all that were found. */
export interface ShardScopes {
  readonly index: number
  readonly of: number
  readonly borders: readonly string[]
  readonly scopes: readonly ScopeShare[]
  readonly found: number
  readonly sha256: string
}

export function shardOf(found: readonly Scope[], { index, of, borders }: ShardRequest): ShardScopes {
  const all =
    borders ??
    bordersOf(
      found.map((scope) => ({ name: scopeName(scope), weight: 1 })),
      of,
    )
  const scopes = takeShard(found, { index, of, borders: all })
  return { index, of, borders: all, scopes, found: found.length, sha256: hashOfScopes(found) }
}
