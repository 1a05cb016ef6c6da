/** Writes archives byte by byte: well-formed ones, and those that no tool writes. */
import { crc32, deflateRawSync } from 'node:zlib'

export interface TarMember {
  readonly name: string | Uint8Array
  readonly bytes?: Uint8Array
  /** @default '0' */
  readonly type?: string
  /** PAX records before it. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>
  /** The size that the header gives, where it is not that of `bytes`. */
  readonly size?: number
  /** The size in base-256. */
  readonly base256?: true
}

const BLOCK = 512

/** A tar of these members, with its end mark. Long names go into PAX headers. */
export function tar(members: Iterable<TarMember>, end: Uint8Array = Buffer.alloc(2 * BLOCK)): Buffer {
  const parts: Uint8Array[] = []
  for (const member of members) parts.push(...tarMember(member))
  return Buffer.concat([...parts, end])
}

export function* tarMember({ name, bytes = Buffer.alloc(0), type = '0', pax, size, base256 }: TarMember): Generator<Uint8Array> {
  const raw = Buffer.from(name)
  const records = { ...(raw.length > 100 ? { path: raw } : {}), ...pax }
  if (Object.keys(records).length > 0) {
    const body = paxRecords(records)
    yield tarHeader(Buffer.from('pax'), body.length, 'x')
    yield padded(body)
  }
  yield tarHeader(raw.subarray(0, 100), size ?? bytes.length, type, base256)
  yield padded(bytes)
}

