/**
 * Inflates a raw deflate stream (RFC 1951) that is in memory as a whole, and sums up its CRC-32. AssemblyScript: TypeScript's
 * syntax with WebAssembly's types. `npm run assemble` compiles it into `src/engine/inflate-module.ts`.
 *
 * It takes less than zlib does, and nothing that zlib would not: whatever is not exactly as it should be is answered with -1,
 * and then judged elsewhere. So it has no errors to tell, and none to tell wrongly.
 *
 * The decoding is that of libdeflate (Eric Biggers): 64 bits of input at hand, tables that say all of a code at one look, and
 * copies that may write over the end, where nothing lies yet.
 */

/** How far back a match may reach. */
const HISTORY_BYTES: usize = 32768
/** Where the output goes, slice by slice: so much of it at a time stays in a core's cache. */
export const WINDOW: usize = HISTORY_BYTES
const SLICE_BYTES: usize = 262144
/** A slice ends where there is that much or more: with a stored block, or with literals, a match, and what is copied over its end. */
export const WINDOW_BYTES: usize = SLICE_BYTES + 65536 + 512
/** The history of the next slice, while the window's own is worked on. */
const KEPT: usize = WINDOW + WINDOW_BYTES
/** Where the input is to be put. */
export const INPUT: usize = KEPT + HISTORY_BYTES
export const INPUT_BYTES: usize = 1048576
const PADDING: usize = 64

/** Tables have 4 bytes an entry: one for each value of so many bits, then the subtables; never more than this for so many symbols (zlib's `enough`). */
const LITERALS: usize = INPUT + INPUT_BYTES + PADDING
const LITERAL_BITS: u32 = 10
const DISTANCES: usize = LITERALS + 1334 * 4
const DISTANCE_BITS: u32 = 8
const CODE_LENGTHS: usize = DISTANCES + 402 * 4
const CODE_LENGTH_BITS: u32 = 7

/** The length of each symbol's code, then all symbols in the order of their codes. */
const LENGTHS: usize = CODE_LENGTHS + 128 * 4
const SORTED: usize = LENGTHS + 320
/** By length of code: how many there are, and how many are shorter. */
const COUNTS: usize = SORTED + 288 * 2
const FIRSTS: usize = COUNTS + 16 * 2
const SHORT: usize = FIRSTS + 16 * 2

/*
 * An entry: what the symbol stands for (16 bits), flags, the bits of its code (4), and those with the extra bits that follow it (6,
 * which is all that a shift looks at). In a subtable without the bits of the table above.
 */
const IS_LITERAL: u32 = 0x80000000
/** Neither literal nor length nor distance: one of the next two, or no symbol. */
const IS_OTHER: u32 = 0x8000
const IS_SUBTABLE: u32 = 0x4000
const IS_END: u32 = 0x2000
/** Of a literal: another one follows it, in the seven bits above it. */
const IS_PAIR: u32 = 0x4000

const LENGTH_BASES = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
])
const LENGTH_EXTRA = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0])
const DISTANCE_BASES = memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
  16385, 24577,
])
const DISTANCE_EXTRA = memory.data<u8>([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
])
const CODE_LENGTH_ORDER = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])

/** Of the stream, from slice to slice. */
let inputAt: usize = 0
let inputEnd: usize = 0
let bitsAtHand: u64 = 0
let bitsLeft: u32 = 0
let isFirstSlice = true
let isInBlock = false
let isLastBlock = false
let ended = false

/** Begins with the `length` bytes at `INPUT`, of which the stream may be only the first. */
export function begin(length: u32): void {
  inputAt = INPUT
  inputEnd = INPUT + length
  memory.fill(inputEnd, 0, PADDING)
  bitsAtHand = 0
  bitsLeft = 0
  isFirstSlice = true
  isInBlock = false
  isLastBlock = false
  ended = false
}

/** Whether the last slice was the stream's last. */
export function isEnded(): bool {
  return ended
}

/** How much of the input the stream had, once it ended. */
export function inputUsed(): u32 {
  return <u32>(inputAt - INPUT)
}

/** Ends a slice here. What follows may reach back into it. */
function pause(input: usize, bits: u64, left: u32, output: usize, inBlock: bool): i32 {
  inputAt = input
  bitsAtHand = bits
  bitsLeft = left
  isInBlock = inBlock
  memory.copy(KEPT, output - HISTORY_BYTES, HISTORY_BYTES)
  return <i32>(output - WINDOW)
}

