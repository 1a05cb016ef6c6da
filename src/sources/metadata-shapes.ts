/** The shapes in which tools print or save the metadata of objects, each read into entries: a name, and its metadata. */
import { isJsonObject, parseJson, quoteText } from '../core/json.js'
import { parseCsv } from './csv.js'

/** What one entry says. `name`: `bucket/key`, `s3://bucket/key` or a key. */
export interface MetadataEntry {
  readonly name: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export type ShapeAnswer =
  | { readonly ok: true; readonly entries: readonly MetadataEntry[] }
  | { readonly ok: false; readonly reason: string }

/**
 * JSON of one object from names to metadata; JSON records of one object each (`aws s3api head-object` with a `Key`, `rclone lsjson -M`,
 * `{key, metadata}`), in an array, one a line, or one after the other; the text of `getfattr -R -d`; CSV with the columns `key` and
 * `user_metadata`. Never throws.
 */
export function readShapes(bytes: Uint8Array): ShapeAnswer {
  const start = Buffer.from(bytes.subarray(0, 64))
    .toString()
    .replace(/^\ufeff/, '')
    .trimStart()
  if (start.startsWith('#')) return readGetfattr(Buffer.from(bytes).toString())
  if (!/^[[{]/.test(start)) return readTable(Buffer.from(bytes).toString())
  const whole = parseJson(bytes)
  if (whole.ok) return readJson(whole.value)
  const values = splitValues(bytes)
  if (values.length < 2) return whole
  const entries: MetadataEntry[] = []
  for (const [index, value] of values.entries()) {
    const json = parseJson(value)
    const answer = json.ok ? readRecord(json.value) : json.reason
    if (typeof answer === 'string') return refuse(`record ${index + 1}: ${answer}`)
    entries.push(answer)
  }
  return { ok: true, entries }
}

function refuse(reason: string): ShapeAnswer {
  return { ok: false, reason }
}

function readJson(value: unknown): ShapeAnswer {
  if (Array.isArray(value)) return readRecords(value)
  if (!isJsonObject(value)) return refuse('not a JSON object')
  if (isRecord(value)) return readRecords([value])
  const entries: MetadataEntry[] = []
  for (const [name, metadata] of Object.entries(value)) {
    if (!isJsonObject(metadata)) return refuse(`the entry ${quoteText(name)} is not an object`)
    entries.push({ name, metadata })
  }
  return { ok: true, entries }
}

/** A name is text in a record, and an object's in a map from names to metadata. */
function isRecord(value: Readonly<Record<string, unknown>>): boolean {
  return NAMES.some((field) => typeof value[field] === 'string') || isJsonObject(value['Metadata'])
}

function readRecords(values: readonly unknown[]): ShapeAnswer {
  const entries: MetadataEntry[] = []
  for (const [index, value] of values.entries()) {
    // Of rclone: a folder.
    if (isJsonObject(value) && value['IsDir'] === true) continue
    const entry = readRecord(value)
    if (typeof entry === 'string') return refuse(`record ${index + 1}: ${entry}`)
    entries.push(entry)
  }
  return { ok: true, entries }
}

const NAMES = ['key', 'Key', 'Path'] as const

/** A string says what is wrong. */
function readRecord(value: unknown): MetadataEntry | string {
  if (!isJsonObject(value)) return 'not an object'
  const key = NAMES.map((field) => value[field]).find((name) => typeof name === 'string' && name !== '')
  const bucket = value['bucket'] ?? value['Bucket']
  const told = value['metadata'] ?? value['Metadata'] ?? value['user_metadata'] ?? {}
  // Athena prints a map as text.
  const metadata = typeof told === 'string' ? readMap(told) : told
  if (typeof key !== 'string') return 'it names no object: give it a "Key", or save it beside the object as KEY.metadata.json'
  if (!isJsonObject(metadata)) return `the metadata of ${quoteText(key)} is not an object`
  return { name: typeof bucket === 'string' ? `s3://${bucket}/${key}` : key, metadata }
}

/** JSON values one after the other: where an object ends that nothing encloses. */
function splitValues(bytes: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = []
  let depth = 0
  let start = 0
  let inText = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === OPEN) depth++
    else if (byte === CLOSE && --depth === 0) {
      values.push(bytes.subarray(start, at + 1))
      start = at + 1
    }
  }
  if (Buffer.from(bytes.subarray(start)).toString().trim() !== '') values.push(bytes.subarray(start))
  return values
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d

/** `# file: NAME`, then `user.NAME="VALUE"` a line; values also as `0sBASE64` and `0xHEX`. */
function readGetfattr(text: string): ShapeAnswer {
  const entries: MetadataEntry[] = []
  let metadata: Record<string, string> | undefined
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const file = /^# file: (.+)$/.exec(line)?.[1]
    const attribute = /^user\.([^=]+)=(.*)$/.exec(line)
    if (file !== undefined) {
      metadata = {}
      entries.push({ name: unescapeOctal(file).replace(/^(?:\.?\/)+/, ''), metadata })
    } else if (attribute !== null && metadata !== undefined) {
      const value = attributeValue(attribute[2] ?? '')
      if (value === undefined) return refuse(`line ${index + 1}: a value that is none of getfattr's: ${quoteText(line)}`)
      metadata[unescapeOctal(attribute[1] ?? '')] = value
    } else if (line.trim() !== '' && !line.startsWith('#') && attribute === null && !/^[a-z]+\./.test(line)) {
      return refuse(`line ${index + 1} is none of getfattr's: ${quoteText(line)}`)
    }
  }
  return { ok: true, entries }
}

function attributeValue(text: string): string | undefined {
  if (text.startsWith('0s')) return Buffer.from(text.slice(2), 'base64').toString()
  if (text.startsWith('0x')) return Buffer.from(text.slice(2), 'hex').toString()
  const quoted = /^"(.*)"$/.exec(text)?.[1]
  return quoted === undefined ? undefined : unescapeOctal(quoted)
}

/** `\ooo` is a byte, any other character behind a backslash is itself. */
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text
  const latin = Buffer.from(text).toString('latin1')
  const bytes = latin.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8) & 0xff) : code,
  )
  return Buffer.from(bytes, 'latin1').toString()
}