export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const lines = Object.entries(records).map(([name, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${name}=`), Buffer.from(value), Buffer.from('\n')])
    let length = rest.length + 1
    while (String(length).length + rest.length > length) length++
    return Buffer.concat([Buffer.from(String(length)), rest])
  })
  return Buffer.concat(lines)
}

export function tarHeader(name: Uint8Array, size: number, type: string, base256?: true): Buffer {
  const block = Buffer.alloc(BLOCK)
  Buffer.from(name).copy(block, 0)
  block.write('0000644\0', 100)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  if (base256) {
    block.fill(0, 124, 136)
    block[124] = 0x80
    block.writeUIntBE(size, 130, 6)
  }
  block.write('00000000000\0', 136)
  block.write('        ', 148)
  block.write(type, 156)
  block.write('ustar\x0000', 257)
  return sealed(block)
}

/** Puts the checksum in. */
export function sealed(block: Buffer): Buffer {
  block.write('        ', 148)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)])
}

export interface ZipMember {
  readonly name: string | Uint8Array
  readonly bytes?: Uint8Array
  /** @default false */
  readonly deflate?: boolean
  readonly method?: number
  readonly flags?: number
  /** Unix mode with the file type. */
  readonly mode?: number
  readonly crc?: number
  readonly size?: number
  /** The name in the local header, where it is another. */
  readonly localName?: string
  readonly localMethod?: number
  /** Sizes in the local header. */
  readonly localSize?: number
  /** Behind what is deflated, and a part of it by the sizes. */
  readonly tail?: Uint8Array
  /** Of the system that made it. @default 3, Unix */
  readonly host?: number
  /** The name that a field of Info-ZIP's gives; `localUnicodePath`: only in the local header. */
  readonly unicodePath?: string
  readonly localUnicodePath?: string
  /** Bytes between it and the next one. */
  readonly behind?: Uint8Array
}

/** A zip of these members; `zip64`: with 64 bits for every number. */
export function zip(
  members: Iterable<ZipMember>,
  { zip64 = false, entries }: { zip64?: boolean; entries?: number } = {},
): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const member of members) {
    const bytes = Buffer.from(member.bytes ?? Buffer.alloc(0))
    const data = Buffer.concat([member.deflate === true ? deflateRawSync(bytes) : bytes, member.tail ?? Buffer.alloc(0)])
    const local = zipHeader(member, bytes, data, undefined, zip64)
    directory.push(zipHeader(member, bytes, data, at, zip64))
    const behind = Buffer.from(member.behind ?? Buffer.alloc(0))
    parts.push(local, data, behind)
    at += local.length + data.length + behind.length
  }
  const all = Buffer.concat(directory)
  const count = entries ?? directory.length
  return Buffer.concat([...parts, all, ...(zip64 ? [zip64End(count, all.length, at)] : []), zipEnd(count, all.length, at, zip64)])
}

function zipHeader(member: ZipMember, bytes: Buffer, data: Buffer, at: number | undefined, zip64: boolean): Buffer {
  const central = at !== undefined
  const name = Buffer.from(central ? member.name : (member.localName ?? member.name))
  const size = member.size ?? bytes.length
  let extra = zip64 ? Buffer.alloc(central ? 28 : 20) : Buffer.alloc(0)
  if (zip64) {
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(extra.length - 4, 2)
    extra.writeBigUInt64LE(BigInt(size), 4)
    extra.writeBigUInt64LE(BigInt(data.length), 12)
    if (central) extra.writeBigUInt64LE(BigInt(at), 20)
  }
  const unicodePath = member.unicodePath ?? (central ? undefined : member.localUnicodePath)
  if (unicodePath !== undefined) extra = Buffer.concat([extra, unicodePathField(name, unicodePath)])
  const head = Buffer.alloc(central ? 46 : 30)
  const shift = central ? 2 : 0
  head.writeUInt32LE(central ? 0x02014b50 : 0x04034b50, 0)
  if (central) head.writeUInt16LE(((member.host ?? 3) << 8) | 45, 4)
  head.writeUInt16LE(zip64 ? 45 : 20, 4 + shift)
  head.writeUInt16LE(member.flags ?? 0x800, 6 + shift)
  const method = member.method ?? (member.deflate === true ? 8 : 0)
  head.writeUInt16LE(central ? method : (member.localMethod ?? method), 8 + shift)
  head.writeUInt32LE(member.crc ?? crc32(bytes), 14 + shift)
  const said = central ? undefined : member.localSize
  head.writeUInt32LE(zip64 ? 0xffffffff : (said ?? data.length), 18 + shift)
  head.writeUInt32LE(zip64 ? 0xffffffff : (said ?? size), 22 + shift)
  head.writeUInt16LE(name.length, 26 + shift)
  head.writeUInt16LE(extra.length, 28 + shift)
  if (central) {
    head.writeUInt32LE(((member.mode ?? 0o100644) << 16) >>> 0, 38)
    head.writeUInt32LE(zip64 ? 0xffffffff : at, 42)
  }
  return Buffer.concat([head, name, extra])
}

function unicodePathField(name: Uint8Array, path: string): Buffer {
  const data = Buffer.from(path)
  const field = Buffer.alloc(9)
  field.writeUInt16LE(0x7075, 0)
  field.writeUInt16LE(5 + data.length, 2)
  field[4] = 1
  field.writeUInt32LE(crc32(name), 5)
  return Buffer.concat([field, data])
}

function zip64End(count: number, length: number, at: number): Buffer {
  const end = Buffer.alloc(56 + 20)
  end.writeUInt32LE(0x06064b50, 0)
  end.writeBigUInt64LE(44n, 4)
  end.writeUInt16LE(45, 14)
  end.writeBigUInt64LE(BigInt(count), 24)
  end.writeBigUInt64LE(BigInt(count), 32)
  end.writeBigUInt64LE(BigInt(length), 40)
  end.writeBigUInt64LE(BigInt(at), 48)
  end.writeUInt32LE(0x07064b50, 56)
  end.writeBigUInt64LE(BigInt(at + length), 64)
  end.writeUInt32LE(1, 72)
  return end
}

function zipEnd(count: number, length: number, at: number, zip64: boolean): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(zip64 ? 0xffff : count, 8)
  end.writeUInt16LE(zip64 ? 0xffff : count, 10)
  end.writeUInt32LE(zip64 ? 0xffffffff : length, 12)
  end.writeUInt32LE(zip64 ? 0xffffffff : at, 16)
  return end
}
