import fc from 'fast-check'
import t from 'tap'
import { compareKeys } from '../../src/core/compare-keys.js'
import { formatTime, parseCloudTrailTime, parseTime } from '../../src/core/time.js'

const userTimes: readonly [sentence: string, text: string, iso: string | undefined][] = [
  ['a date is its midnight UTC', '2026-01-10', '2026-01-10T00:00:00.000Z'],
  ['a time without an offset is UTC', '2026-01-10T01:04:34', '2026-01-10T01:04:34.000Z'],
  ['minutes are enough', '2026-01-10T01:04', '2026-01-10T01:04:00.000Z'],
  ['hours are enough', '2026-01-10T01Z', '2026-01-10T01:00:00.000Z'],
  ['an offset may be hours only', '2026-01-10T01:04:34+09', '2026-01-09T16:04:34.000Z'],
  ['letters may be small', '2026-01-10t01:04:34z', '2026-01-10T01:04:34.000Z'],
  ['a space may stand for the T', '2026-01-10 01:04:34', '2026-01-10T01:04:34.000Z'],
  ['Z is UTC', '2026-01-10T01:04:34Z', '2026-01-10T01:04:34.000Z'],
  ['an offset east is honoured', '2026-01-10T01:04:34+09:00', '2026-01-09T16:04:34.000Z'],
  ['an offset west is honoured', '2026-01-10T01:04:34-05:30', '2026-01-10T06:34:34.000Z'],
  ['an offset needs no colon', '2026-01-10T01:04:34+0900', '2026-01-09T16:04:34.000Z'],
  ['minutes may have an offset', '2026-01-10T01:04+01:00', '2026-01-10T00:04:00.000Z'],
  ['a fraction is cut to milliseconds', '2026-01-10T01:04:34.123999Z', '2026-01-10T01:04:34.123Z'],
  ['a short fraction is tenths', '2026-01-10T01:04:34.5', '2026-01-10T01:04:34.500Z'],
  ['29 February is in leap years', '2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['29 February is not in other years', '2026-02-29', undefined],
  ['30 February does not roll over', '2026-02-30', undefined],
  ['month 13 is refused', '2026-13-01', undefined],
  ['day 0 is refused', '2026-01-00', undefined],
  ['25:00 is refused', '2026-01-10T25:00', undefined],
  ['24:00 is refused', '2026-01-10T24:00', undefined],
  ['minute 60 is refused', '2026-01-10T01:60', undefined],
  ['a leap second is refused', '2026-01-10T23:59:60Z', undefined],
  ['an offset of 24 hours is refused', '2026-01-10T01:04+24:00', undefined],
  ['an offset of 60 minutes is refused', '2026-01-10T01:04+01:60', undefined],
  ['a date has no offset', '2026-01-10Z', undefined],
  ['a comma is no decimal point', '2026-01-10T01:04:34,5Z', undefined],
  ['a short year is refused', '26-01-10', undefined],
  ['a year below 100 is not moved to 1900', '0026-01-10', undefined],
  ['white space around is refused', ' 2026-01-10', undefined],
  ['a line break at the end is refused', '2026-01-10\n', undefined],
  ['epoch seconds are refused', '1768007074', undefined],
  ['nothing is refused', '', undefined],
]

t.test('parseTime', async (t) => {
  for (const [sentence, text, iso] of userTimes) {
    const time = parseTime(text)
    t.equal(time === undefined ? undefined : new Date(time).toISOString(), iso, sentence)
  }
})

const cloudTrailTimes: readonly [sentence: string, text: string, valid: boolean][] = [
  ['the form of digest bodies is read', '2026-01-10T01:04:34Z', true],
  ['a missing Z is refused', '2026-01-10T01:04:34', false],
  ['an offset is refused', '2026-01-10T01:04:34+00:00', false],
  ['a fraction is refused', '2026-01-10T01:04:34.000Z', false],
  ['a space is refused', '2026-01-10 01:04:34Z', false],
  ['a date alone is refused', '2026-01-10', false],
  ['an impossible date is refused', '2026-02-30T01:04:34Z', false],
  ['an impossible hour is refused', '2026-01-10T24:00:00Z', false],
]

t.test('parseCloudTrailTime', async (t) => {
  for (const [sentence, text, valid] of cloudTrailTimes) {
    t.equal(parseCloudTrailTime(text), valid ? Date.parse(text) : undefined, sentence)
  }
})

t.test('formatTime', async (t) => {
  t.equal(formatTime(Date.UTC(2026, 0, 10, 1, 4, 34)), '2026-01-10T01:04:34Z', 'whole seconds have no milliseconds')
  t.equal(formatTime(Date.UTC(2026, 0, 10, 1, 4, 34, 5)), '2026-01-10T01:04:34.005Z', 'milliseconds are kept where there are any')
  const time = fc.integer({ min: Date.UTC(100, 0, 1), max: Date.UTC(9999, 11, 31) })
  fc.assert(fc.property(time, (ms) => parseTime(formatTime(ms)) === ms))
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseTime(text) === undefined || text.length >= 10))
  t.pass('what is written is read again; other texts are refused without throwing')
})

t.test('compareKeys', async (t) => {
  const rows: readonly [sentence: string, a: string, b: string, sign: number][] = [
    ['equal keys are equal', 'a/b', 'a/b', 0],
    ['a shorter key comes first', 'a', 'a/', -1],
    ['upper case comes before lower case', 'Z', 'a', -1],
    ['U+FF5E comes before an emoji, though not in JavaScript', '\uff5e', '\u{1f600}', -1],
    ['U+D7FF comes before U+E000', '\ud7ff', '\ue000', -1],
    ['two emoji differ in their second unit', '\u{1f600}', '\u{1f601}', -1],
    ['lone surrogates are not equal to each other', '\ud800', '\ud801', -1],
  ]
  for (const [sentence, a, b, sign] of rows) {
    t.equal(Math.sign(compareKeys(a, b)), sign, sentence)
    t.equal(Math.sign(compareKeys(b, a)), sign === 0 ? 0 : -sign, `${sentence} (the other way round)`)
  }
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', '/', '\ud7ff', '\ue000', '\u{10000}') }),
  )
  fc.assert(
    fc.property(key, key, (a, b) => Math.sign(compareKeys(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))),
    { numRuns: 500 },
  )
  t.pass('it is the order of the UTF-8 bytes')
})
