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

  /** All records in order, a page at a time. */
  async *sorted(): AsyncGenerator<readonly T[], void, undefined> {
    this.#held.sort(this.#order)
    if (this.#files.length === 0) yield this.#held
    else yield* mergePages([...this.#files.map((file) => readRun<T>(file)), onePage(this.#held)], this.#order)
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

const PAGE = 1024

async function* readRun<T>(path: string): AsyncGenerator<readonly T[], void, undefined> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  let page: T[] = []
  for await (const line of lines) {
    // Our own file, written a moment ago in a folder that only this user can enter.
    page.push(JSON.parse(line) as T)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

async function* onePage<T>(records: readonly T[]): AsyncGenerator<readonly T[], void, undefined> {
  yield records
}

/** A sorted input and how far it was taken. */
interface Head<T> {
  readonly pages: AsyncIterator<readonly T[]>
  page: readonly T[]
  at: number
}

/** Merges sorted inputs into one; equal records come in the order of the inputs. It waits only for pages, never for records. */
export async function* mergePages<T>(
  inputs: readonly AsyncIterable<readonly T[]>[],
  order: (a: T, b: T) => number,
): AsyncGenerator<readonly T[], void, undefined> {
  const iterators = inputs.map((input) => input[Symbol.asyncIterator]())
  const heads: Head<T>[] = []
  try {
    for (const pages of iterators) {
      const head: Head<T> = { pages, page: [], at: 0 }
      if (await refill(head)) heads.push(head)
    }
    let merged: T[] = []
    while (heads.length > 0) {
      const head = least(heads, order)
      merged.push(head.page[head.at++] as T)
      if (head.at < head.page.length && merged.length < PAGE) continue
      if (merged.length >= PAGE || head.at >= head.page.length) {
        yield merged
        merged = []
      }
      if (head.at >= head.page.length && !(await refill(head))) heads.splice(heads.indexOf(head), 1)
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.()
  }
}

async function refill<T>(head: Head<T>): Promise<boolean> {
  for (;;) {
    const next = await head.pages.next()
    if (next.done === true) return false
    if (next.value.length === 0) continue
    head.page = next.value
    head.at = 0
    return true
  }
}

function least<T>(heads: readonly Head<T>[], order: (a: T, b: T) => number): Head<T> {
  let best = heads[0] as Head<T>
  for (let i = 1; i < heads.length; i++) {
    const head = heads[i] as Head<T>
    if (order(head.page[head.at] as T, best.page[best.at] as T) < 0) best = head
  }
  return best
}
