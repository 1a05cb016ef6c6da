import stringify from 'fast-json-stable-stringify'
import { escapeJson } from './escape.js'

/**
 * One record as JSON: keys in order of UTF-16 code units, no white space, so that equal records give equal bytes. Characters
 * that steer a terminal are written as `\uNNNN`. Never give it a collection that grows with the trail: a string has a largest size.
 */
export function stableJson(record: object | string): string {
  return escapeJson(stringify(record))
}
