/** Changes to bytes that a parser has not seen: flips, splices, cuts. Mutations of real files reach deeper than random bytes. */
import fc from 'fast-check'

export type Mutation =
  | { readonly change: 'set'; readonly at: number; readonly byte: number }
  | { readonly change: 'flip'; readonly at: number; readonly bit: number }
  | { readonly change: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly change: 'remove'; readonly at: number; readonly length: number }
  | { readonly change: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly change: 'cut'; readonly at: number }
  /** Goes on with the bytes of another seed. */
  | { readonly change: 'splice'; readonly at: number; readonly seed: number; readonly from: number }

export interface Mutated {
  readonly seed: number
  readonly mutations: readonly Mutation[]
}

/** What means something to one of the parsers. */
const TOKENS = [
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    'null',
    '-0',
    '1e999',
    '\\ud800',
    '__proto__',
    '\ufeff',
    '\u202e',
    '\x1b[2J',
    '\0',
  ],
  ...['/', '../', '//', '_', '&lt;', '&#0;', '<![CDATA[', '<!DOCTYPE', '</Key>', '<Key>', '\r\n', '\x1f\x8b', 's3://'],
].map((text) => Buffer.from(text))

const anyBytes = fc.oneof(fc.constantFrom(...TOKENS), fc.uint8Array({ minLength: 1, maxLength: 8 }))

const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ change: fc.constant('set' as const), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
  fc.record({ change: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat({ max: 7 }) }),
  fc.record({ change: fc.constant('insert' as const), at: fc.nat(), bytes: anyBytes }),
  fc.record({ change: fc.constant('remove' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 64 }) }),
  fc.record({
    change: fc.constant('repeat' as const),
    at: fc.nat(),
    length: fc.integer({ min: 1, max: 64 }),
    times: fc.integer({ min: 1, max: 300 }),
  }),
  fc.record({ change: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ change: fc.constant('splice' as const), at: fc.nat(), seed: fc.nat(), from: fc.nat() }),
)

export const anyMutated: fc.Arbitrary<Mutated> = fc.record({
  seed: fc.nat(),
  mutations: fc.array(anyMutation, { minLength: 1, maxLength: 6 }),
})

/** Numbers count from the start again where they are beyond the end: every mutation means something for every seed. */
export function mutate(seeds: readonly Uint8Array[], { seed, mutations }: Mutated): Uint8Array {
  let bytes: Uint8Array = seeds[seed % seeds.length] ?? new Uint8Array()
  for (const mutation of mutations) bytes = apply(bytes, mutation, seeds)
  return bytes
}

function apply(bytes: Uint8Array, mutation: Mutation, seeds: readonly Uint8Array[]): Uint8Array {
  const at = mutation.at % (bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (mutation.change) {
    case 'set':
      return Buffer.concat([before, Uint8Array.of(mutation.byte), after.subarray(1)])
    case 'flip':
      return Buffer.concat([before, Uint8Array.of((after[0] ?? 0) ^ (1 << mutation.bit)), after.subarray(1)])
    case 'insert':
      return Buffer.concat([before, mutation.bytes, after])
    case 'remove':
      return Buffer.concat([before, after.subarray(mutation.length)])
    case 'repeat':
      return Buffer.concat([before, ...Array(mutation.times).fill(after.subarray(0, mutation.length)), after])
    case 'cut':
      return before
    case 'splice': {
      const other = seeds[mutation.seed % seeds.length] ?? new Uint8Array()
      return Buffer.concat([before, other.subarray(mutation.from % (other.length + 1))])
    }
  }
}
