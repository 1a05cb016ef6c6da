/** A run in shards, merged, is the run in one piece. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import t, { type Test as Tap } from 'tap'
import { generate } from '../bench/generated-source.js'
import { isIn, monthOfKey } from '../src/engine/months.js'
import { bordersOf, compareBorders, scopeName, takeShard } from '../src/engine/shard.js'
import {
  bordersOfPlan,
  directorySource,
  type Finding,
  type Gap,
  type MemoryObject,
  memorySource,
  mergeShards,
  planTrail,
  type Result,
  type ShardPart,
  type ShardReport,
  type ShardRequest,
  type Source,
  type Summary,
  textReport,
  verifyTrail,
} from '../src/index.js'
import { stableJson } from '../src/reports/stable-json.js'
import { type Case, caseMetadata, caseObjects, casePath, readCases, runCase } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'

type Told = Finding | Gap | Summary

const isTold = (result: Result): result is Told => result.kind === 'finding' || result.kind === 'gap' || result.kind === 'summary'

async function verified(one: Case, options: Parameters<typeof runCase>[2]): Promise<Told[]> {
  const sources = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))
  const { results } = await runCase(one, sources, { ...options, metadata: caseMetadata(one), workers: 0 })
  return results.filter(isTold)
}

/** The report of a shard, as it is read back from its file. */
function shardReport(name: string, results: readonly Told[]): ShardReport {
  const summary = results.at(-1) as Summary
  return { name, summary: JSON.parse(JSON.stringify(summary)), findings: () => results.slice(0, -1) as (Finding | Gap)[] }
}

function withoutRun(results: readonly Told[]): string {
  return results.map((result) => stableJson(result.kind === 'summary' ? { ...result, run: null } : result)).join('\n')
}

async function merged(reports: readonly ShardReport[]): Promise<Told[]> {
  const results: Told[] = []
  for await (const result of mergeShards(reports)) results.push(result)
  return results
}

async function inShards(one: Case, of: number, borders?: readonly string[]): Promise<ShardReport[]> {
  const reports: ShardReport[] = []
  for (let index = 1; index <= of; index++) {
    const shard = { index, of, ...(borders && { borders }) }
    reports.push(shardReport(`shard-${index}.json`, await verified(one, { shard })))
  }
  return reports.reverse()
}

/** How many accounts and regions a case has. */
function scopesOf(one: Case): number {
  const names = one.sources.flatMap((folder) => [...caseObjects(join(casePath(one.name), folder)).keys()])
  return new Set(names.flatMap((name) => /([^/]+)\/CloudTrail[^/]*\/([^/]+)\//.exec(name)?.slice(1).join(' ') ?? [])).size
}

const cases = readCases().filter(({ only }) => only !== 's3')
const demo = cases.find(({ name }) => name === 'demo') as Case

t.test('every case with more than one account and region, and every expectation', async (t) => {
  // Every other one: all of them, in two and three shards, take half a minute.
  const chosen = cases.filter((one) => scopesOf(one) > 1 || /^(expected|accepted)-/.test(one.name))
  for (const one of chosen.filter((_, i) => i % 2 === 0)) {
    const whole = withoutRun(await verified(one, {}))
    t.equal(withoutRun(await merged(await inShards(one, 3))), whole, `${one.name} in 3 shards`)
  }
})

/** Each account and region begins in one shard and goes on, from the month of nearly all log files, in the next. */
async function inMonths(one: Case): Promise<ShardReport[]> {
  const sources = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))
  const { scopes } = await planTrail({ sources })
  const borders = scopes.filter(({ region }) => region !== null).map((scope) => `${scopeName(scope)}/2026-03`)
  return inShards(one, borders.length + 1, borders.sort(compareBorders))
}

t.test('cases, with the months of each account and region in two shards', async (t) => {
  // Every sixth: all of them take half a minute.
  for (const one of cases.filter((_, i) => i % 6 === 0)) {
    const whole = withoutRun(await verified(one, {}))
    t.equal(withoutRun(await merged(await inMonths(one))), whole, one.name)
  }
})

