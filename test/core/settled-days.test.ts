/** Settled days: which become one span, and what runs say of them one after the other. */
import t from 'tap'
import { foldMonths, joinClaimants } from '../../src/core/fold-days.js'
import type { SettledDays, SettledDigests, SettledLogFiles, Stretch } from '../../src/core/settled-days.js'
import { isChange, settledAfter, settledChange } from '../../src/state/settled-records.js'

const at = (day: string): number => Date.parse(`2026-${day}T00:00:00Z`)
const short = (day: number): string => new Date(day).toISOString().slice(5, 10)
const hash = (text: string): string => text.padEnd(64, '0')

/** Of two digests; the one before is that of the day before. */
function stretch(day: string, trail = 'main', before?: string): Stretch {
  const name = (end: string): string => `AWSLogs/${trail}/${end}`
  const previous = before ?? short(at(day) - 86_400_000)
  return {
    place: 0,
    trail,
    homeRegion: 'us-east-1',
    digests: 2,
    bytes: 10,
    logFiles: 3,
    families: ['CloudTrail'],
    keys: [{ fingerprint: day < '02-15' ? 'old' : 'new', sha256: hash('a'), digests: 2, from: at(day), to: at(day) + 1 }],
    startTime: at(day),
    previous: {
      s3Bucket: 'b',
      s3Object: name(previous),
      hashValue: hash(previous),
      hashAlgorithm: 'SHA-256',
      signature: previous,
    },
    last: {
      bucket: 'b',
      key: name(day),
      endTimeText: '',
      sha256: hash(day),
      fingerprint: 'old',
      algorithm: 'SHA256withRSA',
      previousSignature: '',
      signature: day,
    },
  }
}

function digests(day: string, stretches: readonly Stretch[] = [stretch(day)]): SettledDigests {
  const from = at(day)
  return { from, to: from, listing: hash(day), read: [1, 2], lists: [from - 86_400_000, from], stretches }
}

function logFiles(day: string, claimants: SettledLogFiles['claimants'] = [[at(day), hash(day)]]): SettledLogFiles {
  const list = { trail: 'main', homeRegion: 'us-east-1', kind: 'standard' as const, logFiles: 4 }
  const from = at(day)
  return {
    from,
    to: from,
    listing: hash(day),
    read: [1, 1],
    logFiles: 4,
    bytesRead: 5,
    bytesInflated: 6,
    listedBy: [list],
    claimants,
  }
}

const days = (...names: readonly string[]): SettledDays => ({
  digests: names.map((day) => digests(day)),
  logFiles: names.map((day) => logFiles(day)),
})
const told = (spans: readonly { readonly from: number; readonly to: number }[]): string[] =>
  spans.map(({ from, to }) => (from === to ? short(from) : `${short(from)}..${short(to)}`))

const FOLDS: readonly { readonly name: string; readonly given: SettledDays; readonly spans: readonly string[] }[] = [
  { name: 'neighbours of a month that is over become one', given: days('02-01', '02-02', '02-03'), spans: ['02-01..02-03'] },
  {
    name: 'a day between them that is not settled parts them',
    given: days('02-01', '02-02', '02-04', '02-05'),
    spans: ['02-01..02-02', '02-04..02-05'],
  },
  { name: 'months stay apart', given: days('02-27', '02-28', '03-01', '03-02'), spans: ['02-27..02-28', '03-01..03-02'] },
  {
    name: 'the month of the oldest digest keeps its days',
    given: days('01-30', '01-31', '02-01', '02-02'),
    spans: ['01-30', '01-31', '02-01..02-02'],
  },
  {
    name: 'a month that is not over keeps its days',
    given: days('03-30', '03-31', '04-01', '04-02'),
    spans: ['03-30..03-31', '04-01', '04-02'],
  },
]

for (const { name, given, spans } of FOLDS) {
  t.test(name, async (t) => {
    const folded = foldMonths(given, at('01-10'), at('04-10'))
    t.same(told(folded.digests), spans)
    t.same(told(folded.logFiles), spans)
    t.same(foldMonths(folded, at('01-10'), at('04-10')), folded, 'what is folded stays as it is')
  })
}

t.test('a span adds up its days, and ties the first to the last', async (t) => {
  const {
    digests: [span],
    logFiles: [files],
  } = foldMonths(days('02-14', '02-15', '02-16'), at('01-10'), at('04-10'))
  t.match(span, { read: [1, 2], lists: [at('02-13'), at('02-16')] })
  t.equal(span?.stretches.length, 1)
  t.match(span?.stretches[0], {
    digests: 6,
    bytes: 30,
    logFiles: 9,
    startTime: at('02-14'),
    previous: { signature: '02-13' },
    last: { signature: '02-16' },
    keys: [
      { fingerprint: 'old', digests: 2 },
      { fingerprint: 'new', digests: 4, from: at('02-15'), to: at('02-16') + 1 },
    ],
  })
  t.match(files, { logFiles: 12, bytesRead: 15, bytesInflated: 18, listedBy: [{ logFiles: 12 }] })
  t.equal(files?.claimants.length, 3)
})

t.test('digests that do not follow one another, other chains, buckets and places, stay stretches of their own', async (t) => {
  const apart = [digests('02-01'), digests('02-02', [stretch('02-02', 'main', '01-20')])]
  const other = [digests('02-01'), digests('02-02', [stretch('02-02'), stretch('02-02', 'other')])]
  const moved = stretch('02-02')
  const bucket = [digests('02-01'), digests('02-02', [{ ...moved, last: { ...moved.last, bucket: 'another' } }])]
  const place = [digests('02-01'), digests('02-02', [{ ...moved, place: 1 }])]
  for (const given of [apart, other, bucket, place]) {
    const [span] = foldMonths({ digests: given, logFiles: [] }, at('01-10'), at('04-10')).digests
    t.equal(span?.stretches.length, 2)
  }
})

t.test('what digests of a day list on several days is one hash, of one day its own', async (t) => {
  const [one, two] = [hash('1'), hash('2')]
  t.same(joinClaimants([[[7, one]], []]), [[7, one]])
  const joined = joinClaimants([
    [
      [7, one],
      [8, one],
    ],
    [[8, two]],
  ])
  t.same(joined[0], [7, one])
  t.not(joined[1]?.[1], one)
  t.notSame(joinClaimants([[[8, two]], [[8, one]]]), joinClaimants([[[8, one]], [[8, two]]]))
})

t.test('a run says what it settled, and what of it is settled no more', async (t) => {
  const scope = { name: 'a', digestFolders: [], logFolders: [] }
  const before = days('02-01', '02-02', '02-03')
  t.notOk(isChange(settledChange(2, scope, before, before)))
  const first = settledChange(1, scope, { digests: [], logFiles: [] }, before)
  const folded = foldMonths(before, at('01-10'), at('04-10'))
  const second = settledChange(2, scope, before, folded)
  const third = settledChange(3, scope, folded, { digests: [], logFiles: folded.logFiles })
  const records = [first, second, third]
  t.ok(records.every(isChange))
  t.same(settledAfter(records.slice(0, 1)), before)
  t.same(settledAfter(records.slice(0, 2)), folded)
  t.same(settledAfter(records), { digests: [], logFiles: folded.logFiles })
})
