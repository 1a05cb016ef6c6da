/** Places: where an `AWSLogs/` lies, and which original bucket and prefix it stands for. */
import type { Source } from '../sources/source.js'

/**
 * How the original place is known. `store`: these are the bucket's own keys. `given`: by the operator. `exact`: the
 * directories are named as signed digests name them. `inferred`: only because a signed digest says so. `guessed`: nothing signed says so.
 */
export type PlaceOrigin = 'store' | 'given' | 'exact' | 'inferred' | 'guessed'

/** One `AWSLogs/` of one source. */
export class Place {
  readonly index: number
  readonly source: Source
  /** What precedes `AWSLogs/` in the source: empty, or ends in `/`. */
  readonly root: string
  bucket: string
  /** What precedes `AWSLogs/` in the original bucket: empty, or ends in `/`. */
  prefix: string
  origin: PlaceOrigin
  /** The source says what it is: nothing is found out. */
  readonly isSaid: boolean

  constructor(index: number, source: Source, root: string) {
    this.index = index
    this.source = source
    this.root = root
    const path = [...(source.path ?? []), ...segments(root)]
    this.bucket = source.bucket ?? path.at(-1) ?? source.name
    this.prefix = source.bucket === undefined ? '' : root
    this.origin = source.bucket === undefined ? 'guessed' : 'store'
    const said = source.original?.(root)
    this.isSaid = said !== undefined
    if (said === undefined) return
    this.bucket = said.bucket
    this.prefix = said.prefix
    this.origin = 'exact'
  }

  /** Its keys are the original ones: a copy elsewhere does not stand in for them. */
  get isExact(): boolean {
    return this.origin === 'store' || this.origin === 'exact'
  }

  /** The original key of an object found under this place. */
  original(key: string): string {
    return this.prefix === this.root ? key : this.prefix + key.slice(this.root.length)
  }

  /** Whether the directories that lead here are named as `bucket` and `prefix`. */
  isNamed(bucket: string, prefix: string): boolean {
    const path = [...(this.source.path ?? []), ...segments(this.root)]
    const wanted = [bucket, ...segments(prefix)]
    return wanted.every((name, index) => path[path.length - wanted.length + index] === name)
  }

  /** Whether another place may lie in the bucket that this is a copy of. */
  mayContain({ source, root }: Place): boolean {
    if (source !== this.source) return false
    if (!this.root.endsWith(this.prefix)) return true
    return root.startsWith(this.root.slice(0, this.root.length - this.prefix.length))
  }

  /** What the directories that lead here say the prefix is, if one of them is named like the bucket. */
  prefixBelow(bucket: string): string | undefined {
    const path = [...(this.source.path ?? []), ...segments(this.root)]
    const at = path.lastIndexOf(bucket)
    return at === -1
      ? undefined
      : path
          .slice(at + 1)
          .map((name) => `${name}/`)
          .join('')
  }

  /** Where in the source an original key would lie; undefined where this place does not answer for it. */
  locate(bucket: string, key: string): string | undefined {
    if (bucket !== this.bucket) return undefined
    if (key.startsWith(`${this.prefix}AWSLogs/`)) return this.root + key.slice(this.prefix.length)
    // The whole bucket lies here: it answers for every key of that bucket.
    if (!this.isExact || !this.root.endsWith(this.prefix)) return undefined
    return this.root.slice(0, this.root.length - this.prefix.length) + key
  }
}

function segments(prefix: string): string[] {
  return prefix.split('/').filter((name) => name !== '')
}

/** Where an object may be read. */
export interface Location {
  readonly source: Source
  readonly key: string
  /** -1: another bucket of the same store. */
  readonly place: number
}

const RANK: Readonly<Record<PlaceOrigin, number>> = { store: 0, exact: 1, given: 2, inferred: 3, guessed: 4 }

/** All places of a run. */
export class Places {
  readonly all: readonly Place[]
  readonly #others = new Map<string, Source>()

  constructor(all: readonly Place[]) {
    this.all = all
  }

  /**
   * Where an original key may be read, the exact place first. Empty: that bucket was not given. To be asked on the word of a
   * valid digest only: another bucket of a store may be among the answers.
   */
  locate(bucket: string, key: string): Location[] {
    const found: (Location & { readonly rank: number })[] = []
    for (const place of this.all) {
      const at = place.locate(bucket, key)
      if (at !== undefined) found.push({ source: place.source, key: at, place: place.index, rank: RANK[place.origin] })
    }
    if (found.length > 0) return found.sort((a, b) => a.rank - b.rank || a.place - b.place)
    const other = this.#other(bucket)
    return other === undefined ? [] : [{ source: other, key, place: -1 }]
  }

  /**
   * Where the key lies if it lies in its own place, and none of the copies that are known lies there. Beside a live store no
   * export stands in for it; of several exact exports, or ones that the operator says are of that bucket, each may hold a part.
   */
  exact(bucket: string, key: string, copies: readonly number[]): Location | undefined {
    // The copies lie in it.
    if (this.all.length === 1 && copies.length > 0) return undefined
    const known = copies.map((index) => this.all[index])
    const wanted = this.all.filter((place) => place.isExact && place.locate(bucket, key) !== undefined)
    const store = wanted.find((place) => place.origin === 'store')
    const place = store ?? (known.some((copy) => copy?.isExact === true) ? undefined : wanted[0])
    if (store === undefined && known.some((copy) => copy?.origin === 'given' && copy.source !== place?.source)) return undefined
    const at = place === undefined || known.includes(place) ? undefined : place.locate(bucket, key)
    if (place === undefined || at === undefined) return undefined
    // Two places of one bucket both answer for the whole of it: it is the same object.
    const isSame = ({ source, origin }: Place): boolean =>
      source === place.source || (origin === 'store' && place.origin === 'store')
    if (known.some((copy) => copy !== undefined && isSame(copy) && copy.locate(bucket, key) === at)) return undefined
    return { source: place.source, key: at, place: place.index }
  }

  /**
   * Where a key that none of its places has may lie all the same: in a part of an export of which it is not known what bucket it is of.
   * What lies in the same bucket as the digests is no such part, wherever it lies there.
   */
  perhaps(bucket: string, key: string): Location[] {
    const own = this.all.filter((place) => place.locate(bucket, key) !== undefined)
    if (own.length === 0 || own.some(({ source }) => source.kind === 'store')) return []
    const parts = this.all.filter((part) => part.origin === 'guessed' && own.every((place) => !place.mayContain(part)))
    const below = key.slice(key.indexOf('AWSLogs/'))
    return parts.map(({ source, root, index }) => ({ source, key: root + below, place: index }))
  }

  #other(bucket: string): Source | undefined {
    const known = this.#others.get(bucket)
    if (known !== undefined) return known
    for (const { source } of this.all) {
      const other = source.bucket === bucket ? source : source.otherBucket?.(bucket)
      if (other === undefined) continue
      this.#others.set(bucket, other)
      return other
    }
    return undefined
  }
}
