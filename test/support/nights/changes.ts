/** What somebody does to objects that CloudTrail delivered. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { gzip } from '../../../fixtures/gzip.js'
import type { Random } from '../../../fixtures/random.js'
import type { DatedObject } from './growing-bucket.js'
import {
  type Change,
  digestKeys,
  folderOf,
  isDigest,
  logKeys,
  pickDigest,
  pickKey,
  pickLog,
  place,
  short,
  type World,
} from './pick.js'

type Pick = (world: World, random: Random) => string | undefined

/** A change to one object that is there. */
function toOne(pick: Pick, change: (world: World, key: string, object: DatedObject, random: Random) => void): Change {
  return (world, random) => {
    const key = pick(world, random)
    const object = key === undefined ? undefined : world.store.at(key)
    if (key === undefined || object === undefined) return undefined
    change(world, key, object, random)
    return short(key)
  }
}

/** Puts other bytes, as somebody who may write does. */
function rewrite(pick: Pick, bytes: (was: Buffer, random: Random) => Buffer): Change {
  return toOne(pick, ({ store }, key, object, random) => {
    store.put(place(key), bytes(object.bytes, random), object.metadata)
  })
}

const remove = (pick: Pick): Change => toOne(pick, ({ store }, key) => store.remove(key))
const same = (bytes: Buffer): Buffer => bytes
const forged = (_: Buffer, random: Random): Buffer => gzip(Buffer.from(`{"Records":[{"eventID":"${random.uuid()}"}]}`))
const trailing = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.from('more')])
const deflatedAgain = (bytes: Buffer): Buffer => {
  try {
    return gzipSync(gunzipSync(bytes), { level: 9 })
  } catch {
    return bytes
  }
}
const empty = (): Buffer => Buffer.alloc(0)

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  const at = random.below(Math.max(1, copy.length))
  if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 + random.below(255))
  return copy
}

/** `dated`: as the version that it was; else put anew. */
function restore(digests: boolean, dated: boolean, gone: boolean): Change {
  return ({ store }, random) => {
    const keys = [...store.before.keys()].filter((key) => isDigest(key) === digests && (store.at(key) === undefined) === gone)
    const key = pickKey(keys, random)
    const object = key === undefined ? undefined : store.before.get(key)
    if (key === undefined || object === undefined) return undefined
    if (dated) store.putDated(key, object)
    else store.put(place(key), object.bytes, object.metadata)
    return short(key)
  }
}

const dayOf = (key: string): string => /\/(\d{4}\/\d\d\/\d\d)\//.exec(key)?.[1] ?? ''

/** All that lies in the folders of some days. */
function removeDays(
  pickDays: (days: readonly string[], random: Random) => readonly string[],
  pickKeys: (world: World) => string[],
): Change {
  return (world, random) => {
    const keys = pickKeys(world)
    const days = [...new Set(keys.map(dayOf))].sort()
    const wanted = pickDays(days, random)
    if (days.length < 4 || wanted.length === 0) return undefined
    for (const key of keys) if (wanted.includes(dayOf(key))) world.store.remove(key)
    return wanted.join(' ')
  }
}

const oldest = (days: readonly string[], random: Random): readonly string[] => days.slice(0, 1 + random.below(3))
const middle = (days: readonly string[], random: Random): readonly string[] => [random.pick(days.slice(1, -1))]
const all = (world: World): string[] => [...logKeys(world), ...digestKeys(world)]

const swapDigests: Change = (world, random) => {
  const [a, b] = [pickDigest(world, random), pickDigest(world, random)]
  if (a === undefined || b === undefined || a === b) return undefined
  const [first, second] = [world.store.get(place(a)), world.store.get(place(b))]
  world.store.put(place(a), second.bytes, second.metadata)
  world.store.put(place(b), first.bytes, first.metadata)
  return `${short(a)} and ${short(b)}`
}

function metadata(change: (metadata: Readonly<Record<string, string>>) => Readonly<Record<string, string>>): Change {
  return toOne(pickDigest, ({ store }, key, object) => store.put(place(key), object.bytes, change(object.metadata)))
}

/** Somebody's signature that is none of it. */
const otherSignature = (was: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...was,
  signature: (was['signature'] ?? '').replace(/^../, (digits) => (digits === '00' ? '01' : '00')),
})

const oneDay =
  (digests: boolean): Change =>
  (world, random) => {
    const key = (digests ? pickDigest : pickLog)(world, random)
    if (key === undefined) return undefined
    const keys = [...world.store.objects.keys()].filter((one) => folderOf(one) === folderOf(key))
    for (const one of keys) world.store.remove(one)
    return `${keys.length} in the folder of ${short(key)}`
  }

/** Delivered after the night. */
const late = (pick: (world: World) => string[]): Change =>
  toOne(
    (world, random) => pickKey(pick(world).slice(-3), random),
    ({ store, later }, key, { bytes, metadata }) => {
      store.remove(key)
      later.push(() => store.put(place(key), bytes, metadata))
    },
  )

export const CHANGES: Readonly<Record<string, Change>> = {
  'a log file deleted': remove(pickLog),
  'a log file forged': rewrite(pickLog, forged),
  'a log file written again as it was': rewrite(pickLog, same),
  'a log file changed, of the same size': rewrite(pickLog, flipped),
  'a log file with more behind it': rewrite(pickLog, trailing),
  'a log file deflated again': rewrite(pickLog, deflatedAgain),
  'a log file emptied': rewrite(pickLog, empty),
  'a deleted log file put back': restore(false, false, true),
  'a deleted log file back as the version that it was': restore(false, true, true),
  'a changed log file put right': restore(false, false, false),
  'a changed log file back as the version that it was': restore(false, true, false),
  'a digest deleted': remove(pickDigest),
  'a digest changed, of the same size': rewrite(pickDigest, flipped),
  'a digest written again as it was': rewrite(pickDigest, same),
  'a digest deflated again': rewrite(pickDigest, deflatedAgain),
  'a digest with more behind it': rewrite(pickDigest, trailing),
  'a digest without metadata': metadata(() => ({})),
  'a digest with another signature': metadata(otherSignature),
  'two digests in each other’s place': swapDigests,
  'a deleted digest put back': restore(true, false, true),
  'a deleted digest back as the version that it was': restore(true, true, true),
  'a changed digest put right': restore(true, false, false),
  'a changed digest back as the version that it was': restore(true, true, false),
  'the oldest days expired': removeDays(oldest, all),
  'the oldest days of log files expired': removeDays(oldest, logKeys),
  'the oldest days of digests expired': removeDays(oldest, digestKeys),
  'a new digest is late': late(digestKeys),
  'a new log file is late': late(logKeys),
  'a day deleted': removeDays(middle, all),
  'a folder of digests deleted': oneDay(true),
  'a folder of log files deleted': oneDay(false),
}
