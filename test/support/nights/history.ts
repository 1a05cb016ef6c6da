/** Nights over a bucket that grows and is changed: each is told with a state and without one. */
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { Random } from '../../../fixtures/random.js'
import { HOUR, MINUTE } from '../../../fixtures/trail.js'
import { type Expectations, type PublicKeySource, verifyTrail } from '../../../src/index.js'
import { s3Source } from '../../../src/s3.js'
import { StateFile } from '../../../src/state/state-file.js'
import { type FaultyStore, faultyStore } from '../faulty-store.js'
import { CHANGES } from './changes.js'
import { difference, isBetter, Listener, type Told } from './compare.js'
import { BUCKET, DAY } from './growing-bucket.js'
import type { Change, World } from './pick.js'
import { PLANTED } from './planted.js'
import { type Setup, setUp, someExpectations } from './setup.js'
import { faultsOf, someTrouble, type Trouble } from './troubles.js'

const ALL: Readonly<Record<string, Change>> = { ...CHANGES, ...PLANTED }
/** A third of all: of each of these a state has more to lose than of others. */
const TELLING: readonly string[] = [
  'a log file changed, of the same size',
  'a log file written again as it was',
  'a digest changed, of the same size',
  'a digest written again as it was',
  'a digest without metadata',
  'a digest signed anew, with other log files',
  'a signed digest of another trail that lists old log files',
  'a signed digest that claims a wrong hash',
  'a signed digest that forks an old one',
  'a late backfill digest',
]
const MOST_NIGHTS = 9

/** What happened over many histories. */
export class Tally {
  readonly counts = new Map<string, number>()

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }
}

export interface Given {
  readonly seed: number
  /** Of the state: nothing is there yet. */
  readonly path: string
  readonly publicKeys: PublicKeySource
  readonly tally: Tally
}

/** A run that is stopped after so many results, or requests. */
interface Stop {
  readonly after: number
  readonly how: 'results' | 'requests' | 'leave' | 'end'
}

export interface Differs {
  /** Where, and what is the first thing that differs. */
  readonly what: string
  /** How it came to that. */
  readonly how: string
}

/** Undefined where nothing differs. */
export async function history(given: Given): Promise<Differs | undefined> {
  const told = new History(given)
  return told.run()
}

class History {
  readonly #given: Given
  readonly #random: Random
  readonly #setup: Setup
  readonly #world: World
  readonly #log: string[] = []
  #listed: string[] = []
  #results = 0
  #isResumed = false
  #before: ReadonlySet<string> = new Set()

  constructor(given: Given) {
    this.#given = given
    this.#random = new Random(`nights ${given.seed}`)
    this.#setup = setUp(this.#random)
    const { store, chains, start } = this.#setup
    this.#world = { store, chains, now: start, later: [] }
  }

  async run(): Promise<Differs | undefined> {
    const { start, end, step } = this.#setup
    const random = this.#random
    const [world, { tally, seed }] = [this.#world, this.#given]
    world.now = start + (1 + random.below((end - start) / DAY / 2)) * DAY
    for (let night = 1; night <= MOST_NIGHTS && world.now < end; night++) {
      world.now = this.#hour(world.now)
      this.#log.push(`night ${night}, ${new Date(world.now).toISOString()}:`)
      let differs: string | undefined
      try {
        differs = await this.#night()
      } catch (error) {
        differs = `it threw: ${error instanceof Error ? error.stack : String(error)}`
      }
      tally.count('nights')
      if (differs !== undefined)
        return { what: `seed ${seed}, night ${night}: ${differs}`, how: [this.#setup.about, ...this.#log].join('\n') }
      world.now += (1 + random.below(step)) * DAY
    }
    tally.count('histories')
    return undefined
  }

  /** Of that night: mostly one at which all that is asked for is delivered. */
  #hour(now: number): number {
    const { start, length } = this.#setup
    const random = this.#random
    if (random.below(4) === 0) return now + Math.floor((random.below(1000) / 1000) * DAY)
    return start + Math.ceil((now - start) / length) * length + (11 + random.below(138)) * MINUTE
  }

  async #night(): Promise<string | undefined> {
    const [random, world, setup] = [this.#random, this.#world, this.#setup]
    for (const happens of world.later.splice(0)) happens()
    for (const chain of setup.chains) chain.grow(world.now)
    world.store.clock = Math.max(world.store.clock, world.now - HOUR)
    const isTroubled = setup.troubles > 0 && random.below(setup.troubles) === 0
    const changes = this.#change(random.below(setup.changes + 1))
    const troubles = isTroubled ? this.#trouble() : []
    const expectations = someExpectations(setup, random)
    const recheck = random.pick([0, 0, 0, 0.01, 0.5, 1])
    const night = { now: new Date(world.now), troubles, expectations, recheck }
    const isInterrupted = setup.troubles > 0 && random.below(setup.troubles) === 0
    const changed = isInterrupted ? await this.#interrupt(night) : 0
    const store = await this.#open()
    try {
      const kept = await this.#withState(night, store)
      const fresh = await this.#told(night, store, undefined)
      this.#count(kept, fresh, changes)
      if (changed === 0) return difference(kept, fresh)
      this.#given.tally.count(`changed while interrupted, ${difference(kept, fresh) === undefined ? 'the same' : 'differs'}`)
      return isBetter(kept, fresh) ? difference(kept, fresh) : undefined
    } finally {
      store.close()
      world.store.unseen.clear()
      for (const { after } of troubles) after?.()
    }
  }

  #change(times: number): number {
    let changes = 0
    for (let time = 0; time < times; time++) {
      const random = this.#random
      const name = random.pick(random.below(3) === 0 ? TELLING : Object.keys(ALL))
      const done = ALL[name]?.(this.#world, random)
      if (done === undefined) continue
      changes++
      this.#given.tally.count(`change: ${name}`)
      this.#log.push(`  ${name}: ${done}`)
    }
    return changes
  }

  #trouble(): Trouble[] {
    const trouble = someTrouble(this.#world, this.#listed, this.#random)
    if (trouble === undefined) return []
    this.#given.tally.count(`trouble: ${trouble.about.replace(/:.*/, '')}`)
    this.#log.push(`  ${trouble.about}`)
    return [trouble]
  }

  /** Runs break off, once or twice; the file may lose what was written last, and the bucket may change meanwhile. */
  async #interrupt(night: Night): Promise<number> {
    const random = this.#random
    let changed = 0
    for (let times = 1 + random.below(2); times > 0; times--) {
      const how = random.pick(['results', 'results', 'requests', 'leave', 'end'] as const)
      const most = how === 'requests' ? this.#world.store.objects.size : this.#results
      const stop = { how, after: 1 + random.below(random.pick([20, Math.min(60_000, most + 1)])) }
      this.#given.tally.count(`interrupted: ${how}`)
      this.#log.push(`  interrupted: ${how} ${stop.after}`)
      const store = await this.#open()
      await this.#withState(night, store, stop).finally(() => store.close())
      if (random.below(3) === 0) changed += this.#change(1 + random.below(2))
    }
    return changed
  }

  get #bucket(): string {
    return this.#setup.copied === undefined ? BUCKET : 'copy'
  }

