/** Which accounts and regions one part of a split run verifies: a stretch of all of them in their order, so that parts only have to be put behind each other. */
import { createHash } from 'node:crypto'
import { compareKeys } from '../core/compare-keys.js'
import type { Scope } from './discover.js'

/** One of so many parts of a run. */
export interface ShardRequest {
  /** From 1. */
  readonly index: number
  readonly of: number
  /** Where each part but the first begins, as a plan says it. @default the same number of accounts and regions in each */
  readonly borders?: readonly string[]
}

/** `organization/account/region`: in byte order these stand as accounts and regions do in a run. */
export function scopeName({ organizationId, accountId, region }: Pick<Scope, 'organizationId' | 'accountId' | 'region'>): string {
  return `${organizationId ?? ''}/${accountId}/${region ?? ''}`
}

/** As many parts as even as can be, by what each account and region weighs: 1 if nothing is known of it. */
export function bordersOf(names: readonly string[], of: number, weightOf: (name: string) => number = () => 1): string[] {
  const all = names.reduce((sum, name) => sum + weightOf(name), 0)
  const borders: string[] = []
  let before = 0
  for (const name of names) {
    // Where the middle of it lies decides.
    const middle = before + weightOf(name) / 2
    while (borders.length < of - 1 && middle * of >= all * (borders.length + 1)) borders.push(name)
    before += weightOf(name)
  }
  // More parts than there is work for: the last ones are empty.
  while (borders.length < of - 1) borders.push(AFTER_ALL)
  return borders
}

/** Behind every name. */
const AFTER_ALL = '\u{10ffff}'

export function takeShard(scopes: readonly Scope[], { index, borders }: Required<ShardRequest>): Scope[] {
  const from = borders[index - 2]
  const to = borders[index - 1]
  return scopes.filter((scope) => {
    const name = scopeName(scope)
    return (from === undefined || compareKeys(name, from) >= 0) && (to === undefined || compareKeys(name, to) < 0)
  })
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
  readonly scopes: readonly Scope[]
  readonly found: number
  readonly sha256: string
}

export function shardOf(found: readonly Scope[], { index, of, borders }: ShardRequest): ShardScopes {
  const all = borders ?? bordersOf(found.map(scopeName), of)
  const scopes = takeShard(found, { index, of, borders: all })
  return { index, of, borders: all, scopes, found: found.length, sha256: hashOfScopes(found) }
}
