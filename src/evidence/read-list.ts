/** A list of all that a run read, with the hash of the bytes as stored: what another tool may check the evidence against. */
import type { StoredBytes } from '../core/measurement.js'
import type { Source } from '../sources/source.js'
import { rootsOf } from './export-format.js'
import { quotedName } from './hashdeep.js'
import { HashdeepList } from './hashdeep-list.js'
import { HashingSource } from './hashing-source.js'

const NOT_WHOLE = 'Not read to its end, and so not listed'
const ELSEWHERE = 'Read from elsewhere'

export class ReadList {
  /** The sources, to be read in the place of those that were given. */
  readonly sources: readonly Source[]
  readonly #list: HashdeepList
  readonly #given: readonly string[]

  /** `held`: as of `SortedLines`. */
  constructor(sources: readonly Source[], held?: number) {
    this.#list = new HashdeepList(held)
    const folders = sources.length === 1 ? [''] : rootsOf(sources).map(({ folder }) => folder)
    this.#given = sources.map(({ name }, index) => `Read from ${quotedName(name)}: ./${folders[index]}`)
    this.sources = sources.map((source, index) => {
      const folder = `./${folders[index]}`
      return new HashingSource(source, {
        object: (key, stored) => this.#add(folder + key, stored),
        apart: (name, stored) => this.#addApart(name, stored),
      })
    })
  }

  #add(name: string, stored: StoredBytes | null): void {
    if (stored === null) this.#list.commentOn(NOT_WHOLE, name)
    else this.#list.add(name, stored)
  }

  #addApart(name: string, stored: StoredBytes | null): void {
    if (stored === null) this.#list.commentOn(NOT_WHOLE, name)
    else this.#list.commentOn(ELSEWHERE, name, stored)
  }

  /** The list. `remarks`: of the run. */
  chunks(remarks: readonly string[]): AsyncGenerator<string, void, undefined> {
    return this.#list.chunks([...this.#given, ...remarks])
  }

  discard(): void {
    this.#list.discard()
  }
}
