/** Lines, sorted in flat memory: beyond some megabytes, sorted runs go to temporary files that nobody else can read. */
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareKeys, sortKeys } from '../core/compare-keys.js'
import { mergePages } from '../engine/merge-pages.js'

const HELD = 8 * 1024 * 1024
const PAGE = 1000

/** Add all lines, then read `sorted()`, then `discard()`. No line holds a line break. */
export class SortedLines {
  readonly #limit: number
  #held: string[] = []
  #size = 0
  #folder: string | undefined
  readonly #files: string[] = []

  /** `limit`: characters that are held. */
  constructor(limit: number = HELD) {
    this.#limit = limit
  }

  /** Throws where the disk has no room. */
  add(line: string): void {
    this.#held.push(line)
    this.#size += line.length
    if (this.#size > this.#limit) this.#spill()
  }

  /** In byte order, each line once. */
  async *sorted(): AsyncGenerator<readonly string[], void, undefined> {
    let last: string | undefined
    for await (const page of mergePages([...this.#files.map(readRun), pages(sortKeys(this.#held))], compareKeys)) {
      const before = last
      last = page.at(-1)
      yield page.filter((line, at) => line !== (at === 0 ? before : page[at - 1]))
    }
  }

  discard(): void {
    this.#held = []
    this.#size = 0
    this.#files.length = 0
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  #spill(): void {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'verify-trail-'))
    const path = join(this.#folder, `run-${this.#files.length}`)
    writeFileSync(path, `${sortKeys(this.#held).join('\n')}\n`, { flag: 'wx', mode: 0o600 })
    this.#files.push(path)
    this.#held = []
    this.#size = 0
  }
}

async function* pages(lines: readonly string[]): AsyncGenerator<readonly string[], void, undefined> {
  for (let at = 0; at < lines.length; at += PAGE) yield lines.slice(at, at + PAGE)
}

async function* readRun(path: string): AsyncGenerator<readonly string[], void, undefined> {
  let left = ''
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const lines = (left + chunk).split('\n')
    left = lines.pop() ?? ''
    yield lines
  }
}
