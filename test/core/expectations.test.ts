import fc from 'fast-check'
import t from 'tap'
import { type AcceptedGap, checkExpectations, parseExpectations } from '../../src/core/expectations.js'
import { ExpectedChains, splitAccepted } from '../../src/core/expected-chains.js'
import type { ChainId } from '../../src/core/findings.js'

const parse = (text: string) => parseExpectations(Buffer.from(text))
const reasonOf = (value: unknown): string => {
  const answer = parse(JSON.stringify(value))
  return answer.ok ? '' : answer.reason
}

const EXPECT = {
  accountIds: ['111122223333', '444455556666'],
  regions: ['us-east-1'],
  trails: ['main'],
  homeRegion: 'us-east-1',
  organizationId: 'o-exampleorgid',
  since: '2026-01-01',
  until: '2026-02-01T09:00+09:00',
}
const ACCEPT = { accountIds: ['111122223333'], startTime: '2026-01-10', endTime: '2026-01-11', reason: 'migration', by: 'J. Doe' }

t.test('a file is read, with its times as the report writes them', async (t) => {
  t.strictSame(parse(JSON.stringify({ schemaVersion: 1, expect: [EXPECT], accept: [ACCEPT] })), {
    ok: true,
    expectations: {
      expect: [{ ...EXPECT, since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' }],
      accept: [{ ...ACCEPT, startTime: '2026-01-10T00:00:00Z', endTime: '2026-01-11T00:00:00Z' }],
    },
  })
  const twice = parse('{"expect":[{"regions":["us-east-1","us-east-1"]}]}')
  t.match(twice, { expectations: { expect: [{ regions: ['us-east-1'] }], accept: [] } }, 'a name given twice counts once')
  if (twice.ok) t.strictSame(checkExpectations(twice.expectations), twice, 'what was read is read again as it is')
})

t.test('what is not as it should be is refused, with its place, what was given and what is allowed', async (t) => {
  const expect = (fields: object) => ({ expect: [{ regions: ['us-east-1'] }, { ...EXPECT, ...fields }] })
  const accept = (fields: object) => ({ accept: [{ ...ACCEPT, ...fields }] })
  const rows: readonly (readonly [sentence: string, given: unknown, reason: RegExp])[] = [
    ['a list', [], /^the whole: \[\] was given; allowed: an object$/],
    ['nothing of both', {}, /^neither expect nor accept is there/],
    ['another version', { schemaVersion: 2, expect: [] }, /^schemaVersion: 2 was given; allowed: 1$/],
    ['an unknown field', { expects: [] }, /^"expects" is not known; allowed: schemaVersion, expect, accept$/],
    ['no list', { expect: {} }, /^expect: \{\} was given; allowed: a list/],
    ['an entry that is no object', { expect: ['111122223333'] }, /^expect\[0\]: "111122223333" was given; allowed: an object$/],
    ['a misspelt field', expect({ region: 'us-east-1' }), /^expect\[1\]\."region" is not known; allowed: accountIds, regions/],
    ['no chain', { expect: [{ since: '2026-01-01' }] }, /^expect\[0\]: no chain is named/],
    [
      'a text for a list',
      expect({ regions: 'us-east-1' }),
      /^expect\[1\]\.regions: "us-east-1" was given; allowed: a list of regions/,
    ],
    ['an empty list', expect({ trails: [] }), /^expect\[1\]\.trails: \[\] was given/],
    [
      'a short account',
      expect({ accountIds: ['111122223333', '12'] }),
      /^expect\[1\]\.accountIds\[1\]: "12" was given; .*12 digits$/,
    ],
    ['a number', expect({ accountIds: [111122223333] }), /^expect\[1\]\.accountIds\[0\]: 111122223333 was given/],
    ['a pattern', expect({ trails: ['*'] }), /^expect\[1\]\.trails\[0\]: "\*" was given/],
    ['no home region', expect({ homeRegion: 'here' }), /^expect\[1\]\.homeRegion: "here" was given/],
    ['no organization', expect({ organizationId: '' }), /^expect\[1\]\.organizationId: "" was given/],
    ['no time', expect({ since: 'yesterday' }), /^expect\[1\]\.since: "yesterday" was given; .*ISO 8601/],
    ['a number as a time', expect({ until: 0 }), /^expect\[1\]\.until: 0 was given/],
    [
      'an end before the start',
      expect({ until: '2025-12-31' }),
      /^expect\[1\]\.until: .* allowed: a time after 2026-01-01T00:00:00Z$/,
    ],
    ['an end a millisecond before', expect({ since: '2026-01-01T00:00:00.500', until: '2026-01-01' }), /a time after/],
    ['accepted hours without an end', accept({ endTime: undefined }), /^accept\[0\]\.endTime: nothing was given/],
    ['accepted hours of no length', accept({ endTime: '2026-01-10' }), /^accept\[0\]\.endTime: .* a time after/],
    ['no reason', accept({ reason: undefined }), /^accept\[0\]\.reason: nothing was given; allowed: words/],
    ['a blank reason', accept({ reason: ' \n' }), /^accept\[0\]\.reason: " \\n" was given/],
    ['nobody', accept({ by: '' }), /^accept\[0\]\.by: "" was given/],
    ['a name that is no text', accept({ by: null }), /^accept\[0\]\.by: null was given/],
    ['since in what is accepted', accept({ since: '2026-01-01' }), /^accept\[0\]\."since" is not known/],
  ]
  for (const [sentence, given, reason] of rows) t.match(reasonOf(given), reason, sentence)
  t.match(parse('{"expect":[],"expect":[]}'), { ok: false, reason: /"expect" is there twice/ }, 'a field twice')
  t.match(parse('expect'), { ok: false, reason: /not valid JSON/ })
  const accountIds = Array.from({ length: 1000 }, (_, i) => String(100_000_000_000 + i))
  const trails = Array.from({ length: 251 }, (_, i) => `trail-${i}`)
  t.match(reasonOf({ expect: [{ accountIds, trails }] }), /^expect: 251000 combinations were given; allowed: at most 250000$/)
})

t.test('the report of an earlier run', async (t) => {
  const chain = {
    accountId: '111122223333',
    region: 'us-east-1',
    trail: 'main',
    homeRegion: 'us-east-1',
    organizationId: null,
    kind: 'standard',
    startTime: '2026-01-01T00:00:00Z',
    endTime: '2026-02-01T00:00:00Z',
    digests: { valid: 3 },
    later: 'fields of a later version',
  }
  const report = (...chains: unknown[]) => ({ schemaVersion: 1, tool: { name: 'verify-trail' }, chains, more: true })
  const expected = {
    accountIds: ['111122223333'],
    regions: ['us-east-1'],
    trails: ['main'],
    homeRegion: 'us-east-1',
    organizationId: null,
    since: '2026-01-01T00:00:00Z',
  }
  const others = [
    { ...chain, kind: 'backfill' },
    { ...chain, digests: { valid: 0 } },
  ]
  t.strictSame(parse(JSON.stringify(report(chain, ...others))), { ok: true, expectations: { expect: [expected], accept: [] } })
  t.match(reasonOf(report(...others)), /no chain with a valid digest/)
  t.match(reasonOf(report(chain, { ...chain, region: '../..' })), /^chains\[1\]\.regions\[0\]: "\.\.\/\.\." was given/)
  t.match(reasonOf(report(null)), /^chains\[0\]: null was given/)
  t.match(reasonOf({ ...report(chain), schemaVersion: 2 }), /schemaVersion/)
  t.match(reasonOf({ ...report(chain), tool: { name: 'another' } }), /no report of verify-trail/)
})

t.test('any bytes are answered', async (t) => {
  const json = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text))
  const keyed = fc
    .record(
      { expect: fc.jsonValue(), accept: fc.jsonValue(), tool: fc.jsonValue(), chains: fc.jsonValue() },
      { requiredKeys: [] },
    )
    .map((value) => Buffer.from(JSON.stringify(value)))
  fc.assert(fc.property(fc.oneof(fc.uint8Array(), json, keyed), (bytes) => typeof parseExpectations(bytes).ok === 'boolean'))
  t.pass('none throws')
})

