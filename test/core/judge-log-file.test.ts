import t from 'tap'
import { type Observation, verdictOf } from '../../src/core/finding.js'
import { type CopyFact, judgeLogFile, judgeUntrustedLogFile, type StandingClaim } from '../../src/core/judge-log-file.js'
import type { Damage, Measured } from '../../src/core/measurement.js'

const A = 'aa'.repeat(32)
const B = 'bb'.repeat(32)
const C = 'cc'.repeat(32)

function claim(ordinal: number, hash: string, more: Partial<StandingClaim> = {}): StandingClaim {
  return { hash, algorithm: 'SHA-256', digest: `s3://logs/digest-${ordinal}`, ordinal, standing: 'vouching', ...more }
}

function measured(sha256: string, more: Partial<Measured> = {}, live = true): CopyFact {
  const whole: Measured = { kind: 'measured', gzip: true, sha256, bytesRead: 10, bytesInflated: 20, trailing: null, damage: null }
  return { kind: 'measured', measurement: { ...whole, ...more }, live }
}

const damaged = (damage: Damage, live = true): CopyFact => measured('', { damage, bytesInflated: 0 }, live)
const plain = (sha256: string, live: boolean): CopyFact => measured(sha256, { gzip: false }, live)
const trailing = (sha256: string): CopyFact => measured(sha256, { trailing: { offset: 10, bytes: 3 } })
const tooLarge: CopyFact = { kind: 'measured', measurement: { kind: 'too-large', limit: 5, bytesRead: 3 }, live: true }
const missing: CopyFact = { kind: 'missing' }
const denied: CopyFact = { kind: 'unreadable', reason: 'access-denied', detail: 'why' }

const told = (observations: readonly Observation[]): string[] =>
  observations.map((observation) => `${observation.code}${verdictOf(observation) === 'note' ? ' note' : ''}`)

type Row = readonly [
  sentence: string,
  claims: readonly StandingClaim[],
  copies: readonly CopyFact[],
  status: string,
  codes: readonly string[],
]

const MD5 = { algorithm: 'MD5' }
const lists = [claim(1, A)]

