/** A page of ListObjectsV2, as we need it. */
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { walkXml } from './flat-xml.js'
import { encodeStrictly } from './signature-v4.js'

export interface ListQuery {
  readonly prefix: string
  readonly delimiter?: string
  /** Where to go on. */
  readonly token?: string
  readonly maxKeys?: number
}

export interface ListedKey {
  readonly key: string
  readonly size: number
  /** What `objectIdentity` says of it, where the listing tells enough. */
  readonly identity?: string
}

/**
 * What an object that is unchanged keeps: nobody but the store sets when it was last modified, to the second. Listings and answers
 * to reads must come to the same. Undefined where one of both is not told.
 */
export function objectIdentity(etag: string | undefined, lastModified: number | undefined): string | undefined {
  if (etag === undefined || etag === '' || lastModified === undefined || Number.isNaN(lastModified)) return undefined
  return `${Math.floor(lastModified / 1000)} ${etag.replaceAll('"', '')}`
}

function listedKey(key: string, size: number, etag: string | undefined, lastModified: number | undefined): ListedKey {
  const identity = objectIdentity(etag, lastModified)
  return identity === undefined ? { key, size } : { key, size, identity }
}

export interface ListPage {
  readonly objects: readonly ListedKey[]
  readonly prefixes: readonly string[]
  /** Whether names are URL-encoded: XML cannot say every key (control characters, for one). */
  readonly urlEncoded: boolean
  readonly truncated: boolean
  /** Where the next page begins. */
  readonly token: string | undefined
}

/** More than a thousand keys, the longest there are, with all that is said of them. */
export const LONGEST_LISTING: number = 8 * 1024 * 1024

/** Entries of a listing, wherever else they would be passed over. */
const GROUPS = /^(?:Contents|CommonPrefixes)$/

/** Undefined for whatever is not one whole listing in the form that S3 gives it. Never throws. */
export function parseListing(text: string): ListPage | undefined {
  const objects: ListedKey[] = []
  const prefixes: string[] = []
  const said = new Map<string, string>()
  let key: string | undefined
  let size: number | undefined
  let etag: string | undefined
  let modified: string | undefined
  const isWhole = walkXml(text, 'ListBucketResult', (open, content) => {
    const [, group = '', name] = open
    if (open.length !== 2 && GROUPS.test(open.at(-1) ?? '')) return false
    if (open.length === 3 && group === 'Contents') {
      if (name === 'Key') {
        if (key !== undefined) return false
        key = content
      } else if (name === 'Size') {
        if (size !== undefined || !/^\d{1,15}$/.test(content)) return false
        size = Number(content)
      } else if (name === 'ETag') etag = content
      else if (name === 'LastModified') modified = content
    } else if (open.length === 3 && group === 'CommonPrefixes') {
      if (name === 'Prefix') prefixes.push(content)
    } else if (open.length === 2 && group === 'Contents') {
      if (key === undefined || size === undefined) return false
      objects.push(listedKey(key, size, etag, modified === undefined ? undefined : Date.parse(modified)))
      key = undefined
      size = undefined
      etag = undefined
      modified = undefined
    } else if (open.length === 2 && group !== 'CommonPrefixes') {
      if (said.has(group)) return false
      said.set(group, content)
    }
    return true
  })
  const truncated = said.get('IsTruncated')
  if (!isWhole || (truncated !== 'true' && truncated !== 'false')) return undefined
  const token = said.get('NextContinuationToken')
  return { objects, prefixes, urlEncoded: said.get('EncodingType') === 'url', truncated: truncated === 'true', token }
}

/** The same of what the SDK read. */
export function pageOf(answer: ListObjectsV2CommandOutput): ListPage {
  const { Contents = [], CommonPrefixes = [], EncodingType, IsTruncated = false, NextContinuationToken: token } = answer
  return {
    objects: Contents.map(({ Key = '', Size = 0, ETag, LastModified }) => listedKey(Key, Size, ETag, LastModified?.getTime())),
    prefixes: CommonPrefixes.map(({ Prefix = '' }) => Prefix),
    urlEncoded: EncodingType === 'url',
    truncated: IsTruncated,
    token,
  }
}

/** The query of a request, percent-encoded and sorted, as a signature needs it. */
export function listingQuery({ prefix, delimiter, token, maxKeys }: ListQuery): string {
  const parts = [
    ['continuation-token', token],
    ['delimiter', delimiter],
    ['encoding-type', 'url'],
    ['list-type', '2'],
    ['max-keys', maxKeys],
    ['prefix', prefix],
  ] as const
  return parts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeStrictly(String(value))}`])).join('&')
}
