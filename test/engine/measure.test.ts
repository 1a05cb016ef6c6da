import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { Damage, Measurement } from '../../src/core/measurement.js'
import {
  BLOCK_BYTES,
  crc32,
  crc32ByTable,
  type Inflated,
  inflateOne,
  measureCarefully,
  measureChunksCarefully,
  storedLimit,
} from '../../src/engine/gzip.js'
import { FastMeasurer, measureFast, openWorkshop } from '../../src/engine/inflate-handle.js'
import { inflateBytes, measureBytes, measureChunks, setCareful } from '../../src/engine/measure.js'

const LIMIT = 2 ** 31
const WINDOW = 256 * 1024

const withAssembly = openWorkshop('with assembly')
const zlibAlone = openWorkshop('zlib alone')
const TEXT = Buffer.from(
  JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ eventID: (i * 2654435761) >>> 0, eventName: 'GetObject' }))),
)
const SMALL = zlib.gzipSync(TEXT)

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    // A source may use its buffer again once the next chunk is asked for.
    const chunk = Uint8Array.from(bytes.subarray(at, at + size))
    yield chunk
    chunk.fill(0xaa)
    at += size
  }
}

function fastWith(workshop: typeof withAssembly, bytes: Uint8Array, limit: number): Measurement | string {
  return workshop ? measureFast(new FastMeasurer(workshop, limit), bytes, limit) : 'the internals of this Node are not used'
}

/** What it inflates to, whichever way. */
function inflatedAlike(bytes: Uint8Array, limit: number): Inflated {
  const [one, other] = [inflateOne(bytes, limit), inflateBytes(bytes, limit)]
  t.ok(isDeepStrictEqual(plainly(one), plainly(other)), 'both ways to inflate agree')
  return plainly(one)
}

/** A buffer's kind is no matter. */
function plainly(inflated: Inflated): Inflated {
  return inflated.kind === 'inflated' ? { ...inflated, bytes: Uint8Array.from(inflated.bytes) } : inflated
}

/** Every way to measure, by name. */
async function measureAllWays(bytes: Uint8Array, limit: number, sizes: readonly number[]) {
  return {
    measureBytes: measureBytes(bytes, limit),
    careful: measureCarefully(bytes, limit),
    ...(bytes[0] === 0x1f && bytes[1] === 0x8b
      ? { withAssembly: fastWith(withAssembly, bytes, limit), zlibAlone: fastWith(zlibAlone, bytes, limit) }
      : {}),
    measureChunks: await measureChunks(cut(bytes, sizes), limit),
    carefulChunks: await measureChunksCarefully(cut(bytes, sizes), limit),
  }
}

/** Answers how all ways measure it, having seen that they agree. */
async function agreed(name: string, bytes: Uint8Array, limit = LIMIT, sizes: readonly number[] = [1000]): Promise<Measurement> {
  const ways = await measureAllWays(bytes, limit, sizes)
  for (const [way, measurement] of Object.entries(ways)) {
    if (JSON.stringify(measurement) !== JSON.stringify(ways.careful)) t.same(measurement, ways.careful, `${name}: ${way}`)
  }
  return ways.careful
}

interface Fields {
  readonly flags?: number
  readonly method?: number
  readonly fixed?: readonly number[]
  readonly extra?: Uint8Array
  readonly name?: Uint8Array
  readonly comment?: Uint8Array
  readonly headerCrc?: 'right' | 'wrong'
}

/** A member of TEXT with the header fields given. */
function withHeader({ flags = 0, method = 8, fixed = [0, 0, 0, 0, 0, 255], extra, name, comment, headerCrc }: Fields): Buffer {
  const given = (headerCrc ? 2 : 0) | (extra ? 4 : 0) | (name ? 8 : 0) | (comment ? 16 : 0)
  const parts = [Buffer.from([0x1f, 0x8b, method, flags | given, ...fixed])]
  if (extra) parts.push(Buffer.from([extra.length & 255, extra.length >> 8]), Buffer.from(extra))
  for (const text of [name, comment]) if (text) parts.push(Buffer.from(text), Buffer.from([0]))
  const crc = crc32(Buffer.concat(parts), 0) ^ (headerCrc === 'wrong' ? 1 : 0)
  if (headerCrc) parts.push(Buffer.from([crc & 255, (crc >> 8) & 255]))
  return Buffer.concat([...parts, SMALL.subarray(10)])
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 0x10 : byte))
}

