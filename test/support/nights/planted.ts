/** What somebody puts into a bucket beside what CloudTrail delivered: some of it is signed by CloudTrail all the same. */
import { gzip } from '../../../fixtures/gzip.js'
import { testKey } from '../../../fixtures/keys.js'
import type { Random } from '../../../fixtures/random.js'
import {
  type DigestFile,
  type DigestOptions,
  HOUR,
  type LogFile,
  MINUTE,
  Trail,
  type TrailOptions,
} from '../../../fixtures/trail.js'
import { BUCKET, type Chain, DAY, KEYS } from './growing-bucket.js'
import { type Change, folderOf, pickDigest, pickLog, place, short, type World } from './pick.js'

/** A time of the range, more often an old one. */
function oldTime({ digests }: Chain, random: Random): number | undefined {
  const [first, last] = [digests[0], digests.at(-1)]
  if (first === undefined || last === undefined) return undefined
  return first.endTime + Math.floor((random.below(1000) / 1000) * (last.endTime - first.endTime))
}

function pickChain({ chains }: World, random: Random): Chain {
  return random.pick(chains)
}

/** Up to three log files that were delivered around one time. */
function oldLogs({ digests }: Chain, random: Random): LogFile[] {
  const listing = digests.filter(({ logs }) => logs.length > 0)
  const from = listing.length === 0 ? 0 : random.below(listing.length)
  return listing.slice(from, from + 1 + random.below(2)).flatMap(({ logs }) => logs.slice(0, 2))
}

/** Another hand that signs as the chain does, into the same folders. */
function hand({ trail }: Chain, world: World, changes: Partial<TrailOptions> = {}): Trail {
  const { accountId, region, organizationId, prefix, homeRegion } = trail
  const own = { accountId, region, prefix, homeRegion, trail: trail.trail, bucket: BUCKET, store: world.store }
  return new Trail({ ...own, ...(organizationId !== null && { organizationId }), ...changes })
}

interface Planted {
  /** When it ends, else at some old time. */
  readonly ends?: number
  readonly previous?: DigestFile | null
  readonly trail?: Partial<TrailOptions>
  readonly digest?: DigestOptions
}

/** Signed with one of CloudTrail's keys, unless said otherwise; lists some old log files. */
function plant(choose: (chain: Chain, random: Random, world: World) => Planted | undefined): Change {
  return (world, random) => {
    const chain = pickChain(world, random)
    const planted = choose(chain, random, world)
    const ends = planted?.ends ?? oldTime(chain, random)
    if (planted === undefined || ends === undefined) return undefined
    const trail = hand(chain, world, planted.trail)
    trail.key = testKey(planted.trail?.key ?? random.pick(KEYS))
    trail.last = planted.previous ?? null
    const minutes = random.pick([60, 60, 30, 180])
    trail.now = ends - minutes * MINUTE
    return short(trail.digest({ minutes, logs: [], listed: oldLogs(chain, random), ...planted.digest }).key)
  }
}

function oldDigest({ digests }: Chain, random: Random): DigestFile | undefined {
  return digests.length === 0 ? undefined : random.pick(digests)
}

const unsigned = plant(() => ({ digest: { metadata: () => ({}) } }))
const byOther = plant(() => ({ trail: { key: 'attacker' } }))
const otherTrail = plant((_, random) => ({ trail: { trail: `planted-${random.below(3)}` } }))
const startingAnew = plant(() => ({}))
const wrongHash = plant((_, random) => ({
  trail: { trail: random.pick(['management-events', 'planted-hash']) },
  digest: { entry: (entry) => ({ ...entry, hashValue: entry.hashValue.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }) },
}))

/** Follows an old digest, beside the one that did. */
const fork = plant((chain, random) => {
  const previous = oldDigest(chain, random)
  return previous && { previous, ends: previous.endTime + random.pick([20, 60, 61, 240, 1500]) * MINUTE }
})

/** New by its name, and links to what is old. */
const linksBack = plant((chain, random, { now }) => {
  const previous = oldDigest(chain, random)
  return previous && { previous, ends: now - random.below(6) * HOUR }
})

const ofEqualEnd = plant((chain, random) => {
  const digest = oldDigest(chain, random)
  if (digest === undefined) return undefined
  const previous = chain.digests[chain.digests.indexOf(digest) - 1] ?? null
  const other = random.pick([{ trail: 'planted-equal' }, { homeRegion: 'eu-west-1' }, { prefix: 'other' }, {}])
  return { ends: digest.endTime, previous, trail: other }
})