/** Two regions from 10 January to 2 March, with objects missing, changed, and listed by nothing, in each month. */
async function overMonths(): Promise<(shard?: ShardRequest) => Promise<Told[]>> {
  const { source, publicKeys, bucket, startTime, endTime } = generate({
    accounts: 1,
    regions: 2,
    hours: 24 * 51,
    logFilesPerHour: 1,
    kind: 'export',
  })
  const objects = new Map<string, MemoryObject>()
  for await (const key of source.allKeys()) {
    const answer = await source.read(key)
    if (answer.kind !== 'object' || !(answer.body instanceof Uint8Array)) throw new Error(key)
    objects.set(key, { bytes: Buffer.from(answer.body), ...(answer.metadata && { metadata: answer.metadata }) })
  }
  const logFiles = [...objects.keys()].filter((key) => key.includes('/CloudTrail/us-east-1/'))
  for (let at = 10; at < logFiles.length; at += 157) {
    const [missing, changed, copied] = logFiles.slice(at, at + 3) as [string, string, string]
    objects.delete(missing)
    objects.set(changed, Buffer.from('no gzip'))
    objects.set(copied.replace(/_[^_]*$/, '_0000000000000000.json.gz'), objects.get(copied) as MemoryObject)
    objects.set(`${copied}.txt`, Buffer.from('a stranger'))
  }
  objects.set(`${logFiles[0]?.split('/2026/')[0]}/stray.json.gz`, Buffer.from('in no month'))
  const sources: Source[] = [memorySource({ name: 'export', bucket, objects })]
  return async (shard) => {
    const results: Told[] = []
    const now = new Date('2026-04-01T00:00:00Z')
    for await (const result of verifyTrail({ sources, publicKeys, startTime, endTime, now, workers: 0, ...(shard && { shard }) }))
      if (isTold(result)) results.push(result)
    return results
  }
}

t.test('a trail over three months, however its months are parted', async (t) => {
  const verifyPart = await overMonths()
  const told = await verifyPart()
  const whole = withoutRun(told)
  t.ok(told.length > 20)
  const [one, two] = ['/111122223333/us-east-1', '/111122223333/us-east-2']
  const rows: [string, string[]][] = [
    ['each month', [`${one}/2026-02`, `${one}/2026-03`, two, `${two}/2026-02`, `${two}/2026-03`]],
    ['a shard over the end of one and the beginning of the other', [`${one}/2026-02`, `${two}/2026-02`]],
    ['months without anything, and a shard that is empty', [`${one}/2025-01`, `${one}/2025-01`, `${one}/2027-01`]],
  ]
  for (const [name, borders] of rows) {
    const of = borders.length + 1
    const reports: ShardReport[] = []
    for (let index = 1; index <= of; index++) {
      const results = await verifyPart({ index, of, borders })
      reports.push(shardReport(`shard-${index}.json`, results))
    }
    t.equal(withoutRun(await merged(reports.reverse())), whole, name)
    if (name !== 'each month') continue
    const [, second] = reports.toReversed() as [ShardReport, ShardReport]
    t.match(second.summary.notChecked[1], 'only the log files in the folders of the months from 2026-02 on before 2026-03 were')
    await failedMonth(t, reports, second)
  }
})

/** Without the second of the reports. */
async function failedMonth(t: Tap, reports: readonly ShardReport[], second: ShardReport): Promise<void> {
  const results: Told[] = []
  const others = reports.filter((report) => report !== second)
  for await (const result of mergeShards(others, { failed: [{ index: 2, reason: 'lost' }] })) results.push(result)
  const summary = results.at(-1) as Summary
  t.match(summary.notChecked[0], 'Shard 2 of 6 failed (lost)')
  t.notOk(
    summary.chains[0]?.coverage.some(({ verdict }) => verdict === 'valid'),
    'no hour of the chain is valid',
  )
  t.ok(
    summary.chains[1]?.coverage.some(({ verdict }) => verdict === 'valid'),
    'those of the other are',
  )
  const shard = second.summary.shard as ShardPart
  const [piece] = shard.split
  const edited = { ...shard, split: [{ ...piece, digestsSha256: 'ff' }] }
  const other = { ...second, summary: { ...second.summary, shard: edited } } as ShardReport
  await t.rejects(merged([...others, other]), { code: 'ERR_MERGE', message: /did not find the same digests of \/111122223333/ })
}

t.test('a shard says that it is one, and proves no more', async (t) => {
  const [third, second, first] = (await inShards(demo, 3)).map(({ summary }) => summary)
  t.match(first?.notChecked[0], 'This is shard 1 of 3: 1 of the 2 accounts and regions were verified in it')
  t.equal(second?.verdict, 'unverified', 'an empty one proves nothing')
  t.strictSame(
    third?.chains.map(({ region }) => region),
    ['us-east-1'],
  )
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const writer = textReport(stream, { quiet: true })
  await writer.write({ ...(first as Summary), verdict: 'valid' })
  await writer.end()
  t.match(lines.join(''), /^valid from \S+ to \S+ in shard 1 of 3: /)
})