const rows: readonly Row[] = [
  ['as listed', lists, [measured(A)], 'valid', []],
  ['listed by two digests with one hash', [claim(1, A), claim(2, A)], [measured(A)], 'valid', []],
  ['not there', lists, [missing], 'missing', ['LOG_FILE_MISSING']],
  ['not there, in no copy', lists, [missing, missing], 'missing', ['LOG_FILE_MISSING']],
  ['nowhere to look', lists, [], 'missing', ['LOG_FILE_MISSING']],
  ['not there, but in another copy', lists, [missing, measured(A)], 'valid', []],
  ['not there, and listed with two hashes', [claim(1, A), claim(2, B)], [missing], 'missing', ['LOG_FILE_MISSING']],
  ['cannot be read', lists, [denied], 'unverified', ['LOG_FILE_UNREADABLE']],
  ['cannot be read here, not there elsewhere', lists, [denied, missing], 'unverified', ['LOG_FILE_UNREADABLE']],
  ['one of two copies cannot be read', lists, [measured(A), denied], 'unverified', ['LOG_FILE_UNREADABLE']],
  ['another hash', lists, [measured(B)], 'invalid', ['LOG_FILE_MODIFIED']],
  ['one of two copies modified', lists, [measured(A), measured(B)], 'invalid', ['LOG_FILE_MODIFIED']],
  [
    'one copy modified, one cannot be read',
    lists,
    [measured(B), denied],
    'invalid',
    ['LOG_FILE_MODIFIED', 'LOG_FILE_UNREADABLE'],
  ],
  ['an algorithm that is not known', [claim(1, A, MD5)], [measured(A)], 'unverified', ['LOG_FILE_ALGORITHM_UNSUPPORTED']],
  [
    'an algorithm that is not known, of what is damaged',
    [claim(1, A, MD5)],
    [damaged('empty')],
    'unverified',
    ['LOG_FILE_ALGORITHM_UNSUPPORTED'],
  ],
  ['an algorithm that is not known, of what is not there', [claim(1, A, MD5)], [missing], 'missing', ['LOG_FILE_MISSING']],
  ['an algorithm that is not known, of what cannot be read', [claim(1, A, MD5)], [denied], 'unverified', ['LOG_FILE_UNREADABLE']],
  [
    'a hash name in another case is not known',
    [claim(1, A, { algorithm: 'sha-256' })],
    [measured(A)],
    'unverified',
    ['LOG_FILE_ALGORITHM_UNSUPPORTED'],
  ],
  ['one digest of two with SHA-256', [claim(1, 'x', MD5), claim(2, A)], [measured(A)], 'valid', []],
  [
    'one digest of two with SHA-256, another hash',
    [claim(1, 'x', MD5), claim(2, A)],
    [measured(B)],
    'invalid',
    ['LOG_FILE_MODIFIED'],
  ],
  ['empty', lists, [damaged('empty')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['empty, in an export', lists, [damaged('empty', false)], 'invalid', ['LOG_FILE_MALFORMED']],
  ['truncated', lists, [damaged('truncated')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['a damaged header', lists, [damaged('bad header')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['damaged deflate data', lists, [damaged('bad deflate data')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['a damaged checksum', lists, [damaged('bad crc')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['a damaged length', lists, [damaged('bad length')], 'invalid', ['LOG_FILE_MALFORMED']],
  ['not gzip, on S3', lists, [plain(A, true)], 'invalid', ['LOG_FILE_MALFORMED']],
  ['not gzip, in an export: its hash counts', lists, [plain(A, false)], 'valid', []],
  ['not gzip, in an export, another hash', lists, [plain(B, false)], 'invalid', ['LOG_FILE_MODIFIED']],
  ['bytes after the member', lists, [trailing(A)], 'invalid', ['LOG_FILE_TRAILING_DATA']],
  ['bytes after the member, and another hash', lists, [trailing(B)], 'invalid', ['LOG_FILE_TRAILING_DATA', 'LOG_FILE_MODIFIED']],
  ['too large', lists, [tooLarge], 'unverified', ['LOG_FILE_TOO_LARGE']],
  ['one copy too large, one modified', lists, [tooLarge, measured(B)], 'invalid', ['LOG_FILE_TOO_LARGE', 'LOG_FILE_MODIFIED']],
  ['two hashes, one of them as found', [claim(1, A), claim(2, B)], [measured(B)], 'invalid', ['LOG_FILE_CONFLICTING']],
  ['two hashes of one digest', [claim(1, A), claim(1, B)], [measured(A)], 'invalid', ['LOG_FILE_CONFLICTING']],
  [
    'two hashes, neither as found: the first that fits',
    [claim(1, A), claim(2, B)],
    [measured(C)],
    'invalid',
    ['LOG_FILE_MODIFIED'],
  ],
  [
    'two hashes of what is damaged: the first that fits',
    [claim(1, A), claim(2, B)],
    [damaged('empty')],
    'invalid',
    ['LOG_FILE_MALFORMED'],
  ],
  [
    'two hashes of what cannot be read: the first that fits',
    [claim(1, A), claim(2, B)],
    [denied],
    'unverified',
    ['LOG_FILE_UNREADABLE'],
  ],
]

t.test('judgeLogFile', async (t) => {
  for (const [sentence, claims, copies, status, codes] of rows) {
    const judgement = judgeLogFile(claims, copies, { beforeRange: false })
    t.strictSame([judgement.status, told(judgement.observations).sort()], [status, [...codes].sort()], sentence)
    if (status === 'valid') t.equal(judgement.found, judgement.expected, `${sentence}: what was found is what is listed`)
  }
})

t.test('named before the range', async (t) => {
  const before = (copies: readonly CopyFact[]): string[] => told(judgeLogFile(lists, copies, { beforeRange: true }).observations)
  t.strictSame(before([missing]), ['LOG_FILE_MISSING note'], 'not being there is a note')
  t.strictSame(before([measured(B)]), ['LOG_FILE_MODIFIED'], 'being another file is not')
  t.strictSame(before([damaged('truncated')]), ['LOG_FILE_MALFORMED'], 'nor being damaged')
  t.strictSame(before([denied]), ['LOG_FILE_UNREADABLE'], 'nor not being read')
})

t.test('findings carry what proves them', async (t) => {
  const two = [claim(1, A), claim(2, A)]
  const listedBy = ['s3://logs/digest-1', 's3://logs/digest-2']
  const first = (claims: readonly StandingClaim[], copies: readonly CopyFact[]) =>
    judgeLogFile(claims, copies, { beforeRange: false }).observations[0]?.fields
  t.strictSame(first(two, [measured(B)]), { expected: A, found: B, listedBy }, 'modified: both hashes, and who lists it')
  t.strictSame(first(two, [missing]), { expected: A, listedBy }, 'missing: the hash, and who lists it')
  t.strictSame(first(two, [denied]), { reason: 'access-denied', detail: 'why' }, 'unreadable: the reason')
  t.strictSame(first(two, [trailing(A)]), { offset: 10, bytes: 3 }, 'trailing data: where, and how many')
  t.strictSame(first(two, [tooLarge]), { limit: 5 }, 'too large: the limit')
  t.strictSame(first([claim(1, A, MD5)], [measured(A)]), { hashAlgorithm: 'MD5' }, 'unsupported: the algorithm')
  const conflict = first([claim(1, A), claim(2, B)], [measured(A)])
  const claims = [
    { digest: 's3://logs/digest-1', expected: A },
    { digest: 's3://logs/digest-2', expected: B },
  ]
  t.strictSame(conflict, { claims, found: A }, 'conflicting: each digest with its hash, and what was found')
  const long = first([claim(1, A, { algorithm: 'x'.repeat(100_000) })], [measured(A)])
  t.ok(JSON.stringify(long).length < 1000, 'a long algorithm is not repeated')
})

type UntrustedRow = readonly [
  sentence: string,
  standings: readonly StandingClaim['standing'][],
  copy: CopyFact,
  reason: string,
  found: string | null,
  detail?: string,
]

const untrusted: readonly UntrustedRow[] = [
  ['by an unverified digest, as listed', ['unverified'], measured(A), 'digest-unverified', A],
  ['by an unverified digest, another hash', ['unverified'], measured(B), 'digest-unverified', B],
  ['by an invalid digest', ['invalid'], measured(A), 'digest-invalid', A],
  ['by both', ['invalid', 'unverified'], measured(A), 'digest-unverified', A],
  ['not there', ['unverified'], missing, 'digest-unverified', null, 'not there'],
  ['cannot be read', ['unverified'], denied, 'digest-unverified', null, 'access-denied'],
  ['damaged', ['unverified'], damaged('bad crc'), 'digest-unverified', null, 'bad crc'],
  ['too large', ['unverified'], tooLarge, 'digest-unverified', null, 'too large'],
  ['trailing data', ['unverified'], trailing(A), 'digest-unverified', A, 'trailing data'],
]

t.test('judgeUntrustedLogFile: hashed and reported all the same, never valid, never invalid', async (t) => {
  for (const [sentence, standings, copy, reason, found, detail] of untrusted) {
    const claims = standings.map((standing, index) => claim(index, A, { standing }))
    const judgement = judgeUntrustedLogFile(claims, [copy])
    t.strictSame([judgement.status, told(judgement.observations)], ['unverified', ['LOG_FILE_CLAIM_UNTRUSTED']], sentence)
    const listedBy = claims.map(({ digest }) => digest)
    const fields = { expected: A, found, listedBy, reason, ...(detail === undefined ? {} : { detail }) }
    t.strictSame(judgement.observations[0]?.fields, fields, `${sentence}: what it carries`)
  }
})
