import fc from 'fast-check'
import t from 'tap'
import { keysOf } from '../../fixtures/case.js'
import { type CheckedChain, checkChain, DigestChain } from '../../src/core/check-chain.js'
import type { DigestContent, DigestFacts, DigestRecord, SignatureState } from '../../src/core/check-digest.js'
import { HOUR, MINUTE } from '../../src/core/coverage.js'
import type { ChainId } from '../../src/core/findings.js'
import { judgeChain } from '../../src/core/judge-chain.js'
import { parseObjectKey } from '../../src/core/object-key.js'
import { type PublicKey, parsePublicKeyList } from '../../src/core/public-keys.js'

const BUCKET = 'logs'
const SECOND = 1000
const on = (time: string): number => Date.parse(`2026-03-14T${time}Z`)
const short = (time: number): string => new Date(time).toISOString().slice(11, 19)

const id: ChainId = {
  organizationId: null,
  accountId: '111122223333',
  region: 'us-east-1',
  trail: 'main',
  homeRegion: 'us-east-1',
  kind: 'standard',
}

function publicKey(): PublicKey {
  const list = parsePublicKeyList(Buffer.from(keysOf('march')))
  const key = list.ok ? list.keys[0] : undefined
  if (key === undefined) throw new Error('there is a key')
  return key
}
const key = publicKey()

function keyOf(endTime: number, trail = 'main', backfill = false): string {
  const stamp = new Date(endTime).toISOString().replaceAll(/[-:]/g, '').slice(0, 15)
  const name = `111122223333_CloudTrail-Digest_us-east-1_${trail}_us-east-1_${stamp}Z${backfill ? '_backfill' : ''}`
  return `AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/14/${name}.json.gz`
}

interface Given {
  readonly end: string
  /** @default an hour before its end */
  readonly start?: string
  /** When the one before it ends; null for a starting digest. @default an hour before its end */
  readonly after?: string | null
  /** @default verifies */
  readonly own?: SignatureState
  /** Where the link differs from what is there. */
  readonly wrong?: 'hash' | 'signature' | 'algorithm' | 'chain'
  readonly facts?: DigestFacts
  readonly bucket?: string
}

let ordinals = 0

/** A digest as reading makes it; its hash and signature are made of its end. */
function digest({ end, start, after, own = 'verifies', wrong, facts, bucket = BUCKET }: Given): DigestRecord {
  const endTime = on(end)
  const objectKey = keyOf(endTime)
  const name = parseObjectKey(objectKey)
  if (name.kind !== 'digest') throw new Error('the key of a digest')
  const signature = `signature of ${end}`
  const previousEnd = after === undefined ? short(endTime - HOUR) : after
  const content: DigestContent = {
    kind: 'content',
    digest: {
      awsAccountId: '111122223333',
      digestStartTime: start === undefined ? endTime - HOUR : on(start),
      digestEndTime: endTime,
      digestEndTimeText: '',
      digestS3Bucket: BUCKET,
      digestS3Object: objectKey,
      digestPublicKeyFingerprint: key.fingerprint,
      digestSignatureAlgorithm: 'SHA256withRSA',
      starting: previousEnd === null,
      previous:
        previousEnd === null
          ? null
          : {
              s3Bucket: BUCKET,
              s3Object: keyOf(on(previousEnd), wrong === 'chain' ? 'other' : 'main'),
              hashValue: wrong === 'hash' ? 'another hash' : `hash of ${previousEnd}`,
              hashAlgorithm: wrong === 'algorithm' ? 'MD5' : 'SHA-256',
              signature: wrong === 'signature' ? 'another signature' : `signature of ${previousEnd}`,
            },
    },
    logFiles: 0,
    sha256: `hash of ${end}`,
    dataToSign: 'nothing that is signed',
    trailing: null,
    key: { kind: 'key', key, origin: 'test' },
    metadata: { signature, 'signature-algorithm': 'SHA256withRSA' },
    metadataFrom: null,
  }
  return {
    bucket,
    key: objectKey,
    name,
    place: 0,
    ordinal: ordinals++,
    logDays: new Set<number>(),
    listsElsewhere: false,
    families: new Set(),
    facts: facts ?? content,
    metadataSignature: facts === undefined ? own : 'absent',
    successorSignature: 'absent',
  }
}

function chainOf(records: readonly DigestRecord[], kind: ChainId['kind'] = 'standard'): CheckedChain {
  const chain = new DigestChain({ ...id, kind }, false)
  for (const record of records) chain.add(record)
  return checkChain(chain)
}

