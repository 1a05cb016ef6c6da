import { distance } from 'fastest-levenshtein'

/** Of a word that is none of `known`, the one that may have been meant: ` (did you mean 'x'?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = known
    .map((each) => ({ each, far: distance(word.toLowerCase(), each.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)[0]
  // One letter of three, or two of five.
  if (meant === undefined || meant.far === 0 || meant.far > Math.max(1, Math.floor(meant.each.length * 0.4))) return ''
  return ` (did you mean '${meant.each}'?)`
}
