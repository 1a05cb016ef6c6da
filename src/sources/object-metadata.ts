/** The metadata that an export keeps of an object, wherever that is: what counts of it, and where it came from. */
import { isOfCloudTrail } from '../core/digest-metadata.js'
import { isJsonObject, parseJson } from '../core/json.js'
import { isInflatedName } from '../core/object-key.js'
import { readMetadata } from './metadata-file.js'
import { SIDECAR_SUFFIX } from './object-names.js'
import type { ReadAnswer, ReadObject } from './source.js'

type Metadata = Readonly<Record<string, string>>

/** `aws s3api head-object` prints about 1 KB for a digest. */
const MOST_SIDECAR_BYTES = 64 * 1024

/** The names that an object may have had: what was inflated had `.gz` behind. */
export function deliveredNames(key: string): string[] {
  return isInflatedName(baseName(key)) ? [key, `${key}.gz`] : [key]
}

/**
 * What a file beside an object gives to it: its metadata, or why none can be taken from there. `names`: those that the object may
 * have; `read`: reads a file.
 */
export function withSidecar(object: ReadObject, names: readonly string[], read: (key: string) => ReadAnswer): ReadObject {
  let found = object
  for (const name of names) {
    const answer = read(name + SIDECAR_SUFFIX)
    if (answer.kind === 'missing') continue
    const metadata = metadataIn(answer, name)
    found = { ...object, ...sidecarOf(answer, name) }
    if (typeof metadata === 'string') return { ...found, unusableMetadata: metadata }
    if (isOfCloudTrail(metadata)) return { ...found, metadata, metadataFrom: 'sidecar' }
  }
  return found
}

function sidecarOf(answer: ReadAnswer, name: string): Pick<ReadObject, 'sidecar'> {
  if (answer.kind !== 'object' || !(answer.body instanceof Uint8Array)) return {}
  return { sidecar: { key: name + SIDECAR_SUFFIX, bytes: answer.body } }
}

/** A string says why there is none. */
function metadataIn(answer: Exclude<ReadAnswer, { readonly kind: 'missing' }>, key: string): Metadata | string {
  if (answer.kind === 'unreadable') return answer.reason
  const { body } = answer
  if (!(body instanceof Uint8Array) || body.length > MOST_SIDECAR_BYTES) return `more than ${MOST_SIDECAR_BYTES} bytes`
  return parseSidecar(body, key)
}

/** What `aws s3api head-object` prints, or a plain map from names to values. A string says what is wrong. */
function parseSidecar(bytes: Uint8Array, key: string): Metadata | string {
  const json = parseJson(bytes)
  if (!json.ok) return json.reason
  if (!isJsonObject(json.value)) return 'not a JSON object'
  const { Key: named, Metadata: given = json.value } = json.value
  if (named !== undefined && named !== key && !(typeof named === 'string' && named.endsWith(`/${baseName(key)}`)))
    return 'it names another object'
  return isJsonObject(given) ? readMetadata(given) : '"Metadata" is not an object'
}

function baseName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
