import fc from 'fast-check'
import t from 'tap'
import {
  type DigestKey,
  isAccountId,
  isOrganizationId,
  isRegion,
  type LogFileFamily,
  type LogFileKey,
  type ObjectKey,
  parseObjectKey,
} from '../../src/core/object-key.js'

const ACCOUNT = '123456789012'
const DIGESTS = `AWSLogs/${ACCOUNT}/CloudTrail-Digest/us-east-1`
const DIGEST_DAY = `${DIGESTS}/2026/01/10`
const DIGEST_HEAD = `${ACCOUNT}_CloudTrail-Digest_us-east-1`
const DIGEST = `${DIGEST_DAY}/${DIGEST_HEAD}_main_us-east-1_20260110T010434Z.json.gz`
const LOGS = `AWSLogs/${ACCOUNT}/CloudTrail/us-east-1`
const LOG_DAY = `${LOGS}/2026/01/10`
const LOG_NAME = `${ACCOUNT}_CloudTrail_us-east-1_20260110T0105Z_AbCdEfGh01234567.json.gz`
const LOG = `${LOG_DAY}/${LOG_NAME}`
const DAY = Date.UTC(2026, 0, 10)

const digestKey: DigestKey = {
  kind: 'digest',
  prefix: '',
  organizationId: null,
  accountId: ACCOUNT,
  region: 'us-east-1',
  trail: 'main',
  homeRegion: 'us-east-1',
  endTime: Date.UTC(2026, 0, 10, 1, 4, 34),
  backfill: false,
}
const logFileKey: LogFileKey = {
  kind: 'log-file',
  prefix: '',
  organizationId: null,
  accountId: ACCOUNT,
  region: 'us-east-1',
  family: 'CloudTrail',
  time: Date.UTC(2026, 0, 10, 1, 5),
  day: DAY,
}

const exact: readonly [sentence: string, key: string, expected: ObjectKey][] = [
  ['a digest', DIGEST, digestKey],
  ['a backfill digest', DIGEST.replace('Z.json', 'Z_backfill.json'), { ...digestKey, backfill: true }],
  ['a digest below a prefix', `a/b/${DIGEST}`, { ...digestKey, prefix: 'a/b/' }],
  ['a digest below an empty folder', `/${DIGEST}`, { ...digestKey, prefix: '/' }],
  [
    'a digest of an organization',
    DIGEST.replace('AWSLogs/', 'AWSLogs/o-abc123defg/'),
    { ...digestKey, organizationId: 'o-abc123defg' },
  ],
  [
    'a digest of another home region',
    DIGEST.replace('main_us-east-1', 'main_eu-west-1'),
    { ...digestKey, homeRegion: 'eu-west-1' },
  ],
  [
    'a trail named like another trail and its home region',
    DIGEST.replace('main_us-east-1', 'main_us-east-1_x_us-east-1'),
    { ...digestKey, trail: 'main_us-east-1_x' },
  ],
  [
    'a trail with a time in its name',
    DIGEST.replace('main', 'a_us-east-1_20260110T010434Z_backfill.json.gz'),
    { ...digestKey, trail: 'a_us-east-1_20260110T010434Z_backfill.json.gz' },
  ],
  ['a trail that begins with an underscore', DIGEST.replace('main', '_._'), { ...digestKey, trail: '_._' }],
  ['a log file', LOG, logFileKey],
  ['a log file in the old form, without an underscore', LOG.replace('Z_Ab', 'ZAb'), logFileKey],
  [
    'a log file in another day’s folder has no time',
    LOG.replace('/10/', '/11/'),
    { ...logFileKey, time: null, day: DAY + 86_400_000 },
  ],
  ['a log file below a prefix that looks like AWSLogs', `AWSLogs/x/${LOG}`, { ...logFileKey, prefix: 'AWSLogs/x/' }],
  ['a log file below AWSLogs twice', `AWSLogs/${LOG}`, { ...logFileKey, prefix: 'AWSLogs/' }],
  [
    'a log file below an export of Lake',
    `AWSLogs/${ACCOUNT}/CloudTrail-Lake/${LOG}`,
    { ...logFileKey, prefix: `AWSLogs/${ACCOUNT}/CloudTrail-Lake/` },
  ],
  ...(['CloudTrail-Insight', 'CloudTrail-NetworkActivity', 'CloudTrail-Aggregated'] as const).map(
    (family): [string, string, ObjectKey] => [
      `a log file of ${family}`,
      LOG.replaceAll('CloudTrail', family),
      { ...logFileKey, family },
    ],
  ),
]