/** Each digest: when it ends, and what is found about it and about its link. */
function told({ digests }: CheckedChain): string[] {
  return digests.map(({ record, vouches, observations, linkObservations }) => {
    const found = [...observations, ...linkObservations].map((o) =>
      'reason' in o.fields ? `${o.code} ${o.fields.reason}` : o.code,
    )
    return [short(record.name.endTime), vouches ? 'vouches' : '-', ...found].join(' ')
  })
}

const spans = (intervals: readonly { start: number; end: number }[]): string[] =>
  intervals.map(({ start, end }) => `${short(start)}-${short(end)}`)
const runsOf = (checked: CheckedChain): string[] => spans(checked.runs.map((run) => run.interval))

const START: Given = { end: '08:00:00', after: null }
const hours = (...ends: number[]): Given[] => ends.map((hour) => ({ end: `${String(hour).padStart(2, '0')}:00:00` }))

t.test('runs', async (t) => {
  const rows: readonly [sentence: string, given: readonly Given[], runs: readonly string[], covered: readonly string[]][] = [
    ['from the end of its starting digest', [START, ...hours(9, 10)], ['08:00:00-10:00:00'], ['08:00:00-10:00:00']],
    ['else from the start of its oldest digest', hours(9, 10), ['08:00:00-10:00:00'], ['08:00:00-10:00:00']],
    ['one digest alone', hours(9), ['08:00:00-09:00:00'], ['08:00:00-09:00:00']],
    ['a starting digest alone covers nothing', [START], ['08:00:00-08:00:00'], []],
    [
      'a digest that is not there parts two runs',
      [START, ...hours(9, 11, 12)],
      ['08:00:00-09:00:00', '10:00:00-12:00:00'],
      ['08:00:00-09:00:00', '10:00:00-12:00:00'],
    ],
    [
      'a link with another hash parts two runs',
      [...hours(9, 10), { end: '11:00:00', wrong: 'hash' }],
      ['08:00:00-10:00:00', '10:00:00-11:00:00'],
      ['08:00:00-11:00:00'],
    ],
    [
      'a link with another signature parts two runs',
      [...hours(9, 10), { end: '11:00:00', wrong: 'signature' }],
      ['08:00:00-10:00:00', '10:00:00-11:00:00'],
      ['08:00:00-11:00:00'],
    ],
    [
      'what is not proven is in no run',
      [...hours(9), { end: '10:00:00', own: 'absent' }],
      ['08:00:00-09:00:00'],
      ['08:00:00-09:00:00'],
    ],
    [
      'a restart begins a run',
      [START, ...hours(9), { end: '10:30:00', after: null }, { end: '11:30:00' }],
      ['08:00:00-09:00:00', '10:30:00-11:30:00'],
      ['08:00:00-09:00:00', '10:30:00-11:30:00'],
    ],
    [
      'a starting digest may overlap the final one',
      [START, { end: '08:40:00', start: '08:00:00', after: '08:00:00' }, { end: '08:50:00', after: null }, { end: '09:50:00' }],
      ['08:00:00-08:40:00', '08:50:00-09:50:00'],
      ['08:00:00-08:40:00', '08:50:00-09:50:00'],
    ],
  ]
  for (const [sentence, given, runs, covered] of rows) {
    const checked = chainOf(given.map(digest))
    t.strictSame(runsOf(checked), runs, sentence)
    t.strictSame(spans(checked.covered), covered, `${sentence}: its hours`)
  }
})

