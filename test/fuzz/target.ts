/** Something that reads bytes of anybody's, and what must be true of it whatever they are. */
export interface Target {
  readonly name: string
  /** Well-formed inputs, from which others are made. */
  readonly seeds: readonly Uint8Array[]
  /** Throws where something that must be true is not. */
  check(bytes: Uint8Array): void | Promise<void>
  /** How many inputs the short round tries. */
  readonly short: number
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