/** A stored (uncompressed) deflate block, the last one or not. */
function storedBlock(bytes: Uint8Array, last: boolean): Buffer {
  const [low, high] = [bytes.length & 255, bytes.length >> 8]
  return Buffer.concat([Buffer.from([last ? 1 : 0, low, high, low ^ 255, high ^ 255]), bytes])
}

function gzipOf(deflated: Uint8Array, inflated: Uint8Array): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(inflated, 0), 0)
  trailer.writeUInt32LE(inflated.length, 4)
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), deflated, trailer])
}

/** Does not shrink, and is the same in every run. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => createHash('sha256').update(String(i)).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

const longName = Buffer.alloc(3 * BLOCK_BYTES, 'n')

/** Inflates to so many MiB of zeros, which are at no time in memory. Never ends. */
function bombOf(mebibytes: number): Buffer {
  const flush = { finishFlush: zlib.constants.Z_SYNC_FLUSH }
  const unit = zlib.deflateRawSync(Buffer.alloc(2 ** 20), flush)
  return Buffer.concat([SMALL.subarray(0, 10), Buffer.alloc(unit.length * mebibytes, unit)])
}

// First, because what is measured is the most memory that this process ever had.
t.test('a bomb is read no further than to the limit, in flat memory', async (t) => {
  const bomb = bombOf(600)
  const limit = 400 * 2 ** 20
  let closed = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    try {
      yield* cut(bomb, [16_384])
    } finally {
      closed++
    }
  }
  const before = process.resourceUsage().maxRSS
  const whole = measureBytes(bomb, limit)
  const inChunks = await measureChunks(counted(), limit)
  const carefully = await measureChunksCarefully(counted(), limit)
  const grown = process.resourceUsage().maxRSS - before
  t.match(whole, { kind: 'too-large', limit })
  t.ok(whole.bytesRead < bomb.length && whole.bytesRead > 0, 'stops before the end')
  t.same(inChunks, whole)
  t.same(carefully, whole)
  t.equal(closed, 2, 'closes its sources')
  t.ok(grown < 128 * 1024, `memory grew by ${grown} KiB`)
})

t.test('the fast way is in use on the Node versions that are supported', async (t) => {
  t.ok(withAssembly, 'with WebAssembly')
  t.ok(zlibAlone, 'with zlib alone')
})

t.test('a whole member is measured', async () => {
  const rows: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
    ['of level 1', zlib.gzipSync(TEXT, { level: 1 }), TEXT],
    ['of level 9', zlib.gzipSync(TEXT, { level: 9 }), TEXT],
    ['of stored blocks', zlib.gzipSync(TEXT, { level: 0 }), TEXT],
    ['of fixed codes', zlib.gzipSync(TEXT, { strategy: zlib.constants.Z_FIXED }), TEXT],
    ['of nothing', zlib.gzipSync(Buffer.alloc(0)), Buffer.alloc(0)],
    [
      'of a block of nothing before the last',
      gzipOf(Buffer.concat([storedBlock(Buffer.alloc(0), false), storedBlock(TEXT, true)]), TEXT),
      TEXT,
    ],
    ['of bytes that do not shrink', zlib.gzipSync(noise(300_000)), noise(300_000)],
    ['with other times and systems in its header', withHeader({ fixed: [1, 2, 3, 4, 2, 3] }), TEXT],
    ['with the text flag', withHeader({ flags: 1 }), TEXT],
    ['with a name', withHeader({ name: Buffer.from('a.json') }), TEXT],
    ['with an empty name and comment', withHeader({ name: Buffer.alloc(0), comment: Buffer.alloc(0) }), TEXT],
    ['with a name longer than blocks', withHeader({ name: longName, comment: Buffer.from('c') }), TEXT],
    ['with a header that ends with a block', withHeader({ name: longName.subarray(0, BLOCK_BYTES - 11) }), TEXT],
    ['with a trailer cut by a block’s end', withHeader({ name: longName.subarray(0, BLOCK_BYTES - SMALL.length + 3) }), TEXT],
    ['with data that end with a block', withHeader({ name: longName.subarray(0, BLOCK_BYTES - SMALL.length + 7) }), TEXT],
    ['with an empty extra field', withHeader({ extra: Buffer.alloc(0) }), TEXT],
    ['with the longest extra field', withHeader({ extra: Buffer.alloc(65535, 1), name: Buffer.from('n') }), TEXT],
    ['with a right header checksum', withHeader({ headerCrc: 'right' }), TEXT],
    [
      'with all fields and a right header checksum',
      withHeader({ extra: TEXT, name: longName, comment: TEXT, headerCrc: 'right' }),
      TEXT,
    ],
  ]
  for (const [name, bytes, inflated] of rows) {
    for (const sizes of [[1], [7, 1, 30000], [BLOCK_BYTES], [2 ** 30]]) {
      const measured = {
        kind: 'measured',
        gzip: true,
        sha256: sha256(inflated),
        bytesRead: bytes.length,
        bytesInflated: inflated.length,
      }
      if (sizes[0] === 1 && bytes.length > 2 * BLOCK_BYTES) continue
      t.same(
        await agreed(name, bytes, LIMIT, sizes),
        { ...measured, trailing: null, damage: null },
        `${name}, chunks of ${sizes}`,
      )
    }
    t.same(inflatedAlike(bytes, LIMIT), { kind: 'inflated', bytes: inflated, trailing: null }, `${name}, inflated`)
  }
})

