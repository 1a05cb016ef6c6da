/** One header block of a tar, and the records of a PAX header. Pure: bytes to values. */

export const BLOCK = 512

export interface TarHeader {
  /** As stored in this block; a header before it may give another. */
  readonly name: Uint8Array
  readonly size: number
  readonly type: string
  /** What tools take for something else than each other; null where there is nothing. */
  readonly disputed: string | null
}

/** Undefined: not a header (its checksum is not that of the block, or its size is none). */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  const stored = parseOctal(block.subarray(148, 156))
  if (stored === undefined || !hasChecksum(block, stored)) return undefined
  const size = parseNumber(block.subarray(124, 136))
  if (size === undefined) return undefined
  const type = String.fromCharCode(block[156] ?? 0)
  const isUstar = hasMagic(block, USTAR)
  const prefix = upToNul(block.subarray(345, 500))
  const name = upToNul(block.subarray(0, 100))
  const isNameDisputed = !isUstar && prefix.length > 0 && !hasGnuTimes(block)
  return {
    name: isUstar && prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name,
    size,
    type,
    disputed: isNameDisputed ? 'a prefix, and its format has none' : hasNumbers(block) ? null : 'numbers that are none',
  }
}

/** Where GNU tar keeps times, in the format that is its own, and nothing else. */
function hasGnuTimes(block: Uint8Array): boolean {
  return (
    hasMagic(block, GNU) &&
    GNU_TIMES.test(Buffer.from(block.subarray(345, 369)).toString('latin1')) &&
    block.subarray(369, 500).every((byte) => byte === 0)
  )
}

const GNU_TIMES = /^(?:[0-7]{11}[\0 ]|\0{12}){2}$/

/** Mode, owner, group and time, where some tools stop at what is no number. */
function hasNumbers(block: Uint8Array): boolean {
  return NUMBERS.every(([at, end]) => {
    const first = block[at] ?? 0
    return first === 0x80 || first === 0xff || parseOctal(block.subarray(at, end)) !== undefined
  })
}

const NUMBERS: readonly (readonly [number, number])[] = [
  [100, 108],
  [108, 116],
  [116, 124],
  [136, 148],
]

/** Octal with spaces or zeros around it, or GNU's base-256. Undefined: neither, or more than is safe to count with. */
function parseNumber(field: Uint8Array): number | undefined {
  const first = field[0] ?? 0
  if (first === 0x80) {
    let value = 0
    for (const byte of field.subarray(1)) value = value * 256 + byte
    return Number.isSafeInteger(value) ? value : undefined
  }
  return parseOctal(field)
}

function parseOctal(field: Uint8Array): number | undefined {
  let at = 0
  while (field[at] === SPACE) at++
  let value = 0
  for (let digit = (field[at] ?? 0) - ZERO; digit >= 0 && digit < 8; digit = (field[++at] ?? 0) - ZERO) value = value * 8 + digit
  while (field[at] === SPACE || field[at] === 0) at++
  return at === field.length && Number.isSafeInteger(value) ? value : undefined
}

const SPACE = 0x20
const ZERO = 0x30

/** The sum of all bytes, those of the checksum itself taken as spaces; some old tars took bytes as signed. */
function hasChecksum(block: Uint8Array, stored: number): boolean {
  let unsigned = 8 * 0x20
  let signed = unsigned
  for (let at = 0; at < BLOCK; at++) {
    if (at === 148) at = 156
    const byte = block[at] ?? 0
    unsigned += byte
    signed += byte < 128 ? byte : byte - 256
  }
  return stored === unsigned || stored === signed
}

const USTAR = [...Buffer.from('ustar\0')]
const GNU = [...Buffer.from('ustar  \0')]

function hasMagic(block: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => block[257 + index] === byte)
}

/** The bytes before the first NUL. */
export function upToNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0)
  return end === -1 ? field : field.subarray(0, end)
}

/** Records of a PAX header, `LENGTH NAME=VALUE\n`. Undefined: not such records, or two of one name, of which tools take one or the other. */
export function parsePax(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> | undefined {
  const records = new Map<string, Uint8Array>()
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const digits = space === -1 ? '' : Buffer.from(bytes.subarray(at, Math.min(space, at + 12))).toString('latin1')
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0
    const end = at + length
    const equals = bytes.indexOf(0x3d, space)
    if (length === 0 || end > bytes.length || bytes[end - 1] !== 0x0a || equals === -1 || equals >= end) return undefined
    const name = Buffer.from(bytes.subarray(space + 1, equals)).toString()
    if (records.has(name)) return undefined
    records.set(name, bytes.subarray(equals + 1, end - 1))
    at = end
  }
  return records
}

const XATTR = 'SCHILY.xattr.user.'
/** bsdtar's second form: the name percent-encoded, the value in base64. */
const ENCODED_XATTR = 'LIBARCHIVE.xattr.user.'

/** Whether PAX records carry extended attributes of a user. */
export function hasAttributes(records: ReadonlyMap<string, Uint8Array>): boolean {
  for (const name of records.keys()) if (name.startsWith(XATTR) || name.startsWith(ENCODED_XATTR)) return true
  return false
}

/** The extended attributes of a user: S3 metadata, as rclone and others save it. Undefined where there are none. */
export function attributesOf(records: ReadonlyMap<string, Uint8Array>): Readonly<Record<string, string>> | undefined {
  const found = new Map<string, string>()
  for (const [name, value] of records) {
    if (!name.startsWith(ENCODED_XATTR)) continue
    found.set(decodeName(name.slice(ENCODED_XATTR.length)), Buffer.from(Buffer.from(value).toString(), 'base64').toString())
  }
  for (const [name, value] of records) {
    if (name.startsWith(XATTR)) found.set(name.slice(XATTR.length).toLowerCase(), Buffer.from(value).toString())
  }
  return found.size === 0 ? undefined : Object.fromEntries(found)
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name).toLowerCase()
  } catch {
    return name.toLowerCase()
  }
}