  #open(): Promise<FaultyStore> {
    const { store, copied } = this.#setup
    const objects =
      copied === undefined ? store.objects : new Map([...store.objects].map(([key, object]) => [copied(key), object] as const))
    return faultyStore({ bucket: this.#bucket, objects, publicKeys: {}, pageSize: 200 })
  }

  async #withState(night: Night, store: FaultyStore, stop?: Stop): Promise<Told> {
    const { path } = this.#given
    const { now: asOf, recheck } = night
    const key = this.#setup.key
    // What goes on need not be told the time.
    const when = this.#isResumed && this.#random.below(2) === 0 ? {} : { asOf }
    const state = await StateFile.open({ path, key, binding: { of: 'nights' }, recheck, ...when })
    if (state.now.getTime() !== asOf.getTime()) throw new Error(`the run is as of ${state.now.toISOString()}`)
    this.#isResumed = stop !== undefined
    const size = statSync(path).size
    let told: Told
    try {
      told = await this.#told(night, store, state, stop)
      if (stop === undefined) await state.end(null)
    } finally {
      await state.close()
    }
    if (stop !== undefined && this.#random.below(2) === 0) {
      const left = statSync(path).size - size
      truncateSync(path, size + Math.floor((this.#random.below(1000) / 1000) * left))
    }
    return told
  }

  async #told({ now, troubles, expectations }: Night, store: FaultyStore, state?: StateFile, stop?: Stop): Promise<Told> {
    const { asked, concurrency } = this.#setup
    const aborted = new AbortController()
    const faults = faultsOf(troubles)
    const listed = new Set<string>()
    let requests = 0
    store.misbehave((call, count, asked) => {
      if (stop?.how === 'requests' && ++requests >= stop.after) aborted.abort()
      if (call === 'list' || call === 'folders') listed.add(asked)
      return faults(call, count, call === 'list' || call === 'folders' ? asked : asked.replace(/^(one|two)\//, ''))
    })
    const options = { endpointUrl: store.url, retryDelay: 1, maxAttempts: 3 }
    const source = await s3Source(`s3://${this.#bucket}`, options)
    const listener = new Listener()
    try {
      for await (const result of verifyTrail({
        sources: [source],
        publicKeys: this.#given.publicKeys,
        ...asked,
        ...(expectations !== undefined && { expectations }),
        ...(state !== undefined && { state }),
        now,
        concurrency,
        workers: 0,
        signal: aborted.signal,
      })) {
        listener.hear(result)
        if (listener.results !== stop?.after) continue
        if (stop.how === 'results') aborted.abort()
        if (stop.how === 'leave') break
      }
    } finally {
      await source.close?.()
    }
    if (stop === undefined) {
      this.#results = listener.results
      this.#listed = [...listed].filter((prefix) => prefix.includes('/')).sort()
    }
    const told = listener.told()
    if (told === undefined && stop === undefined) throw new Error('the run ended without a summary')
    return told ?? { verdict: 'unverified', lines: [], codes: [], use: undefined, interrupted: true }
  }

  #count(kept: Told, fresh: Told, changes: number): void {
    const { tally } = this.#given
    tally.count(`verdict: ${fresh.verdict}`)
    for (const code of fresh.codes) tally.count(`code: ${code}`)
    tally.count('log files carried over', kept.use?.carriedOver.logFiles ?? 0)
    if (readFileSync(this.#given.path).includes('"kind":"log-files"')) tally.count('nights with a packed state')
    tally.count('digests carried over', kept.use?.carriedOver.digests ?? 0)
    const isNews = fresh.lines.slice(0, -1).some((line) => !this.#before.has(line))
    if (changes > 0) tally.count(`nights with changes, ${isNews ? 'and news' : 'and no news'}`)
    this.#before = new Set(fresh.lines)
  }
}

interface Night {
  readonly now: Date
  readonly troubles: readonly Trouble[]
  readonly expectations: Expectations | undefined
  readonly recheck: number
}