t.test('output that ends at or about a window’s end is measured', async () => {
  const sizes = [1, 63, 64, 65, 1123, 2245, 2246, 2247, 20_003, 65535, 65536, 65537]
  for (const windows of [1, 2, 3, 4]) for (const by of [-1, 0, 1]) sizes.push(windows * WINDOW + by)
  const source = Buffer.concat([noise(100_000), Buffer.alloc(200_000, 'abc'), noise(600_000), Buffer.alloc(200_000, 'def')])
  for (const size of sizes) {
    for (const level of [0, 6]) {
      const inflated = source.subarray(0, size)
      const measurement = await agreed(`${size} bytes`, zlib.gzipSync(inflated, { level }))
      t.match(
        measurement,
        { sha256: sha256(inflated), bytesInflated: size, damage: null, trailing: null },
        `${size} bytes, level ${level}`,
      )
    }
  }
})

t.test('damage is told', async () => {
  const rows: readonly (readonly [string, Uint8Array, Damage])[] = [
    ['an empty object', Buffer.alloc(0), 'empty'],
    ['two bytes', SMALL.subarray(0, 2), 'truncated'],
    ['a header only', SMALL.subarray(0, 10), 'truncated'],
    ['no trailer', SMALL.subarray(0, -8), 'truncated'],
    ['half a trailer', SMALL.subarray(0, -4), 'truncated'],
    ['a name without an end', withHeader({ name: longName }).subarray(0, 70_000), 'truncated'],
    ['an extra field cut short', withHeader({ extra: TEXT }).subarray(0, 100), 'truncated'],
    ['another method', withHeader({ method: 7 }), 'bad header'],
    ['another method, and nothing more', withHeader({ method: 7 }).subarray(0, 3), 'bad header'],
    ['the first reserved flag', withHeader({ flags: 0x20 }), 'bad header'],
    ['the second reserved flag', withHeader({ flags: 0x40 }), 'bad header'],
    ['the third reserved flag', withHeader({ flags: 0x80 }), 'bad header'],
    ['a wrong header checksum', withHeader({ name: longName, headerCrc: 'wrong' }), 'bad header'],
    ['a block of the reserved type', gzipOf(Buffer.from([0x07]), Buffer.alloc(0)), 'bad deflate data'],
    [
      'a stored block whose length contradicts itself',
      gzipOf(Buffer.from([1, 1, 0, 1, 0, 65]), Buffer.from('A')),
      'bad deflate data',
    ],
    ['a distance beyond the start', gzipOf(Buffer.from([3, 2, 0]), Buffer.alloc(0)), 'bad deflate data'],
    ['a wrong CRC', flipped(SMALL, SMALL.length - 8), 'bad crc'],
    ['a wrong length', flipped(SMALL, SMALL.length - 1), 'bad length'],
    ['a whole member’s end missing after many windows', zlib.gzipSync(noise(900_000)).subarray(0, -1), 'truncated'],
  ]
  for (const [name, bytes, damage] of rows) {
    for (const sizes of [[1000], [BLOCK_BYTES - 1, 2]]) {
      const measurement = await agreed(name, bytes, LIMIT, sizes)
      t.match(
        measurement,
        { kind: 'measured', sha256: '', bytesRead: bytes.length, bytesInflated: 0, damage },
        `${name}: ${damage}`,
      )
    }
    t.same(inflatedAlike(bytes, LIMIT), { kind: 'damaged', reason: damage }, `${name}, inflated`)
    t.match(
      await agreed('a good file after a bad one', SMALL),
      { damage: null, sha256: sha256(TEXT) },
      `a good file after ${name}`,
    )
  }
})

