import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { inflateModule } from '../../scripts/assemble.js'
import { casePath } from '../support/cases.js'
import { verifyTrailCommand } from '../support/command.js'
import { byAssembly, WINDOW_BYTES, wrongByAssembly } from '../support/inflated.js'

const SLICE_BYTES = 256 * 1024
const INPUT_BYTES = 1024 * 1024

/** A last block of fixed codes: length 3 (`0000001`), distance code 29 (`11101`) with 13 extra bits set, end of block. */
const farMatch = bitsOf('1 10 0000001 11101 1111111111111 0000000')

/** Bits in the order in which they are read. */
function bitsOf(text: string): Buffer {
  const bits = text.replaceAll(' ', '').padEnd(40, '0')
  return Buffer.from(
    Array.from({ length: 5 }, (_, i) => Number.parseInt([...bits.slice(8 * i, 8 * i + 8)].reverse().join(''), 2)),
  )
}

/** Texts of some kinds: few letters, many, runs, any bytes. */
const anyText = fc
  .record({
    seed: fc.integer(),
    length: fc.oneof(fc.nat({ max: 100_000 }), fc.integer({ min: 250_000, max: 400_000 })),
    letters: fc.integer({ min: 1, max: 256 }),
    again: fc.nat(300),
  })
  .map(({ seed, length, letters, again }) => {
    const text = Buffer.alloc(length)
    let state = seed | 1
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0
      const random = state >>> 8
      // Some bytes come again, from so near that copies overlap, or from far.
      const isCopy = again > 0 && i > again && random % 1024 < 700
      text[i] = isCopy ? (text[i - again - ((i >> 9) % 3)] ?? 0) : ((random % letters) * (random % 7)) >> 2
    }
    return text
  })