function literalEntry(symbol: u32): u32 {
  if (symbol < 256) return IS_LITERAL | (symbol << 16)
  if (symbol === 256) return IS_OTHER | IS_END
  if (symbol > 285) return IS_OTHER
  const n = symbol - 257
  return ((<u32>load<u16>(LENGTH_BASES + (n << 1))) << 16) | load<u8>(LENGTH_EXTRA + n)
}

function distanceEntry(symbol: u32): u32 {
  if (symbol > 29) return IS_OTHER
  return ((<u32>load<u16>(DISTANCE_BASES + (symbol << 1))) << 16) | load<u8>(DISTANCE_EXTRA + symbol)
}

/** `bits`: of its code. */
function entryOf(table: usize, symbol: u32, bits: u32): u32 {
  const entry = table === LITERALS ? literalEntry(symbol) : table === DISTANCES ? distanceEntry(symbol) : symbol << 16
  return entry + (bits << 8) + bits
}

/** The next code of so many bits, or more: codes are read from their lowest bit on, so it is counted from the highest. */
function nextCode(code: u32, bits: u32): u32 {
  const bit: u32 = 1 << (31 - clz<u32>(code ^ ((1 << bits) - 1)))
  return (code & (bit - 1)) | bit
}

/** Fills a table from the lengths of codes (RFC 1951, 3.2.2). False where they are not exactly a whole set of codes. */
function build(table: usize, tableBits: u32, lengths: usize, symbols: u32): bool {
  memory.fill(COUNTS, 0, 32)
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const at = COUNTS + ((<usize>load<u8>(lengths + symbol)) << 1)
    store<u16>(at, load<u16>(at) + 1)
  }
  let codes: u32 = 0
  let space: u32 = 0
  for (let bits: u32 = 1; bits <= 15; bits++) {
    const count: u32 = load<u16>(COUNTS + (bits << 1))
    store<u16>(FIRSTS + (bits << 1), <u16>codes)
    codes += count
    space += count << (15 - bits)
  }
  if (space !== 1 << 15) return table === DISTANCES && buildLone(tableBits, lengths, codes, space)
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const bits: u32 = load<u8>(lengths + symbol)
    if (bits === 0) continue
    const at = FIRSTS + (bits << 1)
    const place: u32 = load<u16>(at)
    store<u16>(at, <u16>(place + 1))
    store<u16>(SORTED + (place << 1), <u16>symbol)
  }
  fill(table, tableBits)
  return true
}

/** Distances may also have one code, of one bit, or none. */
function buildLone(tableBits: u32, lengths: usize, codes: u32, space: u32): bool {
  if (codes > 1 || (codes === 1 && space !== 1 << 14)) return false
  let symbol: u32 = 30
  if (codes === 1) for (symbol = 0; load<u8>(lengths + symbol) === 0; ) symbol++
  for (let code: u32 = 0; code < (<u32>1) << tableBits; code++)
    store<u32>(DISTANCES + (code << 2), code & 1 ? IS_OTHER : entryOf(DISTANCES, symbol, 1))
  return true
}

/** Codes as long as the table has bits, and shorter ones; then the subtables of longer ones. */
function fill(table: usize, tableBits: u32): void {
  let sorted = SORTED
  let code: u32 = 0
  let bits: u32 = 1
  let count: u32 = load<u16>(COUNTS + 2)
  while (count === 0) count = load<u16>(COUNTS + (++bits << 1))
  // The table as if it had so many bits as the codes so far: it is doubled when they get longer.
  let end: u32 = 1 << bits
  while (bits <= tableBits) {
    do {
      store<u32>(table + (code << 2), entryOf(table, load<u16>(sorted), bits))
      sorted += 2
      if (code === end - 1) {
        for (; bits < tableBits; bits++) {
          memory.copy(table + (end << 2), table, end << 2)
          end <<= 1
        }
        return
      }
      code = nextCode(code, bits)
    } while (--count)
    do {
      if (++bits <= tableBits) {
        memory.copy(table + (end << 2), table, end << 2)
        end <<= 1
      }
      count = load<u16>(COUNTS + (bits << 1))
    } while (count === 0)
  }
  end = 1 << tableBits
  const mask = end - 1
  let prefix: u32 = 0xffffffff
  let start: u32 = 0
  for (;;) {
    if ((code & mask) !== prefix) {
      prefix = code & mask
      start = end
      let more = bits - tableBits
      let space = count
      while (space < (<u32>1) << more) {
        more++
        space = (space << 1) + load<u16>(COUNTS + ((tableBits + more) << 1))
      }
      end = start + (1 << more)
      store<u32>(table + (prefix << 2), (start << 16) | IS_OTHER | IS_SUBTABLE | (more << 8) | tableBits)
    }
    const entry = entryOf(table, load<u16>(sorted), bits - tableBits)
    sorted += 2
    const stride: u32 = 1 << (bits - tableBits)
    for (let at = start + (code >> tableBits); at < end; at += stride) store<u32>(table + (at << 2), entry)
    if (code === ((<u32>1) << bits) - 1) return
    code = nextCode(code, bits)
    count--
    while (count === 0) count = load<u16>(COUNTS + (++bits << 1))
  }
}

