/** A list of files in the format of hashdeep, in byte order of their names, each once, made in flat memory. */
import type { StoredBytes } from '../core/measurement.js'
import { VERSION } from '../version.js'
import { HASHDEEP_HEADER, hashdeepComment, hashdeepLine, isHashdeepName, quotedName } from './hashdeep.js'
import { SortedLines } from './sorted-lines.js'

/** Of one kind. */
const MOST_COMMENTS = 1000
/** Before all that a name can hold: a name sorts before those that it begins. */
const BEHIND_NAME = '\0'
const NOT_ON_A_LINE = 'Not listed, because of the line break in its name'

export class HashdeepList {
  readonly #lines: SortedLines
  readonly #comments = new Map<string, Set<string>>()

  /** `held`: as of `SortedLines`. */
  constructor(held?: number) {
    this.#lines = new SortedLines(held)
  }

  /** Throws where the disk has no room. */
  add(name: string, stored: StoredBytes): void {
    if (isHashdeepName(name)) this.#lines.add(`${name}${BEHIND_NAME}${stored.bytes},${stored.sha256}`)
    else this.commentOn(NOT_ON_A_LINE, name, stored)
  }

  /** Says something of a file, or of none in the place that the list is of. */
  commentOn(about: string, name: string, stored?: StoredBytes): void {
    const texts = this.#comments.get(about) ?? new Set()
    this.#comments.set(about, texts)
    if (texts.size > MOST_COMMENTS) return
    const quoted = quotedName(name)
    texts.add(stored === undefined ? `${quoted}\n` : hashdeepLine(stored, quoted))
  }

  /** `remarks`: before the list. */
  async *chunks(remarks: readonly string[]): AsyncGenerator<string, void, undefined> {
    yield HASHDEEP_HEADER
    for (const remark of [`By verify-trail ${VERSION}`, ...remarks, '']) yield hashdeepComment(`${remark}\n`)
    for await (const page of this.#lines.sorted()) yield page.map(lineOf).join('')
    for (const [about, texts] of [...this.#comments].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const text of [...texts].sort().slice(0, MOST_COMMENTS)) yield hashdeepComment(`${about}: ${text}`)
      if (texts.size > MOST_COMMENTS) yield hashdeepComment(`${about}: others\n`)
    }
  }

  discard(): void {
    this.#lines.discard()
  }
}

function lineOf(held: string): string {
  const end = held.lastIndexOf(BEHIND_NAME)
  return `${held.slice(end + 1)},${held.slice(0, end)}\n`
}
