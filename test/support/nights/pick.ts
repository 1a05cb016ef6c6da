/** Which objects of a bucket a change is about. */
import type { Random } from '../../../fixtures/random.js'
import { BUCKET, type Chain, type DatedStore } from './growing-bucket.js'

export interface World {
  readonly store: DatedStore
  readonly chains: readonly Chain[]
  /** When the night is. */
  now: number
  /** What happens before the next night. */
  readonly later: (() => void)[]
}

/** Undefined: there is nothing that could be changed so. Else what was done, in a few words. */
export type Change = (world: World, random: Random) => string | undefined

export function isDigest(key: string): boolean {
  return key.includes('/CloudTrail-Digest/')
}

export function digestKeys({ store }: World): string[] {
  return [...store.objects.keys()].filter(isDigest)
}

export function logKeys({ store }: World): string[] {
  return [...store.objects.keys()].filter((key) => !isDigest(key) && key.endsWith('.json.gz'))
}

/** The old and the new more often than what lies between. */
export function pickKey(keys: readonly string[], random: Random): string | undefined {
  if (keys.length === 0) return undefined
  const edge = keys.slice(...random.pick([[0], [0], [0, 5], [-5]] as const))
  return random.pick(edge)
}

/** The first or the last digest of a day, or any. */
export function pickDigest(world: World, random: Random): string | undefined {
  const keys = digestKeys(world)
  const key = pickKey(keys, random)
  if (key === undefined) return undefined
  const ofDay = keys.filter((one) => folderOf(one) === folderOf(key)).sort()
  return random.pick([key, ofDay[0] ?? key, ofDay.at(-1) ?? key])
}

export function pickLog(world: World, random: Random): string | undefined {
  return pickKey(logKeys(world), random)
}

export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

export function place(key: string): { bucket: string; key: string } {
  return { bucket: BUCKET, key }
}

/** What of a key tells it from others, for a line of text. */
export function short(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1).replace(/^\d{12}_CloudTrail/, '')
}