t.test('proof', async (t) => {
  const rows: readonly [sentence: string, given: readonly Given[], expected: readonly string[]][] = [
    [
      'by its successor, without metadata',
      [{ end: '09:00:00', own: 'verifies' }, ...hours(10)],
      ['09:00:00 vouches', '10:00:00 vouches'],
    ],
    [
      'the newest without a signature',
      [...hours(9), { end: '10:00:00', own: 'absent' }],
      ['09:00:00 vouches', '10:00:00 - DIGEST_SIGNATURE_MISSING'],
    ],
    [
      'a signature that does not verify',
      [...hours(9), { end: '10:00:00', own: 'fails' }],
      ['09:00:00 vouches', '10:00:00 - DIGEST_SIGNATURE_INVALID'],
    ],
    [
      'a link to what could not be read says nothing',
      [{ end: '09:00:00', facts: { kind: 'unreadable', reason: 'kms' } }, ...hours(10)],
      ['09:00:00 - DIGEST_UNREADABLE kms', '10:00:00 vouches'],
    ],
    [
      'a link to what is not there says nothing here',
      [{ end: '09:00:00', facts: { kind: 'missing' } }, ...hours(10)],
      ['09:00:00 -', '10:00:00 vouches'],
    ],
    [
      'another body where the link leads',
      [{ end: '09:00:00', facts: { kind: 'malformed', reason: 'x', sha256: 'ff' } }, ...hours(10)],
      ['09:00:00 - DIGEST_MALFORMED x', '10:00:00 vouches DIGEST_LINK_BROKEN hash'],
    ],
    [
      'no body where the link leads',
      [{ end: '09:00:00', facts: { kind: 'malformed', reason: 'x', sha256: null } }, ...hours(10)],
      ['09:00:00 - DIGEST_MALFORMED x', '10:00:00 vouches'],
    ],
    ['moved', [{ end: '09:00:00', bucket: 'elsewhere' }], ['09:00:00 - DIGEST_MOVED']],
    [
      'a link with another hash',
      [...hours(9), { end: '10:00:00', wrong: 'hash' }],
      ['09:00:00 vouches', '10:00:00 vouches DIGEST_LINK_BROKEN hash'],
    ],
    [
      'a link with another signature',
      [...hours(9), { end: '10:00:00', wrong: 'signature' }],
      ['09:00:00 vouches', '10:00:00 vouches DIGEST_LINK_BROKEN signature'],
    ],
    [
      'a link with a hash of another algorithm, and the right signature',
      [...hours(9), { end: '10:00:00', wrong: 'algorithm' }],
      ['09:00:00 vouches', '10:00:00 vouches'],
    ],
    [
      'a link to another chain',
      [...hours(9), { end: '10:00:00', wrong: 'chain' }],
      ['09:00:00 vouches', '10:00:00 vouches DIGEST_LINK_BROKEN other-chain'],
    ],
    [
      'a link to a digest that ends after it starts',
      [{ end: '09:00:01' }, { end: '10:00:00', after: '09:00:01' }],
      ['09:00:01 vouches', '10:00:00 vouches'],
    ],
    [
      'a link to a digest that ended before it starts',
      [{ end: '08:59:59' }, { end: '10:00:00', after: '08:59:59' }],
      ['08:59:59 vouches', '10:00:00 vouches'],
    ],
  ]
  for (const [sentence, given, expected] of rows) t.strictSame(told(chainOf(given.map(digest))), expected, sentence)
})

t.test('out of chain', async (t) => {
  const chain = [START, ...hours(9, 10, 11)]
  const NOT = '- DIGEST_OUT_OF_CHAIN not-linked'
  const rows: readonly [sentence: string, given: Given, expected: string][] = [
    ['unsigned, at the start of the run', { end: '08:00:00', after: null, own: 'absent', bucket: 'copy' }, '- DIGEST_MOVED'],
    ['unsigned, a second after the start', { end: '08:00:01', own: 'absent' }, NOT],
    ['unsigned, a second before the end', { end: '10:59:59', own: 'absent' }, NOT],
    ['unsigned, a second after the end', { end: '11:00:01', own: 'absent' }, '- DIGEST_SIGNATURE_MISSING'],
    ['unsigned, a second before the start', { end: '07:59:59', own: 'absent' }, '- DIGEST_SIGNATURE_MISSING'],
    ['signed, inside', { end: '09:30:00' }, NOT],
    ['signed by another, inside', { end: '09:30:00', own: 'fails' }, NOT],
    ['no digest, inside', { end: '09:30:00', facts: { kind: 'malformed', reason: 'x', sha256: null } }, NOT],
    [
      'unreadable, inside: not known what it is',
      { end: '09:30:00', facts: { kind: 'unreadable', reason: 'kms' } },
      '- DIGEST_UNREADABLE kms',
    ],
    ['signed, starting, inside', { end: '09:30:00', after: null }, NOT],
    ['signed, starting, after the run', { end: '11:00:01', after: null }, 'vouches'],
  ]
  for (const [sentence, given, expected] of rows) {
    const planted = digest(given)
    const checked = chainOf([...chain.map(digest), planted])
    const found = checked.digests.filter(({ record }) => record === planted)
    t.strictSame(told({ ...checked, digests: found }), [`${given.end} ${expected}`], sentence)
    const genuine = checked.digests.filter(({ record }) => record !== planted)
    t.ok(
      genuine.every(({ vouches }) => vouches),
      `${sentence}: the chain still vouches`,
    )
    t.equal(spans(checked.covered)[0]?.slice(0, 8), '08:00:00', `${sentence}: its hours are covered all the same`)
  }
})

