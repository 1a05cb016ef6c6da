/**
 * Which log files of an account and region a part of a run takes, where its months are split over parts: by the folder that they lie in.
 * Digests are not split: each part reads and judges the whole chain, so that what a log file is worth does not depend on the parts.
 */
import { isOrganizationId } from '../core/object-key.js'
import type { Days } from './day-listing.js'

/** Half-open, `YYYY-MM`; null: no limit. What lies in no month's folder goes to the part without `from`. */
export interface Months {
  readonly from: string | null
  readonly to: string | null
}

const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/

export function isMonth(text: string): boolean {
  return MONTH.test(text)
}

export function isIn({ from, to }: Months, month: string): boolean {
  return (from === null || month >= from) && (to === null || month < to)
}

/** By where a key lies below the folder of its region; empty: in no month. */
export function monthBelow(rest: string): string {
  const [, year, month] = /^(\d{4})\/(\d{2})\//.exec(rest) ?? []
  return month === undefined ? '' : `${year}-${month}`
}

/** By the key that a digest gives. Undefined where a key may be read in two ways: then nothing is split. */
export function monthOfKey(key: string): string | undefined {
  const at = key.indexOf('AWSLogs/')
  if (at === -1) return ''
  if (key.includes('AWSLogs/', at + 1)) return undefined
  // AWSLogs/[organization/]account/family/region/YYYY/MM/
  const folders = key.slice(at).split('/')
  return monthBelow(folders.slice(isOrganizationId(folders[1] ?? '') ? 5 : 4).join('/'))
}

/** The days of the folders that may hold log files of these months. */
export function daysIn({ from, to }: Months, { first, last }: Days): Days {
  const start = from === null ? null : startOf(from)
  const end = to === null ? null : startOf(to) - 1
  return {
    first: start === null || (first !== null && first > start) ? first : start,
    last: end === null || (last !== null && last < end) ? last : end,
  }
}

export function monthAt(time: number): string {
  return new Date(time).toISOString().slice(0, 7)
}

function startOf(month: string): number {
  return Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1)
}
