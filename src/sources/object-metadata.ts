/** The metadata that an export keeps of an object, wherever that is: what counts of it, and where it came from. */
import { isOfCloudTrail } from '../core/digest-metadata.js'
import { isJsonObject, parseJson } from '../core/json.js'
import { readMetadata } from './metadata-file.js'
import { SIDECAR_SUFFIX } from './object-names.js'
import type { ReadAnswer, ReadObject } from './source.js'

type Metadata = Readonly<Record<string, string>>

/** `aws s3api head-object` prints about 1 KB for a digest. */
const MOST_SIDECAR_BYTES = 64 * 1024

/** What the file beside an object gives to it: its metadata, or why none can be taken from there. `read`: reads that file. */
export function withSidecar(object: ReadObject, key: string, read: (key: string) => ReadAnswer): ReadObject {
  const answer = read(key + SIDECAR_SUFFIX)
  if (answer.kind === 'missing') return object
  if (answer.kind === 'unreadable') return { ...object, unusableMetadata: answer.reason }
  if (!(answer.body instanceof Uint8Array) || answer.body.length > MOST_SIDECAR_BYTES)
    return { ...object, unusableMetadata: `more than ${MOST_SIDECAR_BYTES} bytes` }
  const metadata = parseSidecar(answer.body, key)
  if (typeof metadata === 'string') return { ...object, unusableMetadata: metadata }
  return isOfCloudTrail(metadata) ? { ...object, metadata, metadataFrom: 'sidecar' } : object
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