t.test('what follows the one member is counted', async () => {
  const other = zlib.gzipSync('other')
  const rows: readonly (readonly [string, Uint8Array])[] = [
    ['a second member', SMALL],
    ['an empty second member', zlib.gzipSync('')],
    ['many members', Buffer.concat(Array.from({ length: 50 }, () => other))],
    ['half a member', other.subarray(0, 15)],
    ['a member with a wrong CRC', flipped(other, other.length - 8)],
    ['the start of a magic number', Buffer.from([0x1f])],
    ['a magic number', Buffer.from([0x1f, 0x8b])],
    ['a line feed', Buffer.from('\n')],
    ['text', Buffer.from('hello')],
    ['a zero, then a member', Buffer.concat([Buffer.alloc(1), other])],
    ['zeros, then text', Buffer.concat([Buffer.alloc(9), Buffer.from('text')])],
    ['more than blocks of junk', noise(3 * BLOCK_BYTES)],
    ...[1, 2, 7, 8, 9, 511, 512, 65_000, BLOCK_BYTES - SMALL.length, BLOCK_BYTES, 200_000].map(
      (count) => [`${count} zero bytes`, Buffer.alloc(count)] as const,
    ),
  ]
  for (const [name, tail] of rows) {
    const bytes = Buffer.concat([SMALL, tail])
    const trailing = { offset: SMALL.length, bytes: tail.length }
    for (const sizes of [[SMALL.length], [SMALL.length - 1], [SMALL.length - 8], [999]]) {
      const measured = { kind: 'measured', gzip: true, sha256: sha256(TEXT), bytesRead: bytes.length, bytesInflated: TEXT.length }
      t.same(await agreed(name, bytes, LIMIT, sizes), { ...measured, trailing, damage: null }, name)
    }
    t.same(inflatedAlike(bytes, LIMIT), { kind: 'inflated', bytes: TEXT, trailing }, `${name}, inflated`)
  }
})

t.test('what does not start as gzip is hashed as it is', async () => {
  const rows: readonly (readonly [string, Uint8Array])[] = [
    ['an inflated log file', TEXT],
    ['a single byte of the magic number', Buffer.from([0x1f])],
    ['the magic number of compress', Buffer.from([0x1f, 0x9d, 0x90])],
    ['zeros', Buffer.alloc(300_000)],
    ['zlib’s own format', zlib.deflateSync(TEXT)],
    ['gzip after a space', Buffer.concat([Buffer.from(' '), SMALL])],
  ]
  for (const [name, bytes] of rows) {
    const sizes = { bytesRead: bytes.length, bytesInflated: bytes.length }
    const measured = { kind: 'measured', gzip: false, sha256: sha256(bytes), ...sizes, trailing: null, damage: null }
    t.same(await agreed(name, bytes, LIMIT, [7]), measured, name)
    t.same(inflatedAlike(bytes, LIMIT), { kind: 'plain' }, `${name}, not inflated`)
  }
})

t.test('the limit itself is allowed and nothing beyond it', async () => {
  for (const size of [1, 100, 65535, 65536, 65537, WINDOW - 1, WINDOW, WINDOW + 1, 700_000]) {
    const gzipped = zlib.gzipSync(noise(size))
    for (const [name, bytes] of [
      ['gzip', gzipped],
      ['plain', noise(size)],
    ] as const) {
      t.match(await agreed(`${name}, ${size}`, bytes, size), { kind: 'measured', damage: null }, `${size} of ${size}, ${name}`)
      t.match(
        await agreed(`${name}, ${size}`, bytes, size - 1),
        { kind: 'too-large', limit: size - 1 },
        `${size} of ${size - 1}, ${name}`,
      )
    }
    for (const by of [0, 1]) await agreed(`truncated, ${size}`, gzipped.subarray(0, -8), size - by)
    t.equal(inflatedAlike(gzipped, size).kind, 'inflated')
    t.same(inflatedAlike(gzipped, size - 1), { kind: 'too-large', limit: size - 1 })
  }
  t.match(await agreed('an empty member, limit 0', zlib.gzipSync(''), 0), { kind: 'measured', bytesInflated: 0 })
  const longNothing = Buffer.concat([
    Buffer.alloc(5 * 209_714, storedBlock(Buffer.alloc(0), false)),
    storedBlock(Buffer.alloc(0), true),
  ])
  t.match(await agreed('a megabyte of nothing, limit 0', gzipOf(longNothing, Buffer.alloc(0)), 0), { kind: 'too-large' })
})