/** Where two literals' codes fit into the bits of one look, and the second is below 128, the entry says both. */
function pairLiterals(symbols: u32): void {
  let fewest: u32 = LITERAL_BITS
  for (let symbol: u32 = 0; symbol < symbols && symbol < 256; symbol++) {
    const bits: u32 = load<u8>(LENGTHS + symbol)
    if (bits !== 0 && bits < fewest) fewest = bits
  }
  // Of codes short enough to be one of two: entry and code, by their number of bits.
  let end = SHORT
  for (let bits = fewest; bits <= LITERAL_BITS - fewest; bits++) {
    for (let code: u32 = 0; code < (<u32>1) << bits; code++) {
      const entry = load<u32>(LITERALS + (code << 2))
      if (!(entry & IS_LITERAL) || (entry & 63) !== bits) continue
      store<u32>(end, entry)
      store<u32>(end + 4, code)
      end += 8
    }
  }
  for (let one = SHORT; one < end; one += 8) {
    const first = load<u32>(one)
    const bits = first & 63
    for (let other = SHORT; other < end; other += 8) {
      const second = load<u32>(other)
      const both = bits + (second & 63)
      if (both > LITERAL_BITS) break
      if (second & 0x800000) continue
      const entry = (first & 0xffff0000) | ((second & 0x7f0000) << 8) | IS_PAIR | (both << 8) | both
      const step: u32 = 1 << both
      for (let code = load<u32>(one + 4) | (load<u32>(other + 4) << bits); code < 1 << LITERAL_BITS; code += step)
        store<u32>(LITERALS + (code << 2), entry)
    }
  }
}

/** One or two. What is put behind one is written over. */
function putLiterals(output: usize, entry: u32): usize {
  store<u16>(output, <u16>((entry >> 16) & 0x7fff))
  return output + 1 + ((entry >> 14) & 1)
}

/** The lengths of the fixed codes (RFC 1951, 3.2.6). */
function buildFixed(): void {
  memory.fill(LENGTHS, 8, 144)
  memory.fill(LENGTHS + 144, 9, 112)
  memory.fill(LENGTHS + 256, 7, 24)
  memory.fill(LENGTHS + 280, 8, 8)
  build(LITERALS, LITERAL_BITS, LENGTHS, 288)
  memory.fill(LENGTHS, 5, 32)
  build(DISTANCES, DISTANCE_BITS, LENGTHS, 32)
}