t.test('keys that CloudTrail gives', async (t) => {
  for (const [sentence, key, expected] of exact) t.same(parseObjectKey(key), expected, sentence)
})

type Foreign = Partial<Extract<ObjectKey, { kind: 'foreign' }>>
const inDigests: Foreign = { folder: 'digest', reason: 'name', region: 'us-east-1', day: DAY, accountId: ACCOUNT, prefix: '' }
const inLogs: Foreign = { ...inDigests, folder: 'log-file' }

const foreign: readonly [sentence: string, key: string, expected: Foreign][] = [
  ['a digest that is not compressed by name', DIGEST.slice(0, -3), inDigests],
  ['a digest of another account in its name', DIGEST.replace(`${ACCOUNT}_`, '999999999999_'), inDigests],
  ['a digest of another region in its name', DIGEST.replace('Digest_us-east-1', 'Digest_us-east-2'), inDigests],
  ['a digest whose home has not a region’s grammar', DIGEST.replace('main_us-east-1', 'main_home'), inDigests],
  ['a digest without a home region', DIGEST.replace('main_us-east-1', 'main'), inDigests],
  ['a trail of two letters', DIGEST.replace('main', 'ab'), inDigests],
  ['a trail of 129 letters', DIGEST.replace('main', 'a'.repeat(129)), inDigests],
  ['a trail with a space', DIGEST.replace('main', 'ma in'), inDigests],
  ['a trail with a line break', DIGEST.replace('main', 'ma\nin'), inDigests],
  ['a digest with something after its name', `${DIGEST}\n`, inDigests],
  ['a digest marked as backfill twice', DIGEST.replace('Z.json', 'Z_backfill_backfill.json'), inDigests],
  ['a digest in another day’s folder', DIGEST.replace('/10/', '/11/'), { ...inDigests, reason: 'date', day: DAY + 86_400_000 }],
  [
    'a digest of 30 February',
    DIGEST.replace('/01/10/', '/02/30/').replace('20260110', '20260230'),
    { ...inDigests, reason: 'date', day: null },
  ],
  ['a digest of 25 o’clock', DIGEST.replace('T010434', 'T250434'), { ...inDigests, reason: 'date' }],
  ['a digest in a folder that is no date', DIGEST.replace('/10/', '/1x/'), { ...inDigests, day: null }],
  ['a date written with hyphens is no day folder', `${DIGESTS}/2026-01-10/x.json.gz`, { ...inDigests, day: null }],
  ['a digest one folder deeper', DIGEST.replace('/10/', '/10/x/'), inDigests],
  ['a digest without day folders', DIGEST.replace('/2026/01/10', ''), { ...inDigests, day: null }],
  ['a digest in a folder that is no region', DIGEST.replaceAll('us-east-1', 'nowhere'), { ...inDigests, region: null }],
  ['a log file in a digest folder', `${DIGEST_DAY}/${LOG_NAME}`, inDigests],
  ['a log folder’s path nested in a digest folder', `${DIGEST_DAY}/${LOG}`, inDigests],
  ['the digest folder itself', `AWSLogs/${ACCOUNT}/CloudTrail-Digest/`, { ...inDigests, region: null, day: null }],
  ['an object named like a region', DIGESTS, { ...inDigests, region: null, day: null }],

  ['a digest in a log folder', DIGEST.replace('/CloudTrail-Digest/', '/CloudTrail/'), inLogs],
  ['a digest’s path nested in a log folder', `${LOG_DAY}/${DIGEST}`, inLogs],
  ['a log file’s path nested in a log folder', `a/${LOG_DAY}/b/${LOG}`, { ...inLogs, prefix: 'a/' }],
  ['a path of another account nested in a log folder', `${LOG_DAY}/${LOG.replaceAll(ACCOUNT, '999999999999')}`, inLogs],
  ['an export of Lake nested in a log folder', `${LOG_DAY}/AWSLogs/${ACCOUNT}/CloudTrail-Lake/Query/x.csv.gz`, inLogs],
  ['a log file of an unknown family', LOG.replaceAll('CloudTrail', 'CloudTrail-Foo'), inLogs],
  ['a folder whose name only begins like a digest’s', LOG.replaceAll('CloudTrail', 'CloudTrail-Digest2'), inLogs],
  ['a log file of another family than its folder', LOG.replace('_CloudTrail_', '_CloudTrail-Insight_'), inLogs],
  ['a log file of another account in its name', LOG.replace(`${ACCOUNT}_`, '999999999999_'), inLogs],
  ['a log file of another region in its name', LOG.replace('_us-east-1', '_us-east-2'), inLogs],
  ['a log file with a unique part of 15', LOG.replace('01234567', '0123456'), inLogs],
  ['a log file with a unique part of 17', LOG.replace('01234567', '012345678'), inLogs],
  ['a log file with two underscores', LOG.replace('Z_Ab', 'Z__b'), inLogs],
  ['a log file with seconds', LOG.replace('T0105Z', 'T010500Z'), inLogs],
  ['a log file of 25 o’clock', LOG.replace('T0105Z', 'T2505Z'), { ...inLogs, reason: 'date' }],
  ['a log file in a folder of 30 February', LOG.replace('/01/10/', '/02/30/'), { ...inLogs, reason: 'date', day: null }],
  ['a log file in the region’s folder', LOG.replace('/2026/01/10', ''), { ...inLogs, day: null }],
  ['a log file with another ending', LOG.replace('.json.gz', '.json.gz.bak'), inLogs],
  [
    'a log file of an organization with a foreign name',
    `AWSLogs/o-abc123defg/${ACCOUNT}/CloudTrail/x`,
    { ...inLogs, organizationId: 'o-abc123defg', region: null, day: null },
  ],
  ['below an organization id that is too short', LOG.replace('AWSLogs/', 'AWSLogs/o-short/'), inLogs],
  ['an account’s folder further down', LOG.replace('AWSLogs/', 'a/AWSLogs//b/'), { ...inLogs, prefix: 'a/' }],
  ['a digest folder further down', DIGEST.replace('AWSLogs/', 'AWSLogs/x/'), inDigests],
  [
    'an account’s folder further down in an organization’s',
    LOG.replace('AWSLogs/', 'AWSLogs/o-abc123defg/x/'),
    { ...inLogs, organizationId: 'o-abc123defg' },
  ],
  ['a name in another script', `${LOG_DAY}/журнал\u{1f600}.json`, inLogs],
  ['a day folder itself', `${LOG_DAY}/`, inLogs],
]

