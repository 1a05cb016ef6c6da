/** Records sorted by any order, with flat memory: beyond a budget, sorted runs go to temporary files and are merged when read. */
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How many records all spools of a run may hold in memory together. */
export class SpoolBudget {
  readonly limit: number
  held = 0

  constructor(limit = 150_000) {
    this.limit = limit
  }
}

const LINES_A_WRITE = 4096

/** `T` must survive JSON. Add all records, then read `sorted()` once, then `discard()`. */
export class SortedSpool<T> {
  readonly #order: (a: T, b: T) => number
  readonly #budget: SpoolBudget
  readonly #files: string[] = []
  #folder: string | undefined
  #held: T[] = []

  constructor(order: (a: T, b: T) => number, budget: SpoolBudget) {
    this.#order = order
    this.#budget = budget
  }

  /** Returns a promise only where a run of records goes to disk: await it before the next call. */
  add(record: T): void | Promise<void> {
    this.#held.push(record)
    this.#budget.held++
    // A spool with little in it leaves the memory to the one that fills it.
    if (this.#budget.held > this.#budget.limit && this.#held.length * 8 > this.#budget.limit) return this.#spill()
  }

  async *sorted(): AsyncGenerator<T, void, undefined> {
    this.#held.sort(this.#order)
    if (this.#files.length === 0) yield* this.#held
    else yield* merge([...this.#files.map((file) => readRun<T>(file)), iterate(this.#held)], this.#order)
  }

  async discard(): Promise<void> {
    this.#release()
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
    this.#files.length = 0
  }

  #release(): void {
    this.#budget.held -= this.#held.length
    this.#held = []
  }

  async #spill(): Promise<void> {
    const records = this.#held.sort(this.#order)
    this.#release()
    this.#folder ??= await mkdtemp(join(tmpdir(), 'verify-trail-'))
    const path = join(this.#folder, `run-${this.#files.length}.ndjson`)
    const file = await open(path, 'wx', 0o600)
    try {
      for (let at = 0; at < records.length; at += LINES_A_WRITE) {
        const lines = records.slice(at, at + LINES_A_WRITE).map((record) => `${JSON.stringify(record)}\n`)
        await file.appendFile(lines.join(''))
      }
    } finally {
      await file.close()
    }
    this.#files.push(path)
  }
}

async function* readRun<T>(path: string): AsyncGenerator<T, void, undefined> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  // Our own file, written a moment ago in a folder that only this user can enter.
  for await (const line of lines) yield JSON.parse(line) as T
}

async function* iterate<T>(records: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* records
}

/** Merges sorted iterables into one; equal records come in the order of the iterables. */
export async function* merge<T>(
  inputs: readonly AsyncIterable<T>[],
  order: (a: T, b: T) => number,
): AsyncGenerator<T, void, undefined> {
  const heads: { iterator: AsyncIterator<T>; value: T }[] = []
  const iterators = inputs.map((input) => input[Symbol.asyncIterator]())
  try {
    for (const iterator of iterators) {
      const next = await iterator.next()
      if (next.done !== true) heads.push({ iterator, value: next.value })
    }
    while (heads.length > 0) {
      let least = 0
      for (let i = 1; i < heads.length; i++) {
        const head = heads[i]
        const best = heads[least]
        if (head !== undefined && best !== undefined && order(head.value, best.value) < 0) least = i
      }
      const head = heads[least]
      if (head === undefined) break
      yield head.value
      const next = await head.iterator.next()
      if (next.done === true) heads.splice(least, 1)
      else head.value = next.value
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.()
  }
}