t.test('reading ends soon after the limit where nothing more comes out', async () => {
  const limit = 1000
  const most = storedLimit(limit)
  const emptyBlock = storedBlock(Buffer.alloc(0), false)
  const start = SMALL.subarray(0, 10)
  const rows: readonly (readonly [string, Uint8Array, object])[] = [
    [
      'a name without an end',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8]), Buffer.alloc(most + 10, 'n')]),
      { kind: 'too-large' },
    ],
    ['blocks of nothing', Buffer.concat([start, Buffer.alloc(most + 10, emptyBlock)]), { kind: 'too-large' }],
    [
      'trailing zeros',
      Buffer.concat([zlib.gzipSync('x'), Buffer.alloc(most)]),
      { kind: 'measured', trailing: { offset: 21, bytes: most - 21 } },
    ],
    ['damaged data', Buffer.concat([start, Buffer.alloc(most + 1, 7)]), { kind: 'measured', damage: 'bad deflate data' }],
    ['all that is allowed, and truncated', Buffer.concat([start, Buffer.alloc(most - 10, emptyBlock)]), { damage: 'truncated' }],
  ]
  for (const [name, bytes, expected] of rows) {
    for (const sizes of [[10_000], [BLOCK_BYTES], [2 ** 30]]) {
      t.match(await agreed(name, bytes, limit, sizes), { ...expected, bytesRead: most }, name)
    }
  }
})

t.test('every truncation is measured alike in every way', async () => {
  const bytes = withHeader({
    extra: Buffer.from('extra'),
    name: Buffer.from('name'),
    comment: Buffer.from('c'),
    headerCrc: 'right',
  })
  for (let length = 2; length < bytes.length; length++) {
    const measurement = await agreed(`the first ${length}`, bytes.subarray(0, length), LIMIT, [1 + (length % 13)])
    if (measurement.kind !== 'measured' || measurement.damage !== 'truncated') t.fail(`the first ${length} are not truncated`)
  }
  t.pass(`${bytes.length - 2} truncations`)
})

t.test('bit flips are measured alike in every way, and are damage', async () => {
  const bytes = withHeader({ name: Buffer.from('name'), headerCrc: 'right' })
  const harmless: number[] = []
  for (let bit = 16; bit < bytes.length * 8; bit++) {
    const flippedBytes = Uint8Array.from(bytes, (byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    const measurement = await agreed(`bit ${bit}`, flippedBytes, LIMIT, [1 + (bit % 97)])
    if (measurement.kind !== 'measured' || measurement.damage === null) harmless.push(bit)
  }
  // The data's last byte is filled up with bits that nothing reads.
  t.ok(harmless.every((bit) => bit >> 3 === bytes.length - 9) && harmless.length < 8, `but for the padding: ${harmless}`)
})

t.test('bit flips in files of many windows, with and without a limit, are measured alike in every way', async () => {
  const inflated = Buffer.concat([noise(40_000), Buffer.alloc(500_000, 'abcdefghij'), noise(90_000), Buffer.alloc(100_000, TEXT)])
  const bytes = zlib.gzipSync(inflated)
  for (let i = 0; i < 400; i++) {
    const bit = (i * 2654435761) % (bytes.length * 8)
    if (bit < 16) continue
    const flippedBytes = Uint8Array.from(bytes)
    flippedBytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    await agreed(`bit ${bit}`, flippedBytes, i % 2 ? LIMIT : (i * 2000) % inflated.length, [20_000])
  }
  t.pass('400 flips')
})

t.test('for any bytes and any chunking the measurement is the same', async (t) => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(SMALL, zlib.gzipSync(noise(70_000)), zlib.gzipSync(''), withHeader({ name: TEXT, headerCrc: 'right' })),
    fc.integer({ min: 0, max: 70_000 }).map((count) => new Uint8Array(count)),
  )
  const object = fc.tuple(fc.boolean(), fc.array(part, { maxLength: 4 })).map(([cutLast, parts]) => {
    const whole = Buffer.concat(parts)
    return cutLast ? whole.subarray(0, -5) : whole
  })
  const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 8 })
  const limits = fc.constantFrom(LIMIT, 10_000, 100)
  const property = fc.asyncProperty(object, sizes, limits, async (bytes, chunkSizes, limit) => {
    const measurements = Object.values(await measureAllWays(bytes, limit, chunkSizes)).map((measurement) =>
      JSON.stringify(measurement),
    )
    return new Set(measurements).size === 1
  })
  await t.resolves(fc.assert(property, { numRuns: 300, seed: 42 }))
})

