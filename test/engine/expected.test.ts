/** What is expected of a run, by the operator or by CloudTrail's own word, and which gaps are accepted: at the edges. */
import t from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { type DigestOptions, HOUR, MINUTE } from '../../fixtures/trail.js'
import {
  type Expectations,
  type Finding,
  type Gap,
  memorySource,
  parsePublicKeyList,
  type Summary,
  type TrailKnowledge,
  type TrailStatus,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/index.js'

const BUCKET = 'example-trail-logs'
const quiet: DigestOptions = { logs: [] }
const CHAIN = { accountIds: ['111122223333'], regions: ['us-east-1'], trails: ['management-events'] }
const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z')

interface Told {
  readonly summary: Summary
  readonly findings: readonly (Finding | Gap)[]
  /** `CODE`, or of a gap `reason region from-to` in minutes since the first hour, with `!` where it is accepted. */
  readonly said: readonly string[]
}

async function verify(world: World, options: Partial<VerifyTrailOptions>, kind: 'store' | 'export' = 'export'): Promise<Told> {
  const list = parsePublicKeyList(Buffer.from(keysOf('march', 'april', 'ireland', 'spki')))
  if (!list.ok) throw new Error(list.reason)
  const metadata = new Map([...world.store.bucket(BUCKET)].map(([key, object]) => [key, object]))
  const source = memorySource(
    kind === 'store'
      ? { name: `s3://${BUCKET}`, kind, bucket: BUCKET, objects: metadata }
      : { name: BUCKET, path: [BUCKET], objects: metadata },
  )
  const publicKeys: VerifyTrailOptions['publicKeys'] = {
    lookup: ({ fingerprint }) => {
      const key = list.keys.find((one) => one.fingerprint === fingerprint)
      return key === undefined ? { kind: 'unknown' } : { kind: 'key', key, origin: 'test keys' }
    },
  }
  const findings: (Finding | Gap)[] = []
  const now = new Date('2026-11-01T00:00:00Z')
  for await (const result of verifyTrail({ sources: [source], publicKeys, now, ...options })) {
    if (result.kind === 'finding' || result.kind === 'gap') findings.push(result)
    if (result.kind === 'summary') return { summary: result, findings, said: findings.map((one) => text(one, world.from)) }
  }
  throw new Error('the run ended without a summary')
}

function text(found: Finding | Gap, from: number): string {
  if (found.kind !== 'gap') return found.code
  const minutes = (time: string): number => (Date.parse(time) - from) / MINUTE
  const accepted = found.accepted === undefined ? '' : '!'
  return `${found.reason} ${found.region ?? '-'} ${minutes(found.startTime)}-${minutes(found.endTime)}${accepted}`
}

function expecting(...expect: Expectations['expect']): { expectations: Expectations } {
  return { expectations: { expect, accept: [] } }
}

const between = (start: number, end: number) => ({ startTime: new Date(start), endTime: new Date(end) })

t.test('since: no start is asked, and hours before the oldest digest are a gap and nothing worse', async (t) => {
  const world = new World(6, {}, quiet)
  world.store.delete(world.digest(0), world.digest(1), world.digest(2))
  const endTime = new Date(world.to)
  const since = (hour: number) => ({ endTime, ...expecting({ ...CHAIN, since: iso(world.time(hour)) }) })
  const { said, summary } = await verify(world, since(0))
  t.strictSame(said, ['before-first us-east-1 0-120'], 'the predecessor may have expired: it is not called missing')
  t.strictSame([summary.verdict, summary.chains[0]?.startTime], ['unverified', iso(world.from)])
  t.strictSame(
    summary.chains[0]?.coverage.map(({ reason }) => reason),
    ['before-first', null],
  )
  t.strictSame((await verify(world, since(2))).said, [], 'the oldest digest covers its own hour')
  t.strictSame((await verify(world, since(5))).summary.chains[0]?.startTime, iso(world.time(3)), 'it cuts nothing off')
  const asked = await verify(world, { ...since(0), startTime: new Date(world.time(3)) })
  t.strictSame(asked.said, [], 'an asked start counts')
  const whole = await verify(world, { ...expecting({ ...CHAIN, since: iso(world.time(3)) }), ...between(world.from, world.to) })
  t.match(whole.said, ['DIGEST_MISSING', 'digests-missing us-east-1 0-120'], 'what is asked is claimed whatever is expected')
})

t.test('since: an account that is expected has digests in every hour, of one chain or another', async (t) => {
  const world = new World(4, {}, quiet)
  world.also({ region: 'eu-west-1', start: iso(world.time(2)) }, 2)
  const account = (hour: number) => expecting({ accountIds: CHAIN.accountIds, since: iso(world.time(hour)) })
  const endTime = new Date(world.to)
  t.strictSame((await verify(world, { endTime, ...account(0) })).said, [], 'a region that came later is no gap')
  t.strictSame((await verify(world, { endTime, ...account(-3) })).said, ['before-first - -180-0'])
})

t.test('until: nothing is claimed of the hours after it, and what lies there is judged all the same', async (t) => {
  const world = new World(6, {}, quiet)
  const other = world.also({ region: 'eu-west-1' })
  other.start()
  other.hours(3, quiet)
  const run = (until: number, from = 0) => {
    const expect = [CHAIN, { ...CHAIN, regions: ['eu-west-1'], until: iso(world.time(until)) }]
    return verify(world, { ...expecting(...expect), ...between(world.time(from), world.to) })
  }
  t.strictSame((await run(3)).said, [])
  t.strictSame((await run(4)).said, ['after-last eu-west-1 180-240'])
  t.strictSame((await run(1)).said, [], 'digests after it are the end')
  const over = await run(3, 4)
  t.strictSame([over.said, over.summary.verdict, over.summary.chains.length], [[], 'valid', 1], 'a chain that is over is none')
  t.strictSame((await run(3, 2)).summary.summary.endTime, iso(world.time(3)), 'not called valid beyond it')
  const last = other.digests.at(-1)
  if (last !== undefined) world.store.edit(last, (bytes) => bytes.subarray(0, 20))
  t.match((await run(1)).said, ['DIGEST_MALFORMED', /digest-invalid/])
  const planted = world.store.put({ bucket: BUCKET, key: other.digestKey(world.time(5, 30)) }, 'planted')
  const { findings } = await run(1, 4)
  t.match(
    findings,
    [{ code: 'DIGEST_MALFORMED', object: uri(planted) }, { code: 'COVERAGE_GAP' }],
    'nor is what is planted after it hidden',
  )
})

t.test('a run that was narrowed says nothing of what is expected elsewhere, and says that', async (t) => {
  const world = new World(2, {}, quiet)
  const expect = [CHAIN, { ...CHAIN, accountIds: ['444455556666', '777788889999'] }, { regions: ['eu-west-1'] }]
  const range = between(world.from, world.to)
  const narrowed = await verify(world, { ...expecting(...expect), ...range, accountIds: ['111122223333'] })
  t.strictSame([narrowed.said, narrowed.summary.verdict], [[], 'valid'])
  t.match(narrowed.summary.notChecked, [/^3 of the combinations that are expected lie outside/])
  const all = await verify(world, { ...expecting(...expect), ...range })
  t.strictSame(all.said, ['not-found us-east-1 0-120', 'not-found us-east-1 0-120', 'not-found eu-west-1 0-120'])
  const both = await verify(world, { ...expecting({ accountIds: ['444455556666'] }), ...range, accountIds: ['444455556666'] })
  t.equal(both.said.length, 1, 'what is asked for and expected is one gap')
  const outside = { ...CHAIN, regions: ['eu-west-1'], until: iso(world.from) }
  t.strictSame((await verify(world, { ...expecting(outside), ...range })).said, [], 'what was over before the range')
})

t.test('what is accepted is in the report, with how often it applied', async (t) => {
  const world = new World(2, {}, quiet)
  world.trail.start(60)
  world.trail.hours(1, quiet)
  const words = { reason: 'a migration', by: 'J. Doe' }
  const accept = [
    { ...CHAIN, startTime: iso(world.time(2)), endTime: iso(world.time(2, 30)), ...words },
    { regions: ['us-east-1'], startTime: iso(world.time(2, 30)), endTime: iso(world.time(3)), reason: 'late', by: 'K. Roe' },
    { regions: ['eu-west-1'], startTime: iso(world.time(2)), endTime: iso(world.time(3)), ...words },
  ]
  const range = between(world.from, world.trail.now)
  const { said, summary } = await verify(world, { expectations: { expect: [], accept }, ...range })
  t.strictSame(said, ['chain-restarted us-east-1 120-150!', 'chain-restarted us-east-1 150-180!'])
  t.strictSame([summary.verdict, summary.summary.findings], ['valid', { COVERAGE_GAP: 2 }])
  t.strictSame(
    summary.expectations?.accept.map(({ gaps }) => gaps),
    [1, 1, 0],
  )
  t.match(summary.notChecked, [/^There is no gap that accept\[2\] of the expectations .* by J\. Doe/])
  const open = summary.chains[0]?.coverage.filter(({ verdict }) => verdict === 'unverified')
  t.strictSame(
    open?.map(({ accepted }) => accepted),
    [words, { reason: 'late', by: 'K. Roe' }],
  )
  t.match(summary.chains[0], { verdict: 'valid' })
})

const wrong: readonly (readonly [string, unknown])[] = [
  ['nobody', { expect: [], accept: [{ ...CHAIN, startTime: '2026-01-01', endTime: '2026-01-02', reason: 'r', by: '' }] }],
  ['no lists', {}],
]

t.test('expectations of another shape are misuse', async (t) => {
  for (const [sentence, expectations] of wrong) {
    const run = verifyTrail({
      sources: [memorySource({ name: 'x', objects: new Map() })],
      expectations: expectations as Expectations,
    })
    await t.rejects(run.next(), { code: 'ERR_INVALID_OPTION', message: /^expectations: / }, sentence)
  }
})

function knowledge(status: Partial<TrailStatus>, more: Partial<TrailKnowledge> = {}): TrailKnowledge {
  return {
    arn: 'arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events',
    accountId: '111122223333',
    trail: 'management-events',
    homeRegion: 'us-east-1',
    settings: { bucket: BUCKET, prefix: '', multiRegion: false, organization: false, validation: true },
    status: [
      {
        region: 'us-east-1',
        isLogging: true,
        latestDigestDeliveryTime: null,
        latestDigestDeliveryError: null,
        startLoggingTime: null,
        stopLoggingTime: null,
        ...status,
      },
    ],
    ...more,
  }
}

t.test('the newest digest must reach what CloudTrail says that it delivered', async (t) => {
  const world = new World(8, {}, quiet)
  const newest = world.digest(8)
  const run = async (delivered: number, now: number) => {
    const trailKnowledge = [knowledge({ latestDigestDeliveryTime: iso(delivered) })]
    return (await verify(world, { now: new Date(now), trailKnowledge }, 'store')).said
  }
  for (const minutes of [30, 60, 90]) {
    t.strictSame(
      await run(newest.endTime + minutes * MINUTE, newest.endTime + 91 * MINUTE),
      [],
      `${minutes} minutes are no delay`,
    )
  }
  world.store.delete(newest)
  const now = newest.endTime + 85 * MINUTE
  t.strictSame(
    await run(newest.endTime + 80 * MINUTE, now),
    ['after-last us-east-1 420-470'],
    'the digest that was delivered is gone',
  )
  t.strictSame(await run(newest.endTime + 30 * MINUTE, now), [], 'it may have been the one before')
  const backfill = world.also({ backfill: true, start: iso(world.time(2)) })
  backfill.digest({ logs: [], generated: iso(newest.endTime + 75 * MINUTE) })
  t.strictSame(await run(newest.endTime + 80 * MINUTE, now), [], 'it may have been a backfill digest')
})

t.test('a region in which CloudTrail delivers is a gap where it is gone, for the hours that are known', async (t) => {
  const world = new World(4, {}, quiet)
  const ireland = (status: Partial<TrailStatus>) => ({ trailKnowledge: [knowledge({ region: 'eu-west-1', ...status })] })
  const delivered = { latestDigestDeliveryTime: iso(world.to + 90 * MINUTE) }
  const range = between(world.from, world.to)
  const since = { ...delivered, startLoggingTime: iso(world.time(1)) }
  t.strictSame((await verify(world, { ...ireland(since), ...range })).said, ['not-found eu-west-1 60-240'])
  t.strictSame((await verify(world, { ...ireland(delivered), ...range })).said, ['not-found eu-west-1 180-240'], 'the last hour')
  const later = { latestDigestDeliveryTime: iso(world.to + 90 * 24 * HOUR) }
  t.strictSame((await verify(world, { ...ireland(later), ...range })).said, [], 'what is delivered now says nothing of then')
  t.strictSame((await verify(world, { ...ireland({}), ...range })).said, [], 'a region without a digest')
  t.strictSame((await verify(world, { ...ireland(since), ...range, regions: ['us-east-1'] })).said, [], 'not asked for')
  world.also({ region: 'eu-west-1' }, 4)
  t.strictSame((await verify(world, { ...ireland(since), ...range })).said, [])
})

t.test('what CloudTrail said, and did not say, is in the report', async (t) => {
  const world = new World(2, {}, quiet)
  const told = async (trail: TrailKnowledge) => {
    const { summary } = await verify(world, { trailKnowledge: [trail], ...between(world.from, world.to) })
    t.strictSame([summary.verdict, summary.trails], ['valid', [trail]], 'it lowers no verdict')
    return summary.notChecked.filter((sentence) => /arn:aws/.test(sentence))
  }
  t.strictSame(await told(knowledge({})), [])
  t.match(await told(knowledge({ isLogging: false, stopLoggingTime: '2026-03-14T10:00:00Z' })), [
    /logging is off for arn:\S+ in us-east-1 since 2026-03-14T10:00:00Z/,
  ])
  t.match(await told(knowledge({ latestDigestDeliveryError: 'AccessDenied' })), [
    /could not deliver the latest digest.*AccessDenied/,
  ])
  const settings = { bucket: BUCKET, prefix: '', multiRegion: true, organization: true, validation: false }
  t.match(await told(knowledge({}, { settings })), [/validation is off/, /opt-in regions/, /which member accounts/])
  const refused = { refused: 'AccessDeniedException: no' }
  const status = ['us-east-1', 'eu-west-1'].map((region) => ({ region, ...refused }))
  t.match(await told(knowledge({}, { settings: refused, status })), [
    /^DescribeTrails was not answered for arn:\S+ \(AccessDeniedException: no\)/,
    /^GetTrailStatus was not answered for arn:\S+ in us-east-1, eu-west-1 \(AccessDenied/,
  ])
})