t.test('a link that skips a validly signed digest', async (t) => {
  const checked = chainOf([...hours(9, 10, 11), { end: '09:30:00', own: 'verifies' } as const].map(digest))
  t.strictSame(
    told(checked),
    [
      '09:00:00 vouches',
      '09:30:00 - DIGEST_OUT_OF_CHAIN not-linked',
      '10:00:00 vouches DIGEST_LINK_BROKEN skips',
      '11:00:00 vouches',
    ],
    'the first digest after it carries that link',
  )
  const unsigned = chainOf([...hours(9, 10, 11), { end: '09:30:00', own: 'absent' } as const].map(digest))
  t.notOk(
    told(unsigned).some((text) => text.includes('LINK_BROKEN')),
    'an unsigned one breaks no link',
  )
})

t.test('links that fork: the run is the branch that ends last', async (t) => {
  const fork = [...hours(9, 10), { end: '10:30:00', after: '09:00:00' }, ...hours(11)].map(digest)
  const checked = chainOf(fork)
  t.ok(told(checked).includes('10:30:00 - DIGEST_OUT_OF_CHAIN not-linked'), 'the other is out of chain')
})

t.test('backfill digests cover nothing and are never out of chain', async (t) => {
  const checked = chainOf([...hours(9, 10), { end: '09:30:00' } as const].map(digest), 'backfill')
  t.strictSame([checked.covered, checked.runs], [[], []], 'no hours, no runs of dates')
  t.notOk(
    told(checked).some((text) => text.includes('OUT_OF_CHAIN')),
    'their dates go back and forth',
  )
})

t.test('a copy of a member is judged by its own bytes', async (t) => {
  const [good, copy] = [
    digest({ end: '09:00:00' }),
    digest({ end: '09:00:00', facts: { kind: 'malformed', reason: 'x', sha256: null } }),
  ]
  const checked = chainOf([...hours(8, 10).map(digest), good, copy])
  t.strictSame(
    told(checked).filter((text) => text.startsWith('09')),
    ['09:00:00 vouches', '09:00:00 - DIGEST_MALFORMED x'],
    'good and bad',
  )
})

t.test('the order in which digests are read changes nothing', async (t) => {
  const given: readonly Given[] = [
    START,
    ...hours(9, 10),
    { end: '10:20:00', own: 'absent' },
    { end: '10:40:00' },
    { end: '11:00:00', wrong: 'hash' },
    ...hours(12),
    { end: '13:30:00', after: null },
    { end: '14:30:00', own: 'fails' },
  ]
  const expected = told(chainOf(given.map(digest)))
  t.equal(expected.length, given.length, 'all are judged')
  fc.assert(
    fc.property(fc.shuffledSubarray([...given], { minLength: given.length }), (order) => {
      return JSON.stringify(told(chainOf(order.map(digest)))) === JSON.stringify(expected)
    }),
  )
  t.pass('in any order')
})

t.test('hours of the range are covered or open, never both, never neither', async (t) => {
  const state = fc.constantFrom('there', 'unsigned', 'forged', 'missing', 'restart')
  const time = fc.nat({ max: 12 * 12 })
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 10 }), time, time, fc.nat({ max: 24 }), (states, a, b, nowHour) => {
      const records = states.flatMap((what, index): DigestRecord[] => {
        const end = short(on('01:00:00') + index * HOUR)
        if (what === 'missing') return []
        if (what === 'restart') return [digest({ end, after: null })]
        return [digest({ end, own: what === 'there' ? 'verifies' : what === 'unsigned' ? 'absent' : 'fails' })]
      })
      const start = on('00:00:00') + Math.min(a, b) * 5 * MINUTE
      const end = on('00:00:00') + Math.max(a, b) * 5 * MINUTE + SECOND
      const now = on('00:00:00') + nowHour * HOUR
      const checked = chainOf(records)
      const judged = judgeChain(checked, { askedStart: start, askedEnd: end, defaultEnd: null, newestValid: null, now })
      const inAny = (at: number, intervals: readonly { start: number; end: number }[]): boolean =>
        intervals.some((interval) => interval.start <= at && at < interval.end)
      for (let at = start; at < end; at += MINUTE) {
        const proven = inAny(at, checked.covered)
        if (judged.known && proven === inAny(at, judged.gaps)) return false
      }
      const within = judged.gaps.every((gap) => gap.start >= start && gap.end <= end && gap.start < gap.end)
      const apart = judged.gaps.every((gap, index) => gap.start >= (judged.gaps[index - 1]?.end ?? start))
      return within && apart
    }),
    { numRuns: 500 },
  )
  t.pass('500 chains')
})
