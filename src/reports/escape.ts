/**
 * Object keys, trail names and whatever else comes out of a bucket is text that an attacker chose. It reaches a terminal
 * only through here: shown so that it cannot move the cursor, change colours, run right to left, or hide.
 */

/**
 * The backslash (it introduces our own forms); all that is control, format, surrogate, private or unassigned; line and
 * paragraph separators; every space but the common one; marks that combine with the letter before; letters that show nothing.
 */
const UNSAFE_ON_TERMINAL = /[\\\p{C}\p{M}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]|(?! )\p{Zs}/gu

/** In JSON, `JSON.stringify` has seen to C0, the backslash and lone surrogates. The rest of what steers a terminal is here. */
const UNSAFE_IN_JSON = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * Text that an attacker may have chosen, made safe to show on a terminal. Unambiguous: a backslash is doubled, every other
 * unsafe character becomes `\xNN`, `\uNNNN` or `\u{NNNNN}`, so that different texts never look alike through hidden characters.
 */
export function escapeTerminal(text: string): string {
  return text.replace(UNSAFE_ON_TERMINAL, terminalForm)
}

/**
 * JSON text whose strings hold no character that steers a terminal, by JSON's own `\uNNNN`: it parses to the same value.
 * For output of `JSON.stringify` and its like without white space between tokens.
 */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, jsonForm)
}

function terminalForm(character: string): string {
  if (character === '\\') return '\\\\'
  const point = character.codePointAt(0) ?? 0
  if (point < 0x100) return `\\x${hex(point, 2)}`
  return point < 0x10000 ? `\\u${hex(point, 4)}` : `\\u{${hex(point, 5)}}`
}

function jsonForm(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join('')
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