t.test('what is not all shards of one run is refused', async (t) => {
  const [third, second, first] = (await inShards(demo, 3)) as [ShardReport, ShardReport, ShardReport]
  const changed = (report: ShardReport, change: (summary: Summary & { shard: ShardPart }) => object): ShardReport => {
    const summary = report.summary as Summary & { shard: ShardPart }
    return { ...report, summary: { ...summary, ...change(summary) } }
  }
  const whole = shardReport('whole.json', await verified(demo, {}))
  const [key] = third.summary.publicKeys
  const rows: [string, readonly ShardReport[], RegExp][] = [
    ['nothing', [], /there is no report/],
    ['the report of a whole run', [whole], /whole\.json is the report of no shard/],
    ['one is missing', [first, third], /of 3 shards these are missing: 2/],
    [
      'one twice',
      [first, second, third, { ...second, name: 'again.json' }],
      /shard-2\.json and again\.json are both shard 2 of 3/,
    ],
    ['another number of shards', [first, ...(await inShards(demo, 2))], /are of 3 and of 2 shards|are of 2 and of 3 shards/],
    [
      'another version',
      [first, second, changed(third, ({ tool }) => ({ tool: { ...tool, version: '9' } }))],
      /of different versions: \S+ and 9/,
    ],
    [
      'another build',
      [first, second, changed(third, ({ run }) => ({ run: { ...run, packageSha256: 'ff' } }))],
      /different builds/,
    ],
    [
      'another source',
      [first, second, changed(third, ({ run }) => ({ run: { ...run, sources: ['s3://x'] } }))],
      /of different sources: .* and s3:\/\/x/,
    ],
    [
      'another archive of that name',
      [
        first,
        changed(second, ({ run }) => ({ run: { ...run, archives: [{ name: 'a.tar', bytes: 1, sha256: 'aa' }] } })),
        changed(third, ({ run }) => ({ run: { ...run, archives: [{ name: 'a.tar', bytes: 1, sha256: 'bb' }] } })),
      ],
      /of different archives: their SHA-256 differs/,
    ],
    [
      'another time',
      [first, second, changed(third, ({ shard }) => ({ shard: { ...shard, now: '2026-11-02T00:00:00Z' } }))],
      /different times as now/,
    ],
    [
      'another range',
      [first, second, changed(third, ({ request }) => ({ request: { ...request, endTime: '2026-11-02T00:00:00Z' } }))],
      /not asked the same/,
    ],
    [
      'other options',
      [first, second, changed(third, ({ shard }) => ({ shard: { ...shard, request: '00' } }))],
      /not asked the same/,
    ],
    [
      'other borders',
      [first, second, changed(third, ({ shard }) => ({ shard: { ...shard, borders: ['a', 'b'] } }))],
      /same accounts and regions/,
    ],
    [
      'another newest digest',
      [first, second, changed(third, ({ shard }) => ({ shard: { ...shard, newestValid: '2026-03-14T00:00:00Z' } }))],
      /same newest digest/,
    ],
    ['interrupted', [first, second, changed(third, ({ run }) => ({ run: { ...run, interrupted: true } }))], /was interrupted/],
    [
      'another key of that name',
      [
        first,
        second,
        changed(third, () => ({ publicKeys: [{ ...key, fingerprint: first.summary.publicKeys[0]?.fingerprint, sha256: 'ff' }] })),
      ],
      /another key/,
    ],
  ]
  for (const [name, reports, message] of rows) await t.rejects(merged(reports), { code: 'ERR_MERGE', message }, name)
})

t.test('a shard that failed leaves the run unverified, and is named', async (t) => {
  const [, second, first] = await inShards(cases.find(({ name }) => name === 'organization') ?? demo, 3)
  const results: Told[] = []
  const reports = [first, second].filter((report) => report !== undefined)
  for await (const result of mergeShards(reports, { failed: [{ index: 3, reason: 'no way to \x1b[2J' }] })) results.push(result)
  const summary = results.at(-1) as Summary
  t.not(summary.verdict, 'valid')
  t.match(
    summary.notChecked[0],
    /^Shard 3 of 3 failed \(no way to .*\): the accounts and regions from \S+ on were not checked\.$/,
  )
})