t.test('keys in CloudTrail’s folders that CloudTrail does not give', async (t) => {
  for (const [sentence, key, expected] of foreign) t.match(parseObjectKey(key), { kind: 'foreign', ...expected }, sentence)
})

const other: readonly [sentence: string, key: string][] = [
  ['nothing', ''],
  ['an export of Lake', `AWSLogs/${ACCOUNT}/CloudTrail-Lake/Query/2026/01/10/id/result_1.csv.gz`],
  ['another service', `AWSLogs/${ACCOUNT}/elasticloadbalancing/us-east-1/2026/01/10/x.log`],
  ['AWSLogs in another case', LOG.replace('AWSLogs', 'awslogs')],
  ['AWSLogs as the end of a longer name', `x${LOG}`],
  ['an account of 11 digits', LOG.replace(ACCOUNT, '12345678901')],
  ['a file named like the folder', `AWSLogs/${ACCOUNT}/CloudTrail`],
  ['a key that is encoded', LOG.replaceAll('/', '%2F')],
]

t.test('other keys', async (t) => {
  for (const [sentence, key] of other) t.same(parseObjectKey(key), { kind: 'other' }, sentence)
})

t.test('grammars', async (t) => {
  const regions =
    'us-east-1 us-gov-west-1 us-iso-east-1 us-isob-east-1 eu-isoe-west-1 mx-central-1 eusc-de-east-1 ap-southeast-7 cn-northwest-1'
  for (const region of regions.split(' ')) t.ok(isRegion(region), `${region} is a region`)
  for (const text of [
    '',
    'us-east',
    'us-east-0',
    'US-EAST-1',
    'us_east_1',
    'us-east-1a',
    'us-east-1\n',
    '../us-east-1',
    'us-east-1.evil.example',
  ]) {
    t.notOk(isRegion(text), `${JSON.stringify(text)} is none`)
  }
  t.ok(isAccountId(ACCOUNT), '12 digits are an account id')
  t.notOk(isAccountId('１２３４５６７８９０１２'), 'other digits are none')
  t.ok(isOrganizationId('o-abc123defg'), 'an organization id')
  t.notOk(isOrganizationId('o-ABC123DEFG'), 'no organization id in upper case')
})

