/** Reads the headers of a tar from end to end: every member's name, and where its bytes lie. */
import { isUtf8 } from 'node:buffer'
import { ArchiveIndexBuilder, type MemberForm, MOST_REFUSED, refusedAs, STORED } from './archive-index.js'
import { keysWhereExtracted, memberKey } from './archive-names.js'
import { ANSWER, type ExportedRoot, KEY, LOCK, OBJECTS_FOLDER, parseRoots } from './export-records.js'
import type { ReadAt } from './read-at.js'
import { BLOCK, hasAttributes, parsePax, parseTarHeader, type TarHeader, upToNul } from './tar-header.js'

/** Names and attributes take no more; what does is no header of any tool. */
const MOST_HEADER_BYTES = 1024 * 1024
const WINDOW = 32 * 1024
const MOST_NAME_BYTES = 64 * 1024
/** That a member may have, where tools differ. */
const NAMES_OF_ONE = 5

export interface TarMembers {
  readonly builder: ArchiveIndexBuilder
  /** Why what follows the members that were found cannot be told; null where all was read. */
  readonly damage: string | null
  /** Where `verify-trail export` wrote it: the folders of its sources. */
  readonly roots: readonly ExportedRoot[] | null
}

/**
 * All members. Goes on after end marks, as `tar -i` does: archives that were put one after the other are read whole. Where tools
 * would differ in what comes next, nothing more is read and that is the damage.
 */
export function readTarMembers(read: ReadAt, size: number): TarMembers {
  const reader = new TarReader(read, size)
  const damage = reader.run()
  return { builder: reader.builder, damage, roots: reader.roots }
}