const anyDeflated = fc
  .record({
    text: anyText,
    level: fc.integer({ min: 0, max: 9 }),
    strategy: fc.integer({ min: 0, max: 4 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
    windowBits: fc.integer({ min: 9, max: 15 }),
  })
  .map(({ text, ...options }) => ({ text, data: zlib.deflateRawSync(text, options) }))

t.test('the module is what its source compiles to', async (t) => {
  const written = readFileSync(new URL('../../src/engine/inflate-module.ts', import.meta.url), 'utf8')
  t.equal(written, await inflateModule(), 'else: npm run assemble')
})

t.test('whatever zlib deflates is inflated, and what follows it is left', (t) => {
  const property = fc.property(anyDeflated, fc.uint8Array({ maxLength: 20 }), ({ text, data }, tail) => {
    const inflated = byAssembly(Buffer.concat([data, tail]))
    if (inflated?.used !== data.length || Buffer.compare(inflated.bytes, text) !== 0) throw new Error('not the same')
  })
  fc.assert(property, { numRuns: 250, seed: 42 })
  t.end()
})

t.test('nothing is inflated that zlib would not inflate to the same', (t) => {
  const anyChange = fc.record({ at: fc.nat(), bit: fc.nat(7) })
  const property = fc.property(anyDeflated, fc.array(anyChange, { maxLength: 3 }), fc.nat(), ({ data }, changes, cut) => {
    const changed = Uint8Array.from(data.subarray(0, cut % 3 === 0 ? cut % (data.length + 1) : data.length))
    // Most changes near the start: there the codes are told.
    for (const { at, bit } of changes) {
      const place = at % Math.max(1, bit > 2 ? Math.min(changed.length, 100) : changed.length)
      if (place < changed.length) changed[place] = (changed[place] ?? 0) ^ (1 << bit)
    }
    const what = wrongByAssembly(changed)
    if (what !== null) throw new Error(what)
  })
  fc.assert(property, { numRuns: 800, seed: 42 })
  t.end()
})

t.test('of streams that begin in any way nothing is inflated that zlib would not inflate to the same', (t) => {
  const anyStream = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    // One last block of fixed codes, of own codes, or stored.
    fc
      .tuple(fc.constantFrom(3, 5, 1, 2, 4), fc.uint8Array({ maxLength: 300 }))
      .map(([first, rest]) => Uint8Array.of(first, ...rest)),
    fc.tuple(fc.nat(7), fc.uint8Array({ maxLength: 300 })).map(([high, rest]) => Uint8Array.of((high << 3) | 5, ...rest)),
  )
  let inflated = 0
  const property = fc.property(anyStream, (data) => {
    if (byAssembly(data) !== null) inflated++
    const what = wrongByAssembly(data)
    if (what !== null) throw new Error(what)
  })
  fc.assert(property, { numRuns: 10_000, seed: 42 })
  t.ok(inflated > 100, 'some of them inflate')
  t.end()
})

t.test('every truncation of a stream is refused', (t) => {
  for (const options of [{ level: 0 }, { level: 9 }, { strategy: zlib.constants.Z_FIXED }]) {
    const data = zlib.deflateRawSync(Buffer.from(JSON.stringify(process.versions).repeat(3)), options)
    const taken = Array.from({ length: data.length }, (_, length) => byAssembly(data.subarray(0, length))).filter((one) => one)
    t.same(taken, [], JSON.stringify(options))
    t.equal(byAssembly(data)?.used, data.length)
  }
  t.end()
})

t.test('slices join, wherever they end', (t) => {
  const source = Buffer.concat([
    noise(40_000),
    Buffer.alloc(500_000, 'abcdefghij'),
    noise(90_000),
    Buffer.alloc(700_000, noise(31_000)),
  ])
  const sizes = [1, 2, 3].flatMap((slices) => [-258, -1, 0, 1, 258].map((by) => slices * SLICE_BYTES + by))
  for (const size of [...sizes, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1, 1_300_000]) {
    for (const options of [{ level: 0 }, { level: 1 }, { level: 9 }, { strategy: zlib.constants.Z_FIXED }, { memLevel: 1 }]) {
      const text = source.subarray(0, size)
      const data = zlib.deflateRawSync(text, options)
      if (data.length > INPUT_BYTES) continue
      const inflated = byAssembly(data)
      const isSame = inflated !== null && Buffer.compare(inflated.bytes, text) === 0
      if (!isSame || inflated.used !== data.length) t.fail(`${size} bytes, ${JSON.stringify(options)}`)
    }
  }
  t.equal(byAssembly(new Uint8Array(INPUT_BYTES + 1)), null, 'longer data are refused')
  t.end()
})

t.test('a match may reach as far back as a window, and not before the start', (t) => {
  for (const before of [0, 1, 100, 32_767, 32_768, 33_000, SLICE_BYTES - 5, SLICE_BYTES + 5, SLICE_BYTES + 32_768]) {
    const text = noise(before)
    // One match of 3 bytes, 32,768 back: the code of a length of 3, then the distance's with all extra bits.
    const data = Buffer.concat([zlib.deflateRawSync(text, { level: 6, finishFlush: zlib.constants.Z_SYNC_FLUSH }), farMatch])
    const inflated = byAssembly(data)
    t.equal(inflated === null, before < 32_768, `${before} bytes before it`)
    t.equal(wrongByAssembly(data), null)
    if (inflated !== null) t.same(inflated.bytes.subarray(before), text.subarray(before - 32_768).subarray(0, 3))
  }
  t.end()
})

t.test('a stream that was refused leaves nothing behind', (t) => {
  const good = zlib.deflateRawSync(Buffer.from('{"Records":[]}'.repeat(500)), { level: 9 })
  const bad = [
    Buffer.alloc(5000, 0x6d),
    good.subarray(0, 40),
    Buffer.alloc(2000, 0xff),
    Buffer.concat([good.subarray(0, 30), noise(3000)]),
  ]
  for (const [n, data] of bad.entries()) {
    t.equal(byAssembly(data), null, `${n} is refused`)
    t.equal(byAssembly(good)?.bytes.length, 7000, `after ${n} a good one is inflated`)
  }
  t.end()
})

t.test('a Node without WebAssembly answers the same', async (t) => {
  const demo = casePath('demo')
  const files = ['public-keys', 'metadata'].flatMap((name) => [`--${name}`, join(demo, `${name}.json`)])
  const answers = await Promise.all(
    [[], ['--jitless']].map((node) => verifyTrailCommand([join(demo, 'example-trail-logs'), ...files, '--ndjson'], { node })),
  )
  // The last line is of the run: it has times in it.
  const [withIt, without] = answers.map(({ code, stdout }) => ({ code, results: stdout.split('\n').slice(0, -2) }))
  t.ok(withIt !== undefined && withIt.results.length > 50, 'results of a trail')
  t.same(without, withIt)
})

function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255))
}