/** Inflates the next slice to `WINDOW`. Answers how many bytes it has; -1 where the stream is not whole, or not right. */
export function inflate(): i32 {
  if (!isFirstSlice) memory.copy(WINDOW - HISTORY_BYTES, KEPT, HISTORY_BYTES)
  const reach = isFirstSlice ? WINDOW : WINDOW - HISTORY_BYTES
  isFirstSlice = false
  const sliceEnd = WINDOW + SLICE_BYTES
  let input = inputAt
  let output = WINDOW
  // Of the bits that are at hand `left` count. More than 55 are there after each filling up: `bits |= …`.
  let bits = bitsAtHand
  let left = bitsLeft
  do {
    if (!isInBlock) {
      if (output >= sliceEnd) return pause(input, bits, left, output, false)
      bits |= load<u64>(input) << (<u64>left)
      input += (63 - left) >> 3
      left |= 56
      if (input > inputEnd + 8) return -1
      isLastBlock = (bits & 1) !== 0
      const kind = <u32>(bits >> 1) & 3
      bits >>= 3
      left -= 3
      if (kind === 3) return -1
      if (kind === 0) {
        input -= left >> 3
        bits = 0
        left = 0
        if (input + 4 > inputEnd) return -1
        const stored: u32 = load<u16>(input)
        if ((stored ^ load<u16>(input + 2)) !== 0xffff) return -1
        input += 4
        if (input + stored > inputEnd) return -1
        memory.copy(output, input, stored)
        input += stored
        output += stored
        continue
      }
      if (kind === 1) buildFixed()
      else {
        const literals = (<u32>bits & 31) + 257
        const distances = (<u32>(bits >> 5) & 31) + 1
        const codeLengths = (<u32>(bits >> 10) & 15) + 4
        bits >>= 14
        left -= 14
        if (literals > 286 || distances > 30) return -1
        memory.fill(LENGTHS, 0, 19)
        for (let n: u32 = 0; n < codeLengths; n++) {
          if (left < 3) {
            bits |= load<u64>(input) << (<u64>left)
            input += (63 - left) >> 3
            left |= 56
          }
          store<u8>(LENGTHS + load<u8>(CODE_LENGTH_ORDER + n), <u8>(bits & 7))
          bits >>= 3
          left -= 3
        }
        if (!build(CODE_LENGTHS, CODE_LENGTH_BITS, LENGTHS, 19)) return -1
        const all = literals + distances
        for (let n: u32 = 0; n < all; ) {
          if (left < 14) {
            bits |= load<u64>(input) << (<u64>left)
            input += (63 - left) >> 3
            left |= 56
            if (input > inputEnd + 8) return -1
          }
          const entry = load<u32>(CODE_LENGTHS + ((<u32>bits & ((1 << CODE_LENGTH_BITS) - 1)) << 2))
          const symbol = entry >> 16
          bits >>= <u64>entry
          left -= entry & 63
          if (symbol < 16) {
            store<u8>(LENGTHS + n++, <u8>symbol)
            continue
          }
          if (symbol === 16 && n === 0) return -1
          const value: u32 = symbol === 16 ? load<u8>(LENGTHS + n - 1) : 0
          const extra: u32 = symbol === 16 ? 2 : symbol === 17 ? 3 : 7
          const times = (symbol === 18 ? 11 : 3) + (<u32>bits & ((1 << extra) - 1))
          bits >>= <u64>extra
          left -= extra
          if (n + times > all) return -1
          memory.fill(LENGTHS + n, <u8>value, times)
          n += times
        }
        if (load<u8>(LENGTHS + 256) === 0) return -1
        if (!build(LITERALS, LITERAL_BITS, LENGTHS, literals)) return -1
        // It takes as long as it saves with about so much input.
        if (input + 2048 < inputEnd) pairLiterals(literals)
        if (!build(DISTANCES, DISTANCE_BITS, LENGTHS + literals, distances)) return -1
      }
    }
    bits |= load<u64>(input) << (<u64>left)
    input += (63 - left) >> 3
    left |= 56
    let entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
    for (;;) {
      if (input > inputEnd + 8) return -1
      if (output >= sliceEnd) return pause(input, bits, left, output, true)
      // Of four codes of at most 10 bits, enough are left for the next look.
      if (entry & IS_LITERAL) {
        bits >>= <u64>entry
        left -= entry & 63
        output = putLiterals(output, entry)
        entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
        if (entry & IS_LITERAL) {
          bits >>= <u64>entry
          left -= entry & 63
          output = putLiterals(output, entry)
          entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
          if (entry & IS_LITERAL) {
            bits >>= <u64>entry
            left -= entry & 63
            output = putLiterals(output, entry)
            entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
            if (entry & IS_LITERAL) {
              bits >>= <u64>entry
              left -= entry & 63
              output = putLiterals(output, entry)
              entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
            }
          }
        }
        bits |= load<u64>(input) << (<u64>left)
        input += (63 - left) >> 3
        left |= 56
        continue
      }
      if (entry & IS_OTHER) {
        if (entry & IS_SUBTABLE) {
          bits >>= <u64>LITERAL_BITS
          left -= LITERAL_BITS
          entry = load<u32>(LITERALS + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2))
          if (entry & IS_LITERAL) {
            bits >>= <u64>entry
            left -= entry & 63
            store<u8>(output++, <u8>(entry >> 16))
            bits |= load<u64>(input) << (<u64>left)
            input += (63 - left) >> 3
            left |= 56
            entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
            continue
          }
        }
        if (entry & IS_OTHER) {
          if (!(entry & IS_END)) return -1
          bits >>= <u64>entry
          left -= entry & 63
          break
        }
      }
      let before = <u32>bits
      bits >>= <u64>entry
      left -= entry & 63
      const matched = (entry >> 16) + ((before & ((1 << (entry & 63)) - 1)) >> ((entry >> 8) & 15))
      let far = load<u32>(DISTANCES + ((<u32>bits & ((1 << DISTANCE_BITS) - 1)) << 2))
      if (far & IS_OTHER) {
        if (!(far & IS_SUBTABLE)) return -1
        bits >>= <u64>DISTANCE_BITS
        left -= DISTANCE_BITS
        far = load<u32>(DISTANCES + (((far >> 16) + (<u32>bits & ((1 << ((far >> 8) & 15)) - 1))) << 2))
        if (far & IS_OTHER) return -1
      }
      before = <u32>bits
      bits >>= <u64>far
      left -= far & 63
      const distance = (far >> 16) + ((before & ((1 << (far & 63)) - 1)) >> ((far >> 8) & 15))
      if (distance > <u32>(output - reach)) return -1
      // The next entry is on its way while bytes are copied.
      bits |= load<u64>(input) << (<u64>left)
      input += (63 - left) >> 3
      left |= 56
      entry = load<u32>(LITERALS + ((<u32>bits & ((1 << LITERAL_BITS) - 1)) << 2))
      let from = output - distance
      const end = output + matched
      if (distance >= 16) {
        do {
          v128.store(output, v128.load(from))
          from += 16
          output += 16
        } while (output < end)
      } else if (distance >= 8) {
        do {
          store<u64>(output, load<u64>(from))
          from += 8
          output += 8
        } while (output < end)
      } else {
        // What repeats so soon is right in the first bytes of each copy; the rest is written over.
        do {
          store<u64>(output, load<u64>(from))
          from += distance
          output += distance
        } while (output < end)
      }
      output = end
    }
    isInBlock = false
  } while (!isLastBlock)
  inputAt = input - (left >> 3)
  ended = inputAt <= inputEnd
  return ended ? <i32>(output - WINDOW) : -1
}