t.test('empty chunks count for nothing', async () => {
  async function* withEmpty(): AsyncGenerator<Uint8Array> {
    for (const byte of SMALL) {
      yield new Uint8Array(0)
      yield Uint8Array.of(byte)
    }
    yield new Uint8Array(0)
  }
  t.same(await measureChunks(withEmpty(), LIMIT), measureCarefully(SMALL, LIMIT))
  t.same(await measureChunksCarefully(withEmpty(), LIMIT), measureCarefully(SMALL, LIMIT))
  t.match(await measureChunks(cut(new Uint8Array(0), [1]), LIMIT), { damage: 'empty', bytesRead: 0 })
})

t.test('many streams and whole files under way at once do not mix', async () => {
  const objects = Array.from({ length: 40 }, (_, i) => {
    const good = zlib.gzipSync(Buffer.concat([noise(i * 9001), Buffer.alloc(i * 30_000, `${i}`)]))
    return i % 3 === 0 ? good.subarray(0, -(i + 1)) : i % 3 === 1 ? Buffer.concat([good, good]) : good
  })
  const expected = objects.map((bytes) => measureCarefully(bytes, LIMIT))
  async function* slowly(bytes: Uint8Array, turns: number): AsyncGenerator<Uint8Array> {
    for await (const chunk of cut(bytes, [5000])) {
      for (let i = 0; i < turns; i++) await new Promise(setImmediate)
      for (const other of objects.slice(0, 4)) measureBytes(other, LIMIT)
      yield chunk
    }
  }
  const measured = await Promise.all(objects.map((bytes, i) => measureChunks(slowly(bytes, i % 4), LIMIT)))
  t.same(measured, expected)
})

t.test('a stream that breaks off throws what it threw, and the next is measured', async () => {
  const failure = new Error('connection reset')
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield SMALL.subarray(0, 100)
    throw failure
  }
  await t.rejects(measureChunks(broken(), LIMIT), failure)
  await t.rejects(measureChunksCarefully(broken(), LIMIT), failure)
  t.match(await agreed('the next', SMALL), { damage: null })
})

t.test('damage behind much output is measured in flat memory', async (t) => {
  const bytes = Buffer.concat([zlib.gzipSync(Buffer.alloc(64 * 2 ** 20)), Buffer.from('junk')])
  const whole = measureBytes(bytes, LIMIT)
  t.match(whole, { kind: 'measured', bytesInflated: 64 * 2 ** 20, trailing: { bytes: 4 }, damage: null })
  t.same(measureCarefully(bytes, LIMIT), whole)
})

t.test('the careful way alone gives the same', async (t) => {
  setCareful(true)
  t.teardown(() => setCareful(false))
  for (const bytes of [SMALL, Buffer.concat([SMALL, SMALL]), SMALL.subarray(0, -3), TEXT, Buffer.alloc(0)]) {
    const careful = measureBytes(bytes, LIMIT)
    t.same(await measureChunks(cut(bytes, [3]), LIMIT), careful)
    setCareful(false)
    t.same(measureBytes(bytes, LIMIT), careful)
    setCareful(true)
  }
})

t.test('the CRC by table is that of zlib', async (t) => {
  for (const bytes of [Buffer.alloc(0), TEXT, noise(5000)]) {
    t.equal(crc32ByTable(bytes, 0), crc32(bytes, 0))
    t.equal(crc32ByTable(bytes, 0xdeadbeef), crc32(bytes, 0xdeadbeef))
  }
})