t.test('any key', async (t) => {
  const two = (n: number) => String(n).padStart(2, '0')
  const account = fc.stringMatching(/^\d{12}$/)
  const region = fc.constantFrom('us-east-1', 'us-gov-west-1', 'ap-southeast-2')
  const parts = fc.record({
    prefix: fc.constantFrom('', 'p/', 'AWSLogs/', 'a b/ü/', '/'),
    organizationId: fc.constantFrom(null, 'o-abc123defg'),
    accountId: account,
    region,
    time: fc.date({ min: new Date('2013-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  })
  const folderOf = (p: { prefix: string; organizationId: string | null; accountId: string }, name: string) =>
    `${p.prefix}AWSLogs/${p.organizationId === null ? '' : `${p.organizationId}/`}${p.accountId}/${name}`
  const dayOf = (d: Date) => `${d.getUTCFullYear()}/${two(d.getUTCMonth() + 1)}/${two(d.getUTCDate())}`
  const stampOf = (d: Date) => d.toISOString().replaceAll(/[-:]|\.\d+/g, '')

  const digestParts = fc.record({
    trail: fc.stringMatching(/^[A-Za-z0-9._-]{3,128}$/),
    homeRegion: region,
    backfill: fc.boolean(),
  })
  fc.assert(
    fc.property(parts, digestParts, ({ time, ...p }, d) => {
      const name = `${p.accountId}_CloudTrail-Digest_${p.region}_${d.trail}_${d.homeRegion}_${stampOf(time)}${d.backfill ? '_backfill' : ''}`
      const key = `${folderOf(p, 'CloudTrail-Digest')}/${p.region}/${dayOf(time)}/${name}.json.gz`
      t.same(parseObjectKey(key), { kind: 'digest', ...p, ...d, endTime: Math.floor(time.getTime() / 1000) * 1000 })
    }),
    { numRuns: 50 },
  )
  const families = fc.constantFrom<LogFileFamily>(
    'CloudTrail',
    'CloudTrail-Insight',
    'CloudTrail-NetworkActivity',
    'CloudTrail-Aggregated',
  )
  fc.assert(
    fc.property(parts, families, fc.stringMatching(/^[A-Za-z0-9]{16}$/), ({ time, ...p }, family, unique) => {
      const name = `${p.accountId}_${family}_${p.region}_${stampOf(time).slice(0, 13)}Z_${unique}.json.gz`
      const key = `${folderOf(p, family)}/${p.region}/${dayOf(time)}/${name}`
      const expected = {
        time: Math.floor(time.getTime() / 60_000) * 60_000,
        day: Math.floor(time.getTime() / 86_400_000) * 86_400_000,
      }
      t.same(parseObjectKey(key), { kind: 'log-file', ...p, family, ...expected })
    }),
    { numRuns: 50 },
  )
  const segment = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'AWSLogs',
      ACCOUNT,
      'CloudTrail',
      'CloudTrail-Digest',
      'CloudTrail-Lake',
      'us-east-1',
      '2026',
      '01',
      LOG_NAME,
    ),
  )
  const tail = fc.array(segment, { minLength: 1, maxLength: 12 }).map((segments) => segments.join('/'))
  fc.assert(
    fc.property(tail, (key) => parseObjectKey(key).kind !== undefined),
    { numRuns: 500 },
  )
  t.pass('never throws')
  fc.assert(
    fc.property(tail, (below) => ['log-file', 'foreign'].includes(parseObjectKey(`${LOG_DAY}/${below}`).kind)),
    { numRuns: 500 },
  )
  t.pass('nothing below a log folder disappears, nor passes for a digest')
  fc.assert(
    fc.property(tail, (below) => ['digest', 'foreign'].includes(parseObjectKey(`${DIGEST_DAY}/${below}`).kind)),
    { numRuns: 500 },
  )
  t.pass('nothing below a digest folder disappears, nor passes for a log file')
})

t.test('hostile keys take no time', async (t) => {
  const hostile = [
    `${DIGEST_DAY}/${DIGEST_HEAD}_${'_us-east-1'.repeat(100_000)}`,
    `${DIGEST_DAY}/${DIGEST_HEAD}_${'a'.repeat(1_000_000)}`,
    'AWSLogs/'.repeat(100_000),
    `${'AWSLogs/123456789012/'.repeat(50_000)}x`,
    `AWSLogs/${'a/'.repeat(500_000)}x`,
  ]
  for (const key of hostile) t.ok(['foreign', 'other'].includes(parseObjectKey(key).kind), `${key.length} characters`)
})