/** A table as Athena saves it: a map is written `{name=value, name=value}`, or as JSON. */
function readTable(text: string): ShapeAnswer {
  const [header = [], ...rows] = parseCsv(text)
  const column = (...names: readonly string[]): number => header.findIndex((name) => names.includes(name.trim().toLowerCase()))
  const [bucket, key, metadata] = [column('bucket'), column('key', 'object_key'), column('user_metadata', 'metadata')]
  if (key === -1 || metadata === -1)
    return refuse('neither JSON, nor what getfattr -R -d prints, nor CSV with the columns "key" and "user_metadata"')
  const entries: MetadataEntry[] = []
  for (const [index, row] of rows.entries()) {
    const name = row[key] ?? ''
    if (row.length === 1 && name === '') continue
    const read = readMap(row[metadata] ?? '')
    if (name === '' || read === undefined) return refuse(`row ${index + 2} has no key, or metadata that are no map`)
    const place = bucket === -1 || (row[bucket] ?? '') === '' ? name : `s3://${row[bucket]}/${name}`
    entries.push({ name: place, metadata: read })
  }
  return { ok: true, entries }
}

function readMap(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '' || text === 'null') return {}
  const json = parseJson(Buffer.from(text))
  if (json.ok) return isJsonObject(json.value) ? json.value : undefined
  const inside = /^\{(.*)\}$/s.exec(text)?.[1]
  if (inside === undefined) return undefined
  const pairs = inside.split(/,\s*(?=[A-Za-z0-9-]+=)/).map((pair) => /^\s*([^=]+)=(.*)$/s.exec(pair))
  return pairs.includes(null) ? undefined : Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}
