/** What is decided once for a history: the chains of a bucket, and what is asked of it each night. */
import type { Random } from '../../../fixtures/random.js'
import { HOUR, MINUTE } from '../../../fixtures/trail.js'
import { type Expectations, parseExpectations } from '../../../src/index.js'
import { BUCKET, Chain, type ChainOptions, DAY, DatedStore } from './growing-bucket.js'

export interface Setup {
  readonly store: DatedStore
  readonly chains: readonly Chain[]
  readonly start: number
  /** Of the last night. */
  readonly end: number
  /** The range, narrowing and all else that a state is bound to. */
  readonly asked: {
    readonly startTime?: Date
    readonly endTime?: Date
    readonly trails?: readonly string[]
    readonly accountIds?: readonly string[]
    readonly unvalidatedTrails?: boolean
    readonly originalPlace?: { readonly bucket: string; readonly prefix: string }
  }
  /** Where each object lies in the bucket that is read, where that is a copy, in two parts. */
  readonly copied: ((key: string) => string) | undefined
  readonly concurrency: number
  readonly key: Uint8Array | undefined
  /** Of a digest, in ms. */
  readonly length: number
  /** At most, between two nights. */
  readonly step: number
  /** How many changes a night has at most. */
  readonly changes: number
  /** One night of so many meets trouble, or is interrupted. */
  readonly troubles: number
  readonly about: string
}

const ACCOUNT = '111122223333'
const FIRST = Date.parse('2026-02-20T00:00:00Z')

/** Minutes of a digest, and of how many days: longer digests stand for more days with as few objects. A large one has its state packed. */
const LENGTHS = [
  [60, 8, 13],
  [120, 8, 20],
  [240, 15, 45],
  [240, 15, 45],
  [360, 15, 45],
  [360, 8, 45],
  // Months that are over become one entry of a state.
  [720, 70, 98],
] as const

export function setUp(random: Random): Setup {
  const chance = (of: number): boolean => random.below(of) === 0
  const isLarge = chance(15)
  const [minutes, least, most] = isLarge ? LENGTHS[0] : random.pick(LENGTHS)
  const days = least + random.below(most - least + 1)
  const start = FIRST + random.below(24) * HOUR + random.below(60) * MINUTE + random.below(60) * 1000
  const end = start + days * DAY
  const store = new DatedStore()
  store.clock = start
  const within = (): number => start + Math.floor((random.below(1000) / 1000) * (end - start))
  const base: ChainOptions = {
    accountId: ACCOUNT,
    ...(chance(8) && { organizationId: 'o-exampleorgid' }),
    region: 'us-east-1',
    trail: 'management-events',
    prefix: chance(6) ? 'logs' : '',
    from: start,
    until: chance(10) ? within() : Number.POSITIVE_INFINITY,
    minutes,
    logs: isLarge ? 8 : random.below(4),
    families: random.pick([['CloudTrail'], ['CloudTrail'], ['CloudTrail', 'CloudTrail-Insight']] as const),
    keyLasts: 5 + random.below(60),
    stops: chance(3) ? 40 + random.below(100) : 0,
    moves: chance(8) ? { at: within(), to: 'moved' } : undefined,
  }
  const all: ChainOptions[] = [base]
  const later = { from: chance(2) ? start - random.below(3600) * 1000 : within(), logs: random.below(4) }
  if (chance(3)) all.push({ ...base, ...later, trail: 'data-events', until: chance(2) ? within() : base.until, moves: undefined })
  const elsewhere = random.pick([{ region: 'eu-west-1' }, { accountId: '444455556666' }, null, null, null])
  if (elsewhere !== null) all.push({ ...base, ...later, ...elsewhere })
  const [how, split] = random.pick(Object.entries(SPLITS))
  const isCopied = base.moves === undefined && chance(6)
  const asked = {
    ...(isCopied && { originalPlace: { bucket: BUCKET, prefix: base.prefix } }),
    ...(chance(2) && { startTime: new Date(chance(2) ? start : within()) }),
    ...(chance(8) && { endTime: new Date(end + random.below(20) * HOUR - DAY * 2) }),
    ...(chance(10) && { trails: ['management-events'] }),
    ...(chance(12) && { accountIds: [ACCOUNT] }),
    ...(chance(10) && { unvalidatedTrails: true }),
  }
  const range =
    asked.startTime && asked.endTime && asked.startTime >= asked.endTime ? { ...asked, startTime: new Date(start) } : asked
  const key = chance(2) ? random.bytes(32) : undefined
  const [changes, troubles] = [random.pick([0, 1, 2, 2, 4]), random.pick([0, 2, 4])]
  const [length, step] = [minutes * MINUTE, random.pick([1, 2, 4, 10])]
  const chains = all.map((options) => new Chain(store, options))
  const about = `${isCopied ? `a copy in two parts, by ${how}: ` : ''}${days} days of ${all.map(({ trail, region, logs, prefix }) => `${prefix}/${trail}/${region}/${logs}`).join(' and ')}, ${minutes} minutes each; ${JSON.stringify(range)}`
  return {
    store,
    chains,
    start,
    end,
    length,
    step,
    asked: range,
    copied: isCopied ? (key) => `${split.test(key) ? 'one' : 'two'}/${key}` : undefined,
    concurrency: random.pick([1, 4, 32]),
    key,
    changes,
    troubles,
    about,
  }
}

/** By what the parts of a copy are told apart. */
const SPLITS: Readonly<Record<string, RegExp>> = {
  trails: /_data-events_/,
  digests: /CloudTrail-Digest/,
  days: /\/\d\d[02468]?[02468]\/[^/]*$/,
  accounts: /444455556666|eu-west-1/,
  objects: /[a-m0-4]\.json\.gz$/,
}

/** They may be others each night. */
export function someExpectations({ chains, start, end }: Setup, random: Random): Expectations | undefined {
  const { accountId, region, trail } = random.pick(chains).options
  const time = (): string => new Date(start + Math.floor((random.below(1000) / 1000) * (end - start))).toISOString()
  const [from, to] = [time(), time()].sort()
  const chain = { accountIds: [accountId], regions: [region], trails: [trail] }
  const gap = { startTime: from, endTime: to === from ? new Date(end).toISOString() : to, reason: 'known', by: 'security' }
  const file = random.pick([
    null,
    null,
    { expect: [chain] },
    { expect: [{ ...chain, since: from }] },
    { expect: [{ ...chain, trails: [trail, 'no-such-trail'] }], accept: [{ ...gap, trails: ['no-such-trail'] }] },
    { accept: [{ ...gap, trails: [trail] }] },
  ])
  if (file === null) return undefined
  const answer = parseExpectations(Buffer.from(JSON.stringify(file)))
  if (!answer.ok) throw new Error(answer.reason)
  return answer.expectations
}
