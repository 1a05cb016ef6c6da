/**
 * The members of an archive by name, packed into a few shared buffers: some 110 bytes a member with CloudTrail's names,
 * for any number of threads.
 */
import type { UnreadableReason } from '../core/findings.js'
import { compareMemberNames, type NameColumns } from './archive-names.js'

/** How a member's bytes lie in the archive; or why they are not read, one of `REFUSALS`. */
export type MemberForm = number

export const STORED: MemberForm = 0
/** Raw deflate, in a zip. */
export const DEFLATED: MemberForm = 1

export type RefusalName =
  | 'duplicate'
  | 'symbolicLink'
  | 'hardLink'
  | 'fifo'
  | 'device'
  | 'unsafeName'
  | 'disputedName'
  | 'contradictory'
  | 'continued'
  | 'encrypted'
  | 'method'
  | 'cut'
  | 'recorded'

export interface Refusal {
  readonly reason: UnreadableReason
  readonly detail: string
}

/** Members that are named and not read. `duplicate` is given by the index itself. */
const REFUSALS: Readonly<Record<RefusalName, Refusal>> = {
  duplicate: { reason: 'duplicate-name', detail: 'several members have this name' },
  symbolicLink: { reason: 'link', detail: 'symbolic link' },
  hardLink: { reason: 'link', detail: 'hard link' },
  fifo: { reason: 'link', detail: 'FIFO' },
  device: { reason: 'link', detail: 'device' },
  unsafeName: { reason: 'unsafe-name', detail: 'not a name that an object is read by' },
  disputedName: { reason: 'unsafe-name', detail: 'tools differ in the name that they give it' },
  contradictory: { reason: 'damaged-archive', detail: 'what stands before its bytes contradicts the directory' },
  continued: { reason: 'unsupported-member', detail: 'part of an archive of several volumes, or of a dump' },
  encrypted: { reason: 'unsupported-member', detail: 'encrypted' },
  method: { reason: 'unsupported-member', detail: 'compressed with another method than deflate' },
  cut: { reason: 'damaged-archive', detail: 'the archive ends within it' },
  recorded: { reason: 'io', detail: 'it could not be read when it was exported' },
}

const REFUSAL_NAMES: readonly string[] = Object.keys(REFUSALS)
const REFUSAL_LIST: readonly Refusal[] = Object.values(REFUSALS)
const FIRST_REFUSAL = 2
/** Set on a member that was counted as ignored. */
const COUNTED = 0x80

export function refusedAs(name: RefusalName): MemberForm {
  return FIRST_REFUSAL + REFUSAL_NAMES.indexOf(name)
}

/** What is found of a member while an archive is read through. */
export interface MemberFound {
  /** UTF-8, `/` between folders. */
  readonly name: Uint8Array
  readonly form: MemberForm
  /** Where its bytes begin. */
  readonly at: number
  readonly size: number
  /** Zip: bytes as stored. */
  readonly packed?: number
  readonly crc?: number
  /** Tar: how many blocks before its bytes its first header begins, where that carries metadata; else 0. */
  readonly blocksBefore?: number
}

/** The shared buffers: all that another thread needs. */
export interface PackedIndex extends Readonly<Record<ColumnName, SharedArrayBuffer>> {}

type ColumnName =
  | 'folders'
  | 'folderAt'
  | 'names'
  | 'nameAt'
  | 'folderOf'
  | 'at'
  | 'size'
  | 'packed'
  | 'extra'
  | 'forms'
  | 'order'

/** A buffer that grows in place: no copy is made on the way, nor at the end. */
class Column {
  readonly buffer: SharedArrayBuffer
  #length = 0
  #bytes: Uint8Array
  #view: DataView

  constructor(atMost: number) {
    this.buffer = new SharedArrayBuffer(0, { maxByteLength: Math.max(8, Math.min(atMost, MOST_BYTES)) })
    this.#bytes = new Uint8Array(this.buffer, 0, 0)
    this.#view = new DataView(this.buffer, 0, 0)
  }

  /** Makes room for so many bytes more; says where it begins. */
  #reserve(bytes: number): number {
    const start = this.#length
    this.#length += bytes
    if (this.#length > this.buffer.byteLength) {
      const { maxByteLength } = this.buffer
      if (this.#length > maxByteLength) throw new RangeError('an index of more than 4 GiB')
      const length = Math.min(maxByteLength, this.#length + Math.max(STEP, this.#length >>> 4))
      this.buffer.grow(length)
      this.#bytes = new Uint8Array(this.buffer, 0, length)
      this.#view = new DataView(this.buffer, 0, length)
    }
    return start
  }

  addBytes(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length)
    this.#bytes.set(bytes, start)
  }

  addUint8(value: number): void {
    const start = this.#reserve(1)
    this.#view.setUint8(start, value)
  }

