/**
 * What goes wrong on the way to a bucket in one night, the same for each run of that night. Objects of which a state may know are not
 * refused: they would not be read with it, and without it could not be.
 */
import { gzip } from '../../../fixtures/gzip.js'
import type { Random } from '../../../fixtures/random.js'
import { type Answer, type Fault, type Faults, send } from '../faulty-store.js'
import { pickDigest, pickKey, pickLog, place, short, type World } from './pick.js'

export interface Trouble {
  readonly about: string
  readonly meets: (asked: string, isListing: boolean) => boolean
  /** `times`: how often it was met by this key or prefix. */
  readonly fault: (times: number) => Fault | null
  /** What becomes of it when the night is over. */
  readonly after?: () => void
}

/** Counts anew: for one run. */
export function faultsOf(troubles: readonly Trouble[]): Faults {
  const times = new Map<string, number>()
  return (call, _, asked) => {
    const isListing = call === 'list' || call === 'folders'
    const trouble = troubles.find(({ meets }) => meets(asked, isListing))
    if (trouble === undefined) return null
    const before = times.get(`${call} ${asked}`) ?? 0
    times.set(`${call} ${asked}`, before + 1)
    return trouble.fault(before)
  }
}

function refusal(status: number, code: string): Fault {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`)
  return (_, response) => send({ status, headers: { 'content-type': 'application/xml' }, body }, response)
}

/** After all that is put. */
const LATER = 'Sun, 07 Jun 2026 00:00:00 GMT'

function other(bytes: (was: Buffer) => Buffer): Fault {
  return (answer: Answer, response) => {
    const body = bytes(answer.body)
    const identity = { etag: '"other"', 'last-modified': LATER }
    const headers = { ...answer.headers, ...identity, 'content-length': body.length }
    send({ ...answer, headers, body }, response)
  }
}

const cut: Fault = ({ status, headers, body }, response) => {
  response.writeHead(status, { ...headers })
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy())
}

const always = (fault: Fault) => (): Fault => fault
const atFirst = (count: number, fault: Fault) => (times: number) => (times < count ? fault : null)

const DENIED = refusal(403, 'AccessDenied')
const FAILED = refusal(500, 'InternalError')
const SLOW = refusal(503, 'SlowDown')

const LISTINGS: Readonly<Record<string, Trouble['fault']>> = {
  'a folder that may not be listed': always(DENIED),
  'a folder whose listing fails': always(FAILED),
  'a folder whose listing is throttled': atFirst(2, SLOW),
}

const READS: Readonly<Record<string, Trouble['fault']>> = {
  'an object that may not be read': always(DENIED),
  'an object whose reading fails': always(FAILED),
  'an object whose reading is throttled': atFirst(2, SLOW),
  'an object that breaks off once': atFirst(1, cut),
  'an object that is shorter than listed': always(other((was) => was.subarray(0, was.length / 2))),
}

/** `listed`: prefixes that were asked for the night before. */
export function someTrouble(world: World, listed: readonly string[], random: Random): Trouble | undefined {
  const kind = random.below(10)
  if (kind < 3) return listingTrouble(listed, random)
  const { store } = world
  if (kind < 6)
    return readTrouble(
      world,
      [...store.unseen].filter((key) => store.at(key) !== undefined),
      random,
    )
  if (kind === 6)
    return readTrouble(
      world,
      [...store.before.keys()].filter((key) => store.at(key) === undefined),
      random,
    )
  return changeBetween(world, random)
}

function listingTrouble(listed: readonly string[], random: Random): Trouble | undefined {
  const prefix = pickKey(listed, random)
  if (prefix === undefined) return undefined
  const [name, fault] = random.pick(Object.entries(LISTINGS))
  return { about: `${name}: ${prefix}`, fault, meets: (asked, isListing) => isListing && asked === prefix }
}

/** Not what is the version again of which a state knows. */
function isRead({ store }: World, key: string): Trouble['meets'] {
  return (asked, isListing) => !isListing && asked === key && (store.unseen.has(key) || store.at(key) === undefined)
}

function readTrouble(world: World, keys: readonly string[], random: Random): Trouble | undefined {
  const key = pickKey(keys, random)
  if (key === undefined) return undefined
  const [name, fault] = random.pick(Object.entries(READS))
  return { about: `${name}: ${short(key)}`, fault, meets: isRead(world, key) }
}

/** All of one size. */
function forged(random: Random): Buffer {
  return gzip(Buffer.from(`{"Records":[{"eventID":"${random.uuid()}"}]}`))
}

/** What is listed was written this night, and is overwritten before it is read: with good bytes, or with bad ones. */
function changeBetween(world: World, random: Random): Trouble | undefined {
  const { store } = world
  const key = (random.below(2) === 0 ? pickLog : pickDigest)(world, random)
  if (key === undefined) return undefined
  const { bytes: good, metadata } = store.get(place(key))
  const bad = Buffer.from(good)
  if (bad.length > 0) bad[bad.length >> 1] = (bad[bad.length >> 1] ?? 0) ^ 1
  const [listed, read] = random.pick([
    [good, bad],
    [bad, good],
    [bad, good],
    [forged(random), forged(random)],
    [good, forged(random)],
  ] as const)
  store.put(place(key), listed, metadata)
  return {
    about: `an object that changes between listing and reading: ${short(key)}`,
    fault: always(other(() => read)),
    meets: isRead(world, key),
    after: () => {
      // Else the newer version is deleted, and what was listed is there again.
      if (store.at(key) !== undefined && random.below(3) === 0) store.put(place(key), read, metadata)
    },
  }
}

export const TROUBLES: readonly string[] = [
  ...Object.keys(LISTINGS),
  ...Object.keys(READS),
  'an object that changes between listing and reading',
]
