import fc from 'fast-check'
import t from 'tap'
import {
  covers,
  DAY,
  DELIVERY_DELAY,
  HOUR,
  type Interval,
  MINUTE,
  mergeIntervals,
  NAME_TOLERANCE,
  overlaps,
  uncovered,
} from '../../src/core/coverage.js'

/** `3-5 7-9`, half-open. */
const parse = (text: string): Interval[] =>
  text.split(' ').flatMap((part) => {
    const [start, end] = part.split('-').map(Number)
    return start === undefined || end === undefined ? [] : [{ start, end }]
  })
const write = (intervals: readonly Interval[]): string => intervals.map(({ start, end }) => `${start}-${end}`).join(' ')
const one = (text: string): Interval => parse(text)[0] ?? { start: 0, end: 0 }

t.test('the times of the contract', async (t) => {
  t.equal(NAME_TOLERANCE, 10 * MINUTE, 'log names may be ten minutes off')
  t.equal(DELIVERY_DELAY, 2 * HOUR + 30 * MINUTE, 'digests are expected after 2 h 30 min')
  t.equal(DAY, 86_400_000, 'a day in milliseconds')
})

const merged: readonly [sentence: string, given: string, expected: string][] = [
  ['nothing', '', ''],
  ['one', '1-2', '1-2'],
  ['touching ones are joined', '1-2 2-3', '1-3'],
  ['a hole of one moment stays', '1-2 3-4', '1-2 3-4'],
  ['overlapping ones are joined', '1-5 3-8', '1-8'],
  ['one inside another adds nothing', '1-9 3-4', '1-9'],
  ['two inside another, then one beyond', '1-9 3-4 5-6 8-11', '1-11'],
  ['equal ones are one', '1-2 1-2', '1-2'],
  ['order does not matter', '7-8 1-2 3-4 2-3', '1-4 7-8'],
  ['an empty one is dropped', '3-3', ''],
  ['an empty one joins nothing', '1-2 3-3 4-5', '1-2 4-5'],
  ['one that ends before it starts is dropped', '5-3', ''],
]

t.test('mergeIntervals', async (t) => {
  for (const [sentence, given, expected] of merged) t.equal(write(mergeIntervals(parse(given))), expected, sentence)
  const given = parse('3-4 1-2')
  mergeIntervals(given)
  t.equal(write(given), '3-4 1-2', 'what is given stays as it is')
})

const open: readonly [sentence: string, range: string, covered: string, expected: string][] = [
  ['nothing covered: all is open', '2-8', '', '2-8'],
  ['all covered', '2-8', '2-8', ''],
  ['more than all covered', '2-8', '1-9', ''],
  ['covered up to the start: all is open', '2-8', '0-2', '2-8'],
  ['covered one moment into the range', '2-8', '0-3', '3-8'],
  ['covered from the end on: all is open', '2-8', '8-9', '2-8'],
  ['covered from one moment before the end', '2-8', '7-9', '2-7'],
  ['covered in the middle: two holes', '2-8', '4-5', '2-4 5-8'],
  ['a hole in the middle', '2-8', '2-4 5-8', '4-5'],
  ['covered before and after, not within', '2-8', '0-1 9-12', '2-8'],
  ['many holes', '0-10', '1-2 3-4 5-6 11-12', '0-1 2-3 4-5 6-10'],
  ['an empty range has no hole', '5-5', '', ''],
]

t.test('uncovered', async (t) => {
  for (const [sentence, range, covered, expected] of open)
    t.equal(write(uncovered(one(range), parse(covered))), expected, sentence)
})

const covering: readonly [sentence: string, covered: string, wanted: string, expected: boolean][] = [
  ['exactly', '2-8', '2-8', true],
  ['more', '1-9', '2-8', true],
  ['starts a moment late', '3-8', '2-8', false],
  ['ends a moment early', '2-7', '2-8', false],
  ['a hole of one moment', '2-4 5-8', '2-8', false],
  ['in the second of three', '0-1 2-8 9-12', '3-7', true],
  ['between two', '0-1 9-12', '3-7', false],
  ['before all', '5-8', '1-2', false],
  ['after all', '5-8', '9-10', false],
  ['nothing covers nothing', '', '1-2', false],
]

t.test('covers', async (t) => {
  for (const [sentence, covered, wanted, expected] of covering) t.equal(covers(parse(covered), one(wanted)), expected, sentence)
})

const touching: readonly [sentence: string, a: string, b: string, expected: boolean][] = [
  ['equal ones', '2-4', '2-4', true],
  ['one that ends where the other starts', '2-4', '4-6', false],
  ['one that ends a moment later', '2-5', '4-6', true],
  ['one inside the other', '2-9', '4-6', true],
  ['far from one another', '1-2', '8-9', false],
]

t.test('overlaps', async (t) => {
  for (const [sentence, a, b, expected] of touching) {
    t.equal(overlaps(one(a), one(b)), expected, sentence)
    t.equal(overlaps(one(b), one(a)), expected, `${sentence}, the other way round`)
  }
})

t.test('moment by moment it is the same', async (t) => {
  const moment = fc.nat({ max: 30 })
  const interval = fc.tuple(moment, moment).map(([start, end]) => ({ start, end }))
  const inAny = (intervals: readonly Interval[], at: number): boolean =>
    intervals.some(({ start, end }) => start <= at && at < end)
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 8 }), interval, (given, wanted) => {
      const joined = mergeIntervals(given)
      const holes = uncovered(wanted, joined)
      const moments = Array.from({ length: 31 }, (_, at) => at)
      const sorted = joined.every((part, index) => part.start < part.end && part.start > (joined[index - 1]?.end ?? -1))
      const union = moments.every((at) => inAny(joined, at) === inAny(given, at))
      const rest = moments.every((at) => inAny(holes, at) === (inAny([wanted], at) && !inAny(given, at)))
      const whole = wanted.start >= wanted.end || covers(joined, wanted) === (holes.length === 0)
      return sorted && union && rest && whole
    }),
    { numRuns: 2000 },
  )
  t.pass('2,000 sets of intervals')
})
