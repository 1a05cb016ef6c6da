/** The format of hashdeep 4: how long each file is, and its SHA-256, for `hashdeep -a`. */
import type { StoredBytes } from '../core/measurement.js'
import { escapeJson } from '../reports/escape.js'

export const HASHDEEP_HEADER = '%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n'

/** Names are written as they are: the format has no escapes. False where one would not stay on its line. */
export function isHashdeepName(name: string): boolean {
  return !/[\0\n\r]/.test(name)
}

export function hashdeepLine({ bytes, sha256 }: StoredBytes, name: string): string {
  return `${bytes},${sha256},${name}\n`
}

/** `line`: with its end. */
export function hashdeepComment(line: string): string {
  return `## ${line}`
}

/** A name within a comment, on one line whatever it is. */
export function quotedName(name: string): string {
  return escapeJson(JSON.stringify(name))
}