/** Records of a tar's headers at a member: those of its PAX header. For a member that was found to carry attributes. */
export function readPaxAt(read: ReadAt, position: number, end: number): ReadonlyMap<string, Uint8Array> | undefined {
  const block = Buffer.alloc(BLOCK)
  for (let at = position; at < end; ) {
    if (read(block, at) < BLOCK) return undefined
    const header = parseTarHeader(block)
    if (header === undefined || header.size > MOST_HEADER_BYTES) return undefined
    if (header.type === 'x' || header.type === 'X') {
      const bytes = Buffer.alloc(header.size)
      return read(bytes, at + BLOCK) < bytes.length ? undefined : parsePax(bytes)
    }
    at += BLOCK + padded(header.size)
  }
  return undefined
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

/** What the headers before a member say of it. */
interface Extensions {
  start: number
  name?: Uint8Array
  size?: number
  attributes: boolean
  key?: Uint8Array
  isAnswer?: boolean
}

/** The structure ends here. */
class Damage extends Error {}

class TarReader {
  readonly builder: ArchiveIndexBuilder
  roots: readonly ExportedRoot[] | null = null
  readonly #read: ReadAt
  readonly #size: number
  #window = Buffer.alloc(WINDOW)
  #windowAt = -1
  #windowLength = 0
  #at = 0
  #ended = false
  #extensions: Extensions | undefined
  #isNamed = false

  constructor(read: ReadAt, size: number) {
    this.#read = read
    this.#size = size
    this.builder = new ArchiveIndexBuilder(NAMES_OF_ONE * Math.ceil(size / BLOCK), NAMES_OF_ONE * size, false)
  }

  run(): string | null {
    try {
      while (this.#at < this.#size) this.#next()
    } catch (error) {
      if (error instanceof Damage) return error.message
      throw error
    }
    if (this.#extensions !== undefined) return 'it ends after a header that announces a member'
    return this.#ended ? null : 'it has no end mark: it was cut off, at the end of a member'
  }

  #next(): void {
    const block = this.#block(this.#at)
    if (isZero(block)) {
      if (this.#extensions !== undefined) throw new Damage(`no member follows the header at ${this.#extensions.start}`)
      this.#ended = true
      this.#at += BLOCK
      return
    }
    const header = parseTarHeader(block)
    if (header === undefined) throw new Damage(`no tar header at byte ${this.#at}`)
    if (header.disputed !== null)
      throw new Damage(`the header at byte ${this.#at} has ${header.disputed}: tools differ in what they make of it`)
    if (this.roots !== null && !OF_EXPORTS.has(header.type))
      throw new Damage(`the header at byte ${this.#at} is of type ${header.type}, which no export has`)
    if (header.type === 'S') throw sparse(this.#at)
    this.#ended = false
    if (DISPUTED.has(header.type))
      throw new Damage(`the header at byte ${this.#at} is of type ${header.type}: some tools skip it, others write a file`)
    if (EXTENSIONS.has(header.type)) this.#extend(header)
    else this.#member(header)
  }

  #block(at: number): Buffer {
    if (this.#windowAt < 0 || at < this.#windowAt || at + BLOCK > this.#windowAt + this.#windowLength) {
      this.#windowAt = at
      this.#windowLength = this.#read(this.#window, at)
      if (this.#windowLength < BLOCK) throw new Damage(`it ends within a header, at byte ${at}`)
    }
    return this.#window.subarray(at - this.#windowAt, at - this.#windowAt + BLOCK)
  }

  #extend({ type, size }: TarHeader): void {
    if (size > MOST_HEADER_BYTES) throw new Damage(`the header at byte ${this.#at} has ${size} bytes`)
    if (isNaming(type) && this.#isNamed)
      throw new Damage(`two headers before byte ${this.#at} may name one member: tools differ in which counts`)
    this.#isNamed ||= isNaming(type)
    const bytes = Buffer.alloc(size)
    if (this.#read(bytes, this.#at + BLOCK) < size) throw new Damage(`it ends within a header, at byte ${this.#at}`)
    const extensions = type === 'g' ? undefined : this.#extended()
    if (extensions !== undefined && type === 'L') extensions.name = upToNul(bytes)
    if (type === 'x' || type === 'X' || type === 'g') this.#pax(bytes, extensions)
    this.#at += BLOCK + padded(size)
  }

  #extended(): Extensions {
    this.#extensions ??= { start: this.#at, attributes: false }
    return this.#extensions
  }

  /** `extensions` undefined: a header for all members, which may not say what each is. */
  #pax(bytes: Uint8Array, extensions: Extensions | undefined): void {
    const records = parsePax(bytes)
    if (records === undefined) throw new Damage(`the PAX header at byte ${this.#at} is none`)
    if ([...records.keys()].some((name) => name.startsWith('GNU.sparse.'))) throw sparse(this.#at)
    const name = records.get('path')
    const size = records.get('size')
    if (extensions === undefined) {
      if (name !== undefined || size !== undefined)
        throw new Damage(`the PAX header at byte ${this.#at} gives all members one name or size`)
      if (this.#at === 0) this.roots = parseRoots(records) ?? null
      return
    }
    if (name !== undefined && name.length > 0) extensions.name = name
    if (size !== undefined) extensions.size = this.#sizeOf(size)
    extensions.attributes ||= hasAttributes(records)
    if (this.roots !== null) readExportRecords(records, extensions)
  }

  #sizeOf(record: Uint8Array): number {
    const text = Buffer.from(record).toString('latin1')
    const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(size)) throw new Damage(`the PAX header at byte ${this.#at} gives no usable size`)
    return size
  }

  #member(header: TarHeader): void {
    const extensions = this.#extensions
    this.#extensions = undefined
    this.#isNamed = false
    const name = extensions?.name ?? header.name
    const size = this.#memberSize(header, extensions)
    const at = this.#at + BLOCK
    if (header.type === 'V' && (extensions?.name ?? extensions?.size) !== undefined)
      throw new Damage(`the headers before the volume label at byte ${this.#at} are for some about what follows it`)
    if (isOldFolder(header.type, header.name) && (size > 0 || extensions?.name !== undefined))
      throw new Damage(`the member at byte ${this.#at} is a folder for some, and a file for others`)
    if (name.length > MOST_NAME_BYTES) throw new Damage(`the name of the member at byte ${this.#at} has ${name.length} bytes`)
    if (BODILESS.has(header.type) && size > 0)
      throw new Damage(`the member at byte ${this.#at} is no file and has ${size} bytes: tools differ in what follows it`)
    if (extensions?.isAnswer === true && size > 0)
      throw new Damage(`the member at byte ${this.#at} is said not to be there, and has ${size} bytes`)
    if (this.roots !== null && !isOfExport(name, extensions))
      throw new Damage(`the member at byte ${this.#at} is none that an export has`)
    const whole = at + size <= this.#size
    if (!isFolder(header.type, name, size))
      this.#add(name, whole ? formOf(header.type, extensions) : refusedAs('cut'), { at, size, extensions })
    if (this.builder.refused > MOST_REFUSED) throw new Damage(`more than ${MOST_REFUSED} members have names that no tool writes`)
    this.#at = at + padded(size)
    if (!whole) throw new Damage(`it ends within the member at byte ${at}`)
    if (this.#at > this.#size) throw new Damage('it ends without an end mark')
  }

  #memberSize(header: TarHeader, extensions: Extensions | undefined): number {
    const size = extensions?.size ?? header.size
    if (size !== header.size && size < OCTAL_SIZES)
      throw new Damage(`the member at byte ${this.#at} has two sizes: tools differ in what follows it`)
    return size
  }

  #add(name: Uint8Array, form: MemberForm, { at, size, extensions }: MemberPlace): void {
    const { key, isSafe } = extensions?.key === undefined ? memberKey(name) : { key: extensions.key, isSafe: true }
    if (!isSafe) {
      const refused = form === STORED ? refusedAs('unsafeName') : form
      this.builder.addRefused([key, ...keysWhereExtracted(name)], refused, { at, size })
    } else if (key.length > 0) {
      const blocksBefore = extensions?.attributes === true ? (at - extensions.start) / BLOCK : 0
      this.builder.add({ name: key, form, at, size, blocksBefore })
    }
  }
}

/** Sizes below have room in a header; above, it says another. */
const OCTAL_SIZES = 8 ** 11

interface MemberPlace {
  readonly at: number
  readonly size: number
  readonly extensions: Extensions | undefined
}

function isFolder(type: string, name: Uint8Array, size: number): boolean {
  if (type === '5') return true
  if (name.at(-1) !== SLASH) return false
  // Python makes a file of a folder's list of files.
  if (type === 'D') return !/\.(?:gz|json)\/$/i.test(Buffer.from(name).toString('latin1'))
  return size === 0 && isOldFolder(type, name)
}

/** Before there was a type for folders, they were files whose names end so. */
function isOldFolder(type: string, name: Uint8Array): boolean {
  return type === '\0' && name.at(-1) === SLASH
}

const SLASH = 0x2f

function sparse(at: number): Damage {
  return new Damage(
    `a sparse file begins at byte ${at}: tools differ in its name and its end; write the archive without --sparse`,
  )
}

/** What has another key than its name, and what is no object, lie in a folder of their own, and nothing else does. */
function isOfExport(name: Uint8Array, extensions: Extensions | undefined): boolean {
  const text = Buffer.from(name).toString('latin1')
  if (extensions?.key !== undefined || extensions?.isAnswer === true) return KEYED_MEMBER.test(text)
  return !text.startsWith(OBJECTS_FOLDER) || OTHER_MEMBER.test(text)
}

const KEYED_MEMBER = new RegExp(`^${OBJECTS_FOLDER}(?:answers|objects)/[0-9a-f]+$`)
const OTHER_MEMBER = new RegExp(`^${OBJECTS_FOLDER}(?:versions/[0-9a-f]+/(?:list\\.json|[0-9a-f]+)|SHA256SUMS|report\\.json)$`)

/** The key of an object whose name would lead elsewhere, and what a store answered. In no other tar do they mean anything. */
function readExportRecords(records: ReadonlyMap<string, Uint8Array>, extensions: Extensions): void {
  const key = records.get(KEY)
  if (key !== undefined && isUtf8(key)) extensions.key = key
  extensions.isAnswer = records.has(ANSWER)
  extensions.attributes ||= records.has(ANSWER) || records.has(LOCK)
}

/** Types that `verify-trail export` writes. */
const OF_EXPORTS: ReadonlySet<string> = new Set(['0', 'x', 'g'])

/** Headers about the member that follows (`g`: about all that follow). */
const EXTENSIONS: ReadonlySet<string> = new Set(['x', 'X', 'g', 'L', 'K'])

/** Of old systems; no tool of today writes them. */
const DISPUTED: ReadonlySet<string> = new Set(['A', 'E', 'I', 'N'])

function isNaming(type: string): boolean {
  return type === 'x' || type === 'X' || type === 'L'
}

/** Types that have no bytes: where one claims some, tools differ in whether they are skipped. */
const BODILESS: ReadonlySet<string> = new Set(['1', '2', '3', '4', '5', '6', 'V'])

function formOf(type: string, extensions: Extensions | undefined): MemberForm {
  if (extensions?.isAnswer === true) return refusedAs('recorded')
  switch (type) {
    case '1':
      return refusedAs('hardLink')
    case '2':
      return refusedAs('symbolicLink')
    case '3':
    case '4':
      return refusedAs('device')
    case '6':
      return refusedAs('fifo')
    case 'M':
    case 'D':
    case 'V':
      return refusedAs('continued')
    default:
      return STORED
  }
}

function isZero(block: Buffer): boolean {
  for (let at = 0; at < BLOCK; at += 4) if (block.readUInt32LE(at) !== 0) return false
  return true
}