const MAIN: ChainId = {
  accountId: '111122223333',
  region: 'us-east-1',
  trail: 'main',
  homeRegion: 'us-east-1',
  organizationId: null,
  kind: 'standard',
}
const whole = { accountIds: [MAIN.accountId], regions: [MAIN.region], trails: [MAIN.trail] }
const at = (day: number): string => `2026-01-${String(day).padStart(2, '0')}`
const ms = (day: number): number => Date.parse(at(day))

t.test('what is expected of a chain', async (t) => {
  const of = (expect: readonly object[], id = MAIN) => new ExpectedChains({ expect, accept: [] }).of(id)
  t.match(of([]), { since: null, until: null, delivered: null, accepted: [] })
  t.match(of([{ ...whole, since: at(3), until: at(9) }]), { since: ms(3), until: ms(9) })
  t.match(
    of([{ accountIds: [MAIN.accountId], since: at(3), until: at(9) }]),
    { since: null, until: ms(9) },
    'an account is no chain',
  )
  t.match(
    of([
      { ...whole, since: at(3) },
      { ...whole, since: at(2) },
    ]),
    { since: ms(2) },
    'the earlier of two',
  )
  t.match(of([{ ...whole, until: at(9) }, { regions: [MAIN.region] }]), { until: null }, 'expected without end by another entry')
  t.match(of([{ ...whole, trails: ['other'], since: at(3), until: at(9) }]), { since: null, until: null }, 'another trail')
  t.match(of([{ ...whole, homeRegion: 'eu-west-1', until: at(9) }]), { until: null }, 'another home region')
  t.match(of([{ ...whole, organizationId: 'o-exampleorgid', until: at(9) }]), { until: null }, 'another organization')
  t.match(of([{ ...whole, organizationId: null, until: at(9) }]), { until: ms(9) }, 'of no organization')
})

