/** One hash for each day's folder, over all that a store lists there: what an earlier run proved of it holds while that is the same. */
import { createHash, type Hash } from 'node:crypto'
import type { Entry } from './day-listing.js'

interface ListedDay {
  readonly hash: Hash
  /** What is not hashed yet. */
  text: string
  objects: number
  /** All of it told what it is. */
  whole: boolean
}

const MOST_TEXT = 16 * 1024

export class ListedDays {
  /** By place, then by day. */
  readonly #places: Map<number, ListedDay>[] = []
  /** Something could not be listed: nobody knows of which day. */
  unlisted = false

  /** In the order of the listing. `day`: null for what lies in no day's folder. */
  add(place: number, day: number | null, entry: Entry): void {
    if (entry.kind === 'unreadable') this.unlisted = true
    else if (day !== null) {
      const listed = this.#at(place, day)
      const { key, size, identity } = entry
      if (identity === undefined) listed.whole = false
      listed.objects++
      listed.text += `${key}\n${size}\n${identity ?? ''}\n`
      if (listed.text.length > MOST_TEXT) flush(listed)
    }
  }

  /** Undefined where not all of it can be told from what else might lie there. */
  of(day: number): { readonly listing: string; readonly objects: number } | undefined {
    if (this.unlisted) return undefined
    const all = createHash('sha256')
    let objects = 0
    for (const [place, days] of this.#places.entries()) {
      const listed = days?.get(day)
      if (listed === undefined) continue
      if (!listed.whole) return undefined
      objects += listed.objects
      flush(listed)
      all.update(`${place}\n`).update(listed.hash.copy().digest())
    }
    return { listing: all.digest('hex'), objects }
  }

  /** Begins anew with a place. */
  forget(place: number): void {
    this.#places[place]?.clear()
  }

  #at(place: number, day: number): ListedDay {
    this.#places[place] ??= new Map()
    const days = this.#places[place]
    let listed = days.get(day)
    if (listed === undefined) {
      listed = { hash: createHash('sha256'), text: '', objects: 0, whole: true }
      days.set(day, listed)
    }
    return listed
  }
}

function flush(listed: ListedDay): void {
  listed.hash.update(listed.text)
  listed.text = ''
}

/** What is listed ahead of its turn, over all accounts and regions at work. */
export class ListedBudget {
  #left: number

  constructor(rows = 100_000) {
    this.#left = rows
  }

  /** Whether there is room for so many more. They are to be given back all the same. */
  take(rows: number): boolean {
    this.#left -= rows
    return this.#left >= 0
  }

  giveBack(rows: number): void {
    this.#left += rows
  }
}
