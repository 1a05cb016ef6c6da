/**
 * JSON from untrusted bytes, read so that no other reader can see something else in them. JSON.parse alone keeps the last of two
 * equal names, takes any depth, and a decoder in its default mode repairs broken UTF-8 and swallows a byte order mark.
 */

export interface JsonOptions {
  /** How deep arrays and objects may be nested. @default 64 */
  readonly maxDepth?: number
}

export type JsonAnswer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string }

export type JsonSequenceAnswer =
  | { readonly ok: true; readonly values: readonly unknown[] }
  | { readonly ok: false; readonly reason: string }

const DEFAULT_MAX_DEPTH = 64
const NOT_JSON = 'not valid JSON'
const QUOTED_LENGTH = 300

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Reads one JSON text. Never throws. Refused beside what is not JSON: UTF-8 that is not well-formed, a byte order mark, two equal
 * names in one object (escapes resolved), nesting deeper than `maxDepth`, anything after the text. A name `__proto__` is an
 * ordinary own property of what is returned: read fields by name, do not merge or spread.
 */
export function parseJson(bytes: Uint8Array, options: JsonOptions = {}): JsonAnswer {
  const decoded = decode(bytes)
  if (!decoded.ok) return decoded
  const scan = scanValue(decoded.text, 0, options.maxDepth ?? DEFAULT_MAX_DEPTH)
  if (!scan.ok) return scan
  return parseText(decoded.text)
}

/**
 * Reads any number of JSON objects and arrays, one after the other, with or without white space between: pages of answers saved
 * in one file, or NDJSON. As strict as `parseJson`. A reason that concerns one of several texts says which, counted from 1.
 */
export function parseJsonSequence(bytes: Uint8Array, options: JsonOptions = {}): JsonSequenceAnswer {
  const decoded = decode(bytes)
  if (!decoded.ok) return decoded
  const { text } = decoded
  const values: unknown[] = []
  for (let at = skipSpace(text, 0); at < text.length; ) {
    const scan = scanValue(text, at, options.maxDepth ?? DEFAULT_MAX_DEPTH)
    const answer = scan.ok ? parseText(text.slice(at, scan.end)) : scan
    if (!answer.ok)
      return { ok: false, reason: values.length > 0 ? `JSON text ${values.length + 1}: ${answer.reason}` : answer.reason }
    values.push(answer.value)
    at = skipSpace(text, scan.ok ? scan.end : text.length)
  }
  return { ok: true, values }
}

/** Whether a parsed value is an object and no array. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An untrusted text for use in a reason: quoted, control characters escaped, cut to a bounded length. */
export function quoteText(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text)
}

function decode(
  bytes: Uint8Array,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.startsWith('\ufeff') ? { ok: false, reason: 'begins with a byte order mark' } : { ok: true, text }
  } catch {
    return { ok: false, reason: 'not valid UTF-8' }
  }
}

function parseText(text: string): JsonAnswer {
  try {
    const value: unknown = JSON.parse(text)
    return { ok: true, value }
  } catch {
    return { ok: false, reason: NOT_JSON }
  }
}

type Scan = { readonly ok: true; readonly end: number } | { readonly ok: false; readonly reason: string }

/**
 * Finds where the array or object at `start` ends, refusing depth and equal names on the way. It leaves the grammar to
 * JSON.parse: up to the first error of grammar, which JSON.parse does not pass, both see the same names and the same depth.
 */
function scanValue(text: string, start: number, maxDepth: number): Scan {
  // The names so far of each open object; null for an array.
  const open: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let nameFollows = false
  for (let at = start; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const close = closingQuote(text, at)
        if (close === undefined) return { ok: false, reason: NOT_JSON }
        if (nameFollows && names !== null) {
          const reason = addName(names, text.slice(at, close + 1))
          if (reason !== undefined) return { ok: false, reason }
          nameFollows = false
        }
        at = close
        break
      }
      case COMMA:
        nameFollows = names !== null
        break
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        nameFollows = text.charCodeAt(at) === OPEN_OBJECT
        names = nameFollows ? new Set() : null
        open.push(names)
        if (open.length > maxDepth) return { ok: false, reason: `nested deeper than ${maxDepth}` }
        break
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop()
        if (open.length === 0) return { ok: true, end: at + 1 }
        names = open.at(-1) ?? null
        nameFollows = false
        break
    }
  }
  return { ok: true, end: text.length }
}

/** Returns a reason, or undefined where the name is new. */
function addName(names: Set<string>, quoted: string): string | undefined {
  const name = quoted.includes('\\') ? resolveEscapes(quoted) : quoted.slice(1, -1)
  if (name === undefined) return NOT_JSON
  if (names.has(name)) return `the name ${quoteText(name)} is there twice`
  names.add(name)
  return undefined
}

function resolveEscapes(quoted: string): string | undefined {
  const answer = parseText(quoted)
  return answer.ok && typeof answer.value === 'string' ? answer.value : undefined
}

function closingQuote(text: string, open: number): number | undefined {
  let close = text.indexOf('"', open + 1)
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1)
  return close === -1 ? undefined : close
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
  return at
}