  addUint32(value: number): void {
    const start = this.#reserve(4)
    this.#view.setUint32(start, value, true)
  }

  addFloat64(value: number): void {
    const start = this.#reserve(8)
    this.#view.setFloat64(start, value, true)
  }

  get length(): number {
    return this.#length
  }
}

/** No tool writes many of them: what follows is not read. */
export const MOST_REFUSED = 10_000
const STEP = 64 * 1024
const FOLDERS_REMEMBERED = 4096
const MOST_BYTES = 2 ** 32 - 8

/** Takes members in the order of the archive. */
export class ArchiveIndexBuilder {
  readonly #columns: Record<ColumnName, Column>
  readonly #isZip: boolean
  readonly #remembered = new Map<string, number>()
  #count = 0
  #refused = 0
  #folders = 0

  /** `members`: the most there can be; `nameBytes`: the most that their names can have. */
  constructor(members: number, nameBytes: number, isZip: boolean) {
    const of = (width: number): Column => new Column((members + 1) * width)
    this.#isZip = isZip
    this.#columns = {
      folders: new Column(nameBytes),
      folderAt: of(4),
      names: new Column(nameBytes),
      nameAt: of(4),
      folderOf: of(4),
      at: of(8),
      size: of(8),
      packed: of(isZip ? 8 : 0),
      extra: of(4),
      forms: of(1),
      order: of(4),
    }
  }

  get count(): number {
    return this.#count
  }

  /** How many members have names that are not safe, or that tools differ in. */
  get refused(): number {
    return this.#refused
  }

  /** A member under each name that it may get, none of which is read. Equal ones count once. */
  addRefused(names: readonly Uint8Array[], form: MemberForm, member: Pick<MemberFound, 'at' | 'size' | 'packed'>): void {
    this.#refused++
    for (const [index, name] of names.entries()) {
      if (name.length === 0 || names.findIndex((one) => Buffer.compare(one, name) === 0) < index) continue
      this.add({ ...member, name, form })
    }
  }

  add({ name, form, at, size, packed = 0, crc, blocksBefore = 0 }: MemberFound): void {
    const columns = this.#columns
    const slash = name.lastIndexOf(SLASH)
    columns.folderOf.addUint32(this.#folder(name.subarray(0, slash + 1)))
    columns.nameAt.addUint32(columns.names.length)
    columns.names.addBytes(name.subarray(slash + 1))
    columns.at.addFloat64(at)
    columns.size.addFloat64(size)
    if (this.#isZip) columns.packed.addFloat64(packed)
    columns.extra.addUint32(crc ?? blocksBefore)
    columns.forms.addUint8(form)
    columns.order.addUint32(this.#count++)
  }

  /** One of the folders before, if it is among the ones that are remembered; else a further one, equal or not. */
  #folder(bytes: Uint8Array): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const known = this.#remembered.get(text)
    if (known !== undefined) return known
    this.#columns.folderAt.addUint32(this.#columns.folders.length)
    this.#columns.folders.addBytes(bytes)
    if (this.#remembered.size >= FOLDERS_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(text, this.#folders)
    return this.#folders++
  }

  finish(): ArchiveIndex {
    this.#columns.folderAt.addUint32(this.#columns.folders.length)
    this.#columns.nameAt.addUint32(this.#columns.names.length)
    const buffers = Object.entries(this.#columns).map(([name, column]) => [name, column.buffer] as const)
    const index = new ArchiveIndex(Object.fromEntries(buffers) as unknown as PackedIndex, this.#count)
    index.sort()
    return index
  }
}

const SLASH = 0x2f

/** A member that was looked up. */
export interface Member {
  readonly form: MemberForm
  readonly refusal: Refusal | undefined
  /** Its records say what a store answered. */
  readonly isRecorded: boolean
  readonly at: number
  readonly size: number
  readonly packed: number
  /** Zip: the CRC-32. Tar: see `blocksBefore`. */
  readonly extra: number
}

/** Members in byte order of their names; each name once. */
export class ArchiveIndex {
  readonly buffers: PackedIndex
  readonly members: number
  /** How many different names there are: positions are below it. */
  count: number
  readonly #columns: NameColumns
  readonly #order: Uint32Array
  readonly #forms: Uint8Array
  readonly #at: Float64Array
  readonly #size: Float64Array
  readonly #packed: Float64Array
  readonly #extra: Uint32Array
  readonly #isZip: boolean
  #sharedLink: string | undefined
  #folderText = ''
  #folderTextOf = -1

  constructor(buffers: PackedIndex, members: number, count: number = members) {
    this.buffers = buffers
    this.members = members
    this.count = count
    this.#isZip = buffers.packed.byteLength > 0
    this.#columns = {
      folders: Buffer.from(buffers.folders, 0, buffers.folders.byteLength),
      folderAt: uint32(buffers.folderAt),
      names: Buffer.from(buffers.names, 0, buffers.names.byteLength),
      nameAt: uint32(buffers.nameAt),
      folderOf: uint32(buffers.folderOf),
    }
    this.#order = new Uint32Array(buffers.order, 0, members)
    this.#forms = new Uint8Array(buffers.forms, 0, members)
    this.#at = new Float64Array(buffers.at, 0, members)
    this.#size = new Float64Array(buffers.size, 0, members)
    this.#packed = new Float64Array(buffers.packed, 0, this.#isZip ? members : 0)
    this.#extra = new Uint32Array(buffers.extra, 0, members)
  }

  /** Puts the members in order; of those with one name one stays, marked as a duplicate. */
  sort(): void {
    const order = this.#order
    const byName = (a: number, b: number): number => compareMemberNames(this.#columns, a, b)
    let sorted = true
    for (let at = 1; at < order.length && sorted; at++) sorted = byName(order[at - 1] ?? 0, order[at] ?? 0) <= 0
    if (!sorted) order.sort(byName)
    let kept = 0
    let shared: number | undefined
    for (const member of order) {
      const before = order[kept - 1]
      const isSame = kept > 0 && before !== undefined && byName(before, member) === 0
      if (isSame && (isLink(this.#forms[before]) || isLink(this.#forms[member]))) shared ??= member
      // What could not be read was asked for again.
      if (isSame && this.#forms[before] === refusedAs('recorded')) order[kept - 1] = member
      else if (isSame) this.#forms[before] = refusedAs('duplicate')
      else order[kept++] = member
    }
    this.count = kept
    if (shared !== undefined) this.#sharedLink = this.#nameOf(shared)
  }

  /** A link through which tools write other members: they have its name, or lie below it. Undefined where there is none. */
  linkWithMembers(): string | undefined {
    if (this.#sharedLink !== undefined) return this.#sharedLink
    for (const [position, member] of this.#order.subarray(0, this.count).entries()) {
      if (!isLink(this.#forms[member])) continue
      const key = this.key(position)
      const below = this.firstFrom(`${key}/`)
      if (below < this.count && this.key(below).startsWith(`${key}/`)) return key
    }
    return undefined
  }

  /** The key at a position. */
  key(position: number): string {
    return this.#nameOf(this.#order[position] ?? 0)
  }

  #nameOf(member: number): string {
    const { folders, folderAt, names, nameAt, folderOf } = this.#columns
    const folder = folderOf[member] ?? 0
    if (folder !== this.#folderTextOf) {
      this.#folderText = folders.toString('utf8', folderAt[folder], folderAt[folder + 1])
      this.#folderTextOf = folder
    }
    return this.#folderText + names.toString('utf8', nameAt[member], nameAt[member + 1])
  }

  member(position: number): Member {
    const member = this.#order[position] ?? 0
    const form = (this.#forms[member] ?? 0) & ~COUNTED
    const refusal = REFUSAL_LIST[form - FIRST_REFUSAL]
    return {
      form,
      refusal,
      isRecorded: form === refusedAs('recorded'),
      at: this.#at[member] ?? 0,
      size: this.#size[member] ?? 0,
      packed: this.#packed[member] ?? 0,
      extra: this.#extra[member] ?? 0,
    }
  }

  /** The position of a key; -1 where there is none. */
  find(key: string): number {
    const bytes = Buffer.from(key)
    const position = this.#firstFrom(bytes)
    return position < this.count && this.#compareTo(position, bytes) === 0 ? position : -1
  }

  /** Position of the first key not before this one. */
  firstFrom(key: string): number {
    return this.#firstFrom(Buffer.from(key))
  }

  /** Marks a member as counted; whether it was not so before. */
  countOnce(position: number): boolean {
    const member = this.#order[position] ?? 0
    const form = this.#forms[member] ?? 0
    this.#forms[member] = form | COUNTED
    return (form & COUNTED) === 0
  }

  #firstFrom(bytes: Uint8Array): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compareTo(middle, bytes) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compareTo(position: number, key: Uint8Array): number {
    const { folders, folderAt, names, nameAt, folderOf } = this.#columns
    const member = this.#order[position] ?? 0
    const folder = folderOf[member] ?? 0
    const start = folderAt[folder] ?? 0
    const length = (folderAt[folder + 1] ?? 0) - start
    const first = Math.min(length, key.length)
    const difference = folders.compare(key, 0, first, start, start + first)
    if (difference !== 0) return difference
    if (length > key.length) return 1
    return names.compare(key, length, key.length, nameAt[member], nameAt[member + 1])
  }
}

const LINKS: readonly (MemberForm | undefined)[] = [refusedAs('symbolicLink'), refusedAs('hardLink')]

function isLink(form: MemberForm | undefined): boolean {
  return form === LINKS[0] || form === LINKS[1]
}

function uint32(buffer: SharedArrayBuffer): Uint32Array {
  return new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4))
}
