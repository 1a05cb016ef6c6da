import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { inflateModule } from '../../scripts/assemble.js'
import { casePath } from '../support/cases.js'
import { verifyTrailCommand } from '../support/command.js'
import { byAssembly, ROOM, wrongByAssembly } from '../support/inflated.js'

/** Texts of some kinds: few letters, many, runs, any bytes. */
const anyText = fc
  .record({ seed: fc.integer(), length: fc.nat({ max: 100_000 }), letters: fc.integer({ min: 1, max: 256 }), again: fc.nat(300) })
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
    if (data.length + tail.length > 256 * 1024) return
    const inflated = byAssembly(Buffer.concat([data, tail]))
    if (inflated?.used !== data.length || Buffer.compare(inflated.bytes, text) !== 0) throw new Error('not the same')
  })
  fc.assert(property, { numRuns: 600, seed: 42 })
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
  fc.assert(property, { numRuns: 2000, seed: 42 })
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

t.test('not a byte more than there is room for is inflated', (t) => {
  for (const size of [1, 5, 300, 65_535, 70_000, ROOM - 1, ROOM]) {
    for (const text of [Buffer.alloc(size), Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) & 63))]) {
      for (const level of [0, 6]) {
        const data = zlib.deflateRawSync(text, { level })
        if (data.length > 256 * 1024) continue
        t.equal(byAssembly(data, size)?.bytes.length, size, `${size} in ${size}, level ${level}`)
        t.equal(byAssembly(data, size - 1), null, `${size} in ${size - 1}, level ${level}`)
      }
    }
  }
  t.equal(byAssembly(zlib.deflateRawSync(Buffer.alloc(ROOM + 1))), null, 'nor beyond the window')
  t.equal(byAssembly(new Uint8Array(256 * 1024 + 1)), null, 'nor more input than there is room for')
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