t.test('what is accepted of a gap', async (t) => {
  const words = { startTime: at(1), endTime: at(2), reason: 'r', by: 'b' }
  const accepts = (selection: object, names: object) =>
    new ExpectedChains({ expect: [], accept: [{ ...words, ...selection } as AcceptedGap] }).accepted({ ...MAIN, ...names })
      .length > 0
  t.ok(accepts(whole, {}))
  t.ok(accepts({ regions: ['us-east-1'] }, {}))
  t.notOk(accepts({ regions: ['eu-west-1'] }, {}))
  t.notOk(accepts(whole, { trail: null }), 'a gap of the whole region is more than that of one trail')
  t.ok(accepts({ accountIds: [MAIN.accountId] }, { region: null, trail: null }))
  t.notOk(accepts({ ...whole, organizationId: 'o-exampleorgid' }, {}))
})

t.test('a gap is cut at the borders of what is accepted', async (t) => {
  const accepted = (start: number, end: number, entry: number) => ({ start, end, entry, reason: 'r', by: `${entry}` })
  const cut = (...hours: ReturnType<typeof accepted>[]) =>
    splitAccepted({ start: 10, end: 20 }, hours).map(({ start, end, accepted: by }) => `${start}-${end} ${by?.by ?? '-'}`)
  t.strictSame(cut(), ['10-20 -'])
  t.strictSame(cut(accepted(0, 10, 0), accepted(20, 30, 1)), ['10-20 -'])
  t.strictSame(cut(accepted(0, 30, 0)), ['10-20 0'])
  t.strictSame(cut(accepted(12, 14, 0)), ['10-12 -', '12-14 0', '14-20 -'])
  t.strictSame(cut(accepted(5, 14, 0), accepted(12, 18, 1)), ['10-14 0', '14-18 1', '18-20 -'])
  t.strictSame(cut(accepted(12, 18, 0), accepted(14, 16, 1)), ['10-12 -', '12-18 0', '18-20 -'])
  const moment = fc.nat({ max: 30 })
  const hours = fc.tuple(moment, moment).map(([start, length]) => accepted(start, start + length, 0))
  fc.assert(
    fc.property(fc.array(hours, { maxLength: 5 }), (all) => {
      const parts = splitAccepted({ start: 10, end: 20 }, all)
      const inOrder = parts.every((part, i) => part.start < part.end && part.start === (parts[i - 1]?.end ?? 10))
      const rightly = Array.from({ length: 10 }, (_, i) => 10 + i).every((moment) => {
        const part = parts.find(({ start, end }) => start <= moment && moment < end)
        return (part?.accepted !== undefined) === all.some(({ start, end }) => start <= moment && moment < end)
      })
      return inOrder && rightly && parts.at(-1)?.end === 20
    }),
  )
})
