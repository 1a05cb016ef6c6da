/** The order of object keys. */

/** Answered at once for a text in one byte per character, as nearly all keys are. */
const SURROGATE = /[\ud800-\udfff]/

/**
 * Compares two keys in the byte order of their UTF-8, the order in which S3 lists. JavaScript's own order differs: it puts
 * surrogate pairs (U+10000 and above) before U+E000 to U+FFFF. Zero only for equal strings, lone surrogates included.
 */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : 1
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at)
    const unitB = b.charCodeAt(at)
    if (unitA !== unitB) return utf8Rank(unitA) - utf8Rank(unitB)
  }
  return a.length - b.length
}

/** UTF-16 units in the order of what they become in UTF-8: surrogates last. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** Sorts keys in that order, in place. Where no key has a surrogate, that is the order in which JavaScript sorts by itself, and sooner. */
export function sortKeys(keys: string[]): string[] {
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareKeys) : keys.sort()
}