t.test('accounts and regions that appeared meanwhile are told of', async (t) => {
  const reports = await inShards(demo, 2)
  const [last] = reports as [ShardReport]
  const shard = last.summary.shard as ShardPart
  const grown = { ...last, summary: { ...last.summary, shard: { ...shard, scopes: { ...shard.scopes, sha256: 'ff' } } } }
  const results = await merged([grown, ...reports.slice(1)])
  t.match((results.at(-1) as Summary).notChecked[0], 'accounts and regions appeared or vanished')
})

t.test('borders part the work evenly, and every name lies in one part', (t) => {
  const weights = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.integer({ min: 0, max: 1000 }), { maxKeys: 40 })
  const property = fc.property(weights, fc.integer({ min: 1, max: 50 }), (weightOf, of) => {
    const names = Object.keys(weightOf).sort()
    const weighed = names.map((name) => ({ name, weight: weightOf[name] ?? 0 }))
    const borders = bordersOf(weighed, of)
    const scopes = names.map((accountId) => ({ organizationId: null, accountId, region: null, parts: [] }))
    const named = bordersOf(
      scopes.map((scope) => ({ name: scopeName(scope), weight: weightOf[scope.accountId] ?? 0 })),
      of,
    )
    const parts = Array.from({ length: of }, (_, i) =>
      takeShard(scopes, { index: i + 1, of, borders: named }).map(({ scope }) => scope),
    )
    const heaviest = Math.max(0, ...Object.values(weightOf))
    const all = Object.values(weightOf).reduce((sum, weight) => sum + weight, 0)
    return (
      borders.length === of - 1 &&
      parts
        .flat()
        .map(({ accountId }) => accountId)
        .join() === names.join() &&
      parts.every((part) => part.reduce((sum, { accountId }) => sum + (weightOf[accountId] ?? 0), 0) <= all / of + heaviest)
    )
  })
  fc.assert(property)
  t.end()
})

t.test('borders out of order would put an account and region into two shards', async (t) => {
  const borders = ['/111122223333/us-east-1', '/111122223333/eu-west-1']
  await t.rejects(verified(demo, { shard: { index: 1, of: 3, borders } }), {
    code: 'ERR_INVALID_OPTION',
    message: /borders in the order of a run/,
  })
  const scope = { chains: [], digests: { objects: 1, bytes: 1 }, logFiles: { objects: 1, bytes: 1 }, months: [], unreadable: 0 }
  const named = (region: string) => ({ ...scope, organizationId: null, accountId: '111122223333', region })
  const scopes = ['us-east-1', 'eu-west-1', 'ap-south-1'].map(named)
  t.strictSame(
    bordersOfPlan({ scopes }, 3),
    ['/111122223333/eu-west-1', '/111122223333/us-east-1'],
    'whatever order a plan file has',
  )
  const month = (name: string, objects: number) => ({ month: name, objects, bytes: 0 })
  const months = [month('2026-01', 10), month('2026-02', 30), month('2026-03', 10)]
  const large = { ...named('eu-west-1'), logFiles: { objects: 50, bytes: 0 }, months }
  t.strictSame(
    bordersOfPlan({ scopes: [named('us-east-1'), large] }, 3),
    ['/111122223333/eu-west-1/2026-02', '/111122223333/eu-west-1/2026-03'],
    'what is more than a share is parted by months',
  )
})