/*
 * CRC-32, several times quicker than by zlib's tables (Node is built without its vector code).
 *
 * Modulo the CRC's polynomial, x^(8*1123) = x^(8*198) + x^(8*64) + x^(8*24) + 1. So a byte may be taken out of a message if it is
 * added (XOR) to those 925, 1059, 1099 and 1123 bytes later. Doing so from the front, in place, leaves a message whose CRC is
 * the same and of which only the last 1123 bytes or some more are not zero: zlib's tables do those. (Sam Russell, "Chorba: A
 * novel CRC32 implementation", arXiv 2412.16398; these distances were found by trying.) A wrong rule could not pass the test at first use.
 */
const NEAREST: usize = 925
const NEAR: usize = 1059
const FAR: usize = 1099
const FARTHEST: usize = 1123
const PLACE: usize = 16

/**
 * Leaves of a message of `length` bytes in the window only what begins where it answers; 0: all of it. The CRC of what is left is
 * that of the message, going on from a sum whose complement is `state`, if it is made to begin as that of nothing does.
 */
export function fold(length: usize, state: u32): usize {
  if (length < 2 * FARTHEST) return 0
  memory.fill(WINDOW - FARTHEST, 0, FARTHEST)
  const kept = (length - FARTHEST) & ~(PLACE - 1)
  // A CRC that goes on is the CRC of a message with what it had come to added to the first four bytes.
  store<u32>(WINDOW, load<u32>(WINDOW) ^ state)
  const end = WINDOW + kept
  for (let to = WINDOW; to < end; to += PLACE) {
    const near = v128.xor(v128.load(to - NEAREST), v128.load(to - NEAR))
    const far = v128.xor(v128.load(to - FAR), v128.load(to - FARTHEST))
    v128.store(to, v128.xor(v128.load(to), v128.xor(near, far)))
  }
  addBefore(end, NEAREST)
  addBefore(end, NEAR)
  addBefore(end, FAR)
  addBefore(end, FARTHEST)
  return kept
}

/** Adds what lies before `end` to the bytes so far behind it. */
function addBefore(end: usize, distance: usize): void {
  let to = end
  for (; to + PLACE <= end + distance; to += PLACE) v128.store(to, v128.xor(v128.load(to), v128.load(to - distance)))
  for (; to < end + distance; to++) store<u8>(to, load<u8>(to) ^ load<u8>(to - distance))
}
