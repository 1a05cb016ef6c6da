/** What the user typed after an option, as a value; InvalidArgumentError says what is allowed. */
import { InvalidArgumentError } from 'commander'
import { isAccountId, isRegion } from '../core/object-key.js'
import { parseTime } from '../core/time.js'

/** The original place of an export. */
export interface Place {
  readonly bucket: string
  /** Ends in `/`. */
  readonly prefix?: string
}

/** A trail, as its ARN names it. */
export interface TrailArn {
  readonly arn: string
  readonly homeRegion: string
  readonly accountId: string
  readonly name: string
}

const TRAIL_NAME = /^[A-Za-z0-9._-]{3,128}$/
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/
const TRAIL_ARN = /^arn:aws[a-z-]*:cloudtrail:([a-z0-9-]+):(\d{12}):trail\/([A-Za-z0-9._-]{3,128})$/

/** An option that takes one value: given twice is a mistake, and so is a value that looks like the next option. */
export function single<T>(parse: (value: string) => T): (value: string, previous: T | undefined) => T {
  return (value, previous) => {
    if (previous !== undefined) throw new InvalidArgumentError('It was given twice: give it once.')
    return parse(plainValue(value))
  }
}

/** An option that may be repeated, and takes `a,b,c`. */
export function several(parse: (value: string) => string): (value: string, previous: readonly string[] | undefined) => string[] {
  return (value, previous) => [...new Set([...(previous ?? []), ...plainValue(value).split(',').map(parse)])]
}

/** An option that takes one path, and may be repeated. */
export function paths(value: string, previous: readonly string[] | undefined): string[] {
  const path = plainValue(value)
  if (previous?.includes(path)) throw new InvalidArgumentError('It was given twice.')
  return [...(previous ?? []), path]
}

export function plainValue(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.')
  if (value.startsWith('-'))
    throw new InvalidArgumentError('It looks like an option: the value is missing. (A path may begin with ./)')
  return value
}

/** A share of all, from above 0 to 1. */
export function share(value: string): number {
  if (value === 'all') return 1
  const percent = /^\d{1,3}(?:\.\d{1,6})?%$/.test(value) ? Number(value.slice(0, -1)) : Number.NaN
  if (percent > 0 && percent <= 100) return percent / 100
  throw new InvalidArgumentError('Give a share such as 1% or 0.5%, or `all`.')
}

export function text(value: string): string {
  return value
}

export function time(value: string): Date {
  const ms = parseTime(value)
  if (ms !== undefined) return new Date(ms)
  throw new InvalidArgumentError(
    'Give an ISO 8601 time such as 2026-01-31T08:00:00Z, 2026-01-31T10:00+02:00 or 2026-01-31 (midnight UTC).',
  )
}

export function accountId(value: string): string {
  if (isAccountId(value)) return value
  throw new InvalidArgumentError('Give account ids of 12 digits, separated by commas.')
}

export function region(value: string): string {
  if (isRegion(value)) return value
  throw new InvalidArgumentError('Give region names such as us-east-1, separated by commas.')
}

export function trailName(value: string): string {
  if (TRAIL_NAME.test(value)) return value
  throw new InvalidArgumentError(
    'Give trail names (letters, digits, . _ -), separated by commas; for an ARN there is --trail-arn.',
  )
}

export function trailArn(value: string): TrailArn {
  const [, homeRegion = '', account = '', name = ''] = TRAIL_ARN.exec(value) ?? []
  if (isRegion(homeRegion)) return { arn: value, homeRegion, accountId: account, name }
  throw new InvalidArgumentError('Give an ARN such as arn:aws:cloudtrail:us-east-1:111122223333:trail/my-trail.')
}

/** A bucket and the prefix of its `AWSLogs/`; written as an s3:// URL is fine too. */
export function place(value: string): Place {
  const [, bucket = '', prefix = ''] = /^(?:s3:\/\/)?([^/]*)\/?(.*)$/s.exec(value) ?? []
  if (!BUCKET.test(bucket))
    throw new InvalidArgumentError('Give the name of a bucket, with its prefix where there is one: NAME[/PREFIX].')
  const trimmed = prefix.replace(/\/+$/, '')
  return trimmed === '' ? { bucket } : { bucket, prefix: `${trimmed}/` }
}

export function bucketName(value: string): string {
  if (BUCKET.test(value)) return value
  throw new InvalidArgumentError('Give the name of a bucket; for an s3:// URL there is no option: it is the source.')
}

export function endpointUrl(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value
  throw new InvalidArgumentError('Give a URL such as https://s3.example.com or http://127.0.0.1:9000.')
}

/** One of so many parts. */
export interface Shard {
  /** From 1. */
  readonly index: number
  readonly of: number
}

const MOST_SHARDS = 1_000_000

export function shard(value: string): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,7})\/(\d{1,7})$/.exec(value) ?? []).map(Number)
  if (index >= 1 && index <= of && of <= MOST_SHARDS) return { index, of }
  throw new InvalidArgumentError(`Give the part and how many there are, such as 3/12: 1/1 to ${MOST_SHARDS}/${MOST_SHARDS}.`)
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  }
}