t.test('the command', async (t) => {
  const folder = t.testdir()
  const path = casePath('demo')
  const evidence = [
    join(path, 'example-trail-logs'),
    '--public-keys',
    join(path, 'public-keys.json'),
    '--metadata',
    join(path, 'metadata.json'),
  ]
  const asOf = ['--as-of', '2026-04-01', '-q']
  const file = (name: string) => join(folder, name)
  for (const i of [1, 2])
    t.equal((await verifyTrailCommand([...evidence, ...asOf, '--shard', `${i}/2`, '-o', file(`${i}.json`)])).code, 1)
  await verifyTrailCommand([...evidence, ...asOf, '-o', file('whole.json')])
  const { code } = await verifyTrailCommand(['merge', file('2.json'), file('1.json'), '-o', file('merged.json')])
  t.equal(code, 1, 'the exit code of the whole')
  const read = (name: string) => ({ ...JSON.parse(readFileSync(file(name), 'utf8')), run: null })
  t.strictSame(read('merged.json'), read('whole.json'))
  const bad = await verifyTrailCommand(['merge', file('2.json')])
  t.equal(bad.code, 2)
  t.match(bad.stderr, 'of 2 shards these are missing: 1')
  t.match((await verifyTrailCommand([...evidence, '--shard', '1/2'])).stderr, '--shard needs --as-of T')
  t.match((await verifyTrailCommand([...evidence, ...asOf, '--shard', '3/2'])).stderr, 'such as 3/12')
  t.match((await verifyTrailCommand(['merge'])).stderr, 'no report')
  const plan = file('plan.json')
  t.equal((await verifyTrailCommand(['plan', evidence[0] ?? '', '-o', plan])).code, 0)
  const planned = await verifyTrailCommand([...evidence, ...asOf, '--shard', '2/2', '--plan', plan, '-o', file('2.json')])
  t.equal(planned.code, 1)
  t.match(
    (await verifyTrailCommand(['merge', file('2.json'), file('1.json')])).code,
    1,
    'the plan parts them as they are parted without',
  )
  writeFileSync(plan, '{"schemaVersion":1,"scopes":[{"accountId":"x"}]}')
  const noPlan = await verifyTrailCommand([...evidence, ...asOf, '--shard', '2/2', '--plan', plan])
  t.equal(noPlan.code, 2)
  t.match(noPlan.stderr, /is no plan: make it with verify-trail plan/)
})

t.test('folders that are no months have no part of their own, and are in one', async (t) => {
  const folder = 'AWSLogs/111122223333/CloudTrail/us-east-1/'
  const places = ['2026/02/01', '2026/03/01', '2026/13/01', '0000/00', '2026/3/4', 'x', '2026/02/31', '2026/03/x/y']
  const keys = places.map((place) => `${folder}${place}/a.json.gz`)
  const objects = new Map(keys.map((key) => [key, Buffer.from('x')]))
  const sources = [memorySource({ name: 'export', bucket: 'b', objects })]
  const { scopes } = await planTrail({ sources })
  t.strictSame(
    scopes[0]?.months.map(({ month, objects: count }) => [month, count]),
    [
      ['2026-02', 2],
      ['2026-03', 2],
    ],
  )
  const parts = [
    { from: null, to: '2026-02' },
    { from: '2026-02', to: '2026-03' },
    { from: '2026-03', to: null },
  ]
  for (const key of keys)
    t.equal(parts.filter((part) => isIn(part, monthOfKey(key) ?? 'none')).length, 1, `${key} is in one of the parts`)
  t.equal(monthOfKey(`AWSLogs/x/${folder}2026/02/01/a`), undefined, 'what may be read in two ways is not split')
  t.equal(monthOfKey('p/AWSLogs/o-aaaabbbbcc/111122223333/CloudTrail/us-east-1/2026/02/01/a'), '2026-02')
})

t.test('a plan says what a run would read, and reads nothing', async (t) => {
  const { source, startTime, endTime, counts } = generate({
    accounts: 2,
    regions: 2,
    hours: 5,
    logFilesPerHour: 3,
    kind: 'store',
  })
  const read = source.read.bind(source)
  let reads = 0
  source.read = (...args) => {
    reads++
    return read(...args)
  }
  const plan = await planTrail({ sources: [source], startTime, endTime })
  t.equal(reads, 0)
  t.ok(counts.requests > 0)
  t.equal(plan.logFiles.objects, 2 * 2 * 5 * 3)
  t.equal(plan.scopes.length, 4)
  const [scope] = plan.scopes
  t.equal(scope?.chains[0]?.digests, 6, 'the one before the range is read for its claims')
  t.strictSame(scope?.chains[0]?.gaps, [])
  t.ok((scope?.digests.bytes ?? 0) > 0)
  const { stdout } = await verifyTrailCommand(['plan', join(casePath('demo'), 'example-trail-logs')])
  t.match(
    stdout,
    /\nHours without a digest\n {2}2026-03-14T13:08:27Z to 2026-03-14T13:43:27Z {2}111122223333 eu-west-1 management-events\n/,
  )
  t.match(stdout, /\n27 digests \(28\.3 kB\) and 30 log files \(22\.5 kB\) in 2 accounts and regions\n/)
  const { stdout: json } = await verifyTrailCommand([
    'plan',
    join(casePath('demo'), 'example-trail-logs'),
    '--region',
    'us-east-1',
    '--json',
  ])
  t.match(JSON.parse(json), { schemaVersion: 1, scopes: [{ region: 'us-east-1' }], logFiles: { objects: 19 } })
})