/** In its own place, with its own links; what it lists is a little less, or more. */
const signedAnew: Change = (world, random) => {
  const chain = pickChain(world, random)
  const digest = random.below(3) === 0 ? chain.digests.at(-1) : oldDigest(chain, random)
  if (digest === undefined || !world.store.objects.has(digest.key)) return undefined
  const trail = hand(chain, world, { prefix: digest.key.slice(0, digest.key.indexOf('AWSLogs/')).replace(/\/$/, '') })
  trail.key = testKey(random.pick(KEYS))
  trail.last = chain.digests[chain.digests.indexOf(digest) - 1] ?? null
  trail.now = digest.startTime
  const listed = random.pick([digest.logs.slice(1), digest.logs, [...digest.logs, ...oldLogs(chain, random)]])
  return short(trail.digest({ minutes: (digest.endTime - digest.startTime) / MINUTE, logs: [], listed }).key)
}

const inFuture = plant((_, random, { now }) => ({ ends: now + (1 + random.below(30)) * HOUR, previous: null }))

/** Lists old log files, or ones that are delivered late into old folders. */
const backfill: Change = (world, random) => {
  const chain = pickChain(world, random)
  const ends = oldTime(chain, random)
  if (ends === undefined) return undefined
  const trail = hand(chain, world, { backfill: true })
  trail.key = testKey(random.pick(KEYS))
  trail.now = ends - HOUR
  const late = random.below(2) === 0
  const generated = random.below(4) === 0 ? null : `${new Date(world.now - HOUR).toISOString().slice(0, 19)}Z`
  const listed = late ? [] : oldLogs(chain, random)
  const digest = trail.digest({ logs: late ? [7, 33] : [], listed, generated })
  // Sometimes there is a second one that follows it.
  if (random.below(3) === 0) trail.digest({ logs: [13], generated })
  return short(digest.key)
}

const LOG = gzip(Buffer.from('{"Records":[]}'))

/** By its name: of a day, and of that day's folder or of another one. */
function plantLog(name: (trail: Trail, time: number, random: Random) => string): Change {
  return (world, random) => {
    const chain = pickChain(world, random)
    const time = oldTime(chain, random)
    if (time === undefined) return undefined
    const key = name(chain.trail, time, random)
    world.store.put(place(key), key.endsWith('/') ? '' : LOG)
    return short(key)
  }
}

const unlisted = plantLog((trail, time, random) => trail.logKey(time, random.text(16)))
const otherFamily = plantLog((trail, time, random) => trail.logKey(time, random.text(16), 'CloudTrail-NetworkActivity'))
const recent = plantLog((trail, _, random) => trail.logKey(trail.now + 5 * MINUTE, random.text(16)))
const foreign = plantLog((trail, time, random) => `${folderOf(trail.logKey(time, 'x'))}${random.text(5)}.txt`)
const marker = plantLog((trail, time) => folderOf(trail.logKey(time, 'x')))
const foreignDigest = plantLog((trail, time, random) => `${folderOf(trail.digestKey(time))}${random.text(5)}.json.gz`)
const inNoDay = plantLog((trail, time, random) => `${folderOf(trail.digestKey(time)).slice(0, -3)}${random.text(5)}`)
const otherDay = plantLog((trail, time, random) => {
  const key = trail.logKey(time, random.text(16))
  return `${folderOf(trail.logKey(time + DAY, 'x'))}${key.slice(key.lastIndexOf('/') + 1)}`
})

/** The same object once more, below another prefix or in another account's folder. */
function copyOf(pick: typeof pickLog): Change {
  return (world, random) => {
    const key = pick(world, random)
    if (key === undefined) return undefined
    const { bytes, metadata } = world.store.get(place(key))
    const to = random.pick([`copied/${key}`, `copied/${key}`, key.replaceAll(/\d{12}/g, '999988887777')])
    world.store.put(place(to), bytes, metadata)
    return `${short(key)} to ${to.slice(0, 30)}`
  }
}

export const PLANTED: Readonly<Record<string, Change>> = {
  'an unlisted log file in an old day': unlisted,
  'a log file of another family in an old day': otherFamily,
  'an unlisted log file of now': recent,
  'a foreign name among log files': foreign,
  'a folder marker': marker,
  'a foreign name among digests': foreignDigest,
  'a foreign name in no day of digests': inNoDay,
  'a log file in the folder of another day': otherDay,
  'a log file in a second place': copyOf(pickLog),
  'a digest in a second place': copyOf(pickDigest),
  'an unsigned digest': unsigned,
  'a digest signed with another key': byOther,
  'a signed digest of another trail that lists old log files': otherTrail,
  'a signed starting digest in old hours': startingAnew,
  'a signed digest that claims a wrong hash': wrongHash,
  'a signed digest that forks an old one': fork,
  'a signed digest of now that links to an old one': linksBack,
  'a signed digest that ends with an old one': ofEqualEnd,
  'a digest signed anew, with other log files': signedAnew,
  'a signed digest of the future': inFuture,
  'a late backfill digest': backfill,
}
