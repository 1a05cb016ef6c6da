/** One run on many machines: a real Redis, workers that are processes, and what goes wrong there. */
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { generate } from '../bench/generated-source.js'
import { runCommandLine } from '../src/cli/run.js'
import { directoryResults } from '../src/cluster/directory-results.js'
import { RunQueue } from '../src/cluster/run-queue.js'
import { formatRequest, parseRequest, type RunRequest, runIdOf } from '../src/cluster/run-request.js'
import { s3Results } from '../src/cluster/s3-results.js'
import type { ShardWork } from '../src/cluster/shard-work.js'
import { work } from '../src/cluster/worker.js'
import { casePath } from './support/cases.js'
import { type Outcome, verifyTrailCommand } from './support/command.js'
import { type Fault, faultyStore, objectsOf, send } from './support/faulty-store.js'
import { type Machine, machine } from './support/network.js'
import { startRadosgw } from './support/radosgw.js'
import { freePort, noRedis, TestRedis, wireTo } from './support/redis.js'

const problem = noRedis()
const REDIS = problem === undefined ? {} : { skip: problem }
const redis = problem === undefined ? await TestRedis.start() : undefined
t.teardown(() => redis?.stop())
const url = `redis://127.0.0.1:${redis?.port}`

const demo = casePath('demo')
const evidence = [
  join(demo, 'example-trail-logs'),
  '--public-keys',
  join(demo, 'public-keys.json'),
  '--metadata',
  join(demo, 'metadata.json'),
]
const asOf = ['--as-of', '2026-04-01']

const withoutRun = (path: string): object => ({ ...JSON.parse(readFileSync(path, 'utf8')), run: null })

async function submitted(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout, stderr, code } = await verifyTrailCommand(['cluster', 'submit', ...words], { env })
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

/** Six accounts and regions in a store that is slow, so that there is time to harm those who work on it. */
async function slowTrail(t: Test, delay: number) {
  const { bucket, source, publicKeyList, startTime, endTime } = generate({
    accounts: 2,
    regions: 3,
    hours: 3,
    logFilesPerHour: 4,
    logFileBytes: 400,
  })
  const store = await faultyStore({ bucket, objects: await objectsOf(source), publicKeys: {} })
  t.teardown(() => store.close())
  const slowly: Fault = (answer, response) => void setTimeout(() => send(answer, response), delay)
  store.misbehave((call) => (call === 'log file' ? slowly : null))
  const folder = t.testdir({ 'keys.json': publicKeyList, results: {} })
  const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
  const trail = [`s3://${bucket}`, '--public-keys', join(folder, 'keys.json'), '--endpoint-url', store.url]
  const range = ['--start-time', startTime, '--end-time', endTime, '--as-of', '2026-04-01']
  const single = join(folder, 'single.json')
  const { code } = await verifyTrailCommand([...trail, ...range, '-o', single, '-q'], { env })
  t.equal(code, 0)
  return { store, trail, range, env, folder, single, results: join(folder, 'results') }
}

type Slow = Awaited<ReturnType<typeof slowTrail>>

async function sameAsSingle(t: Test, { folder, single, results }: Slow, run: string): Promise<void> {
  const merged = join(folder, `${run}.json`)
  const { code, stderr } = await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', results, '-o', merged])
  t.equal(code, 0, stderr)
  t.strictSame(withoutRun(merged), withoutRun(single), 'the report is that of the run in one piece')
}

t.test('submitted twice at once, worked on, looked at, merged', REDIS, async (t) => {
  const results = join(t.testdir(), 'results')
  const common = ['--redis', url, '--results', results]
  const submit = [...evidence, ...common, '--shards', '3', ...asOf]
  const runs = await Promise.all([1, 2, 3].map(() => submitted(submit)))
  t.equal(new Set(runs).size, 1, 'the same request is one run')
  const [run = ''] = runs
  t.match(
    (await verifyTrailCommand(['cluster', 'status', '--redis', url, '--run', run])).stdout,
    `${run}  at work  0 of 3 shards`,
  )
  const early = await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', results])
  t.equal(early.code, 2)
  t.match(early.stderr, '3 of 3 shards have no report (1, 2, 3)')
  const { code, stderr } = await verifyTrailCommand(['cluster', 'work', ...evidence, ...common, '--run', run])
  t.equal(code, 0, stderr)
  t.equal(stderr.match(/shard \d of run \w+ is done/g)?.length, 3, 'each shard once')
  const { stdout } = await verifyTrailCommand(['cluster', 'status', '--redis', url, '--json'])
  t.match(JSON.parse(stdout)[0], { run, state: 'done', shards: 3, shardsDone: 3, shardsFailed: 0 })
  const merged = await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', results, '-q'])
  t.equal(merged.code, 1)
  t.match(merged.stdout, /^INVALID: LOG_FILE_MISSING 1, /)
  const names = readdirSync(join(results, run)).sort()
  t.strictSame(names, ['report.json', 'request.json', 'shard-1-of-3.json', 'shard-2-of-3.json', 'shard-3-of-3.json'])
  rmSync(join(results, run, 'report.json'))
  t.equal((await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', results])).code, 1, 'merged without Redis')
})

t.test('a worker that is killed, a Redis that is killed, a network that is cut', REDIS, async (t) => {
  const slow = await slowTrail(t, 100)
  const wire = await wireTo(redis?.port ?? 0)
  t.teardown(() => wire.close())
  const at = (port: number | undefined) => ['--redis', `redis://127.0.0.1:${port}`, '--results', slow.results]
  const run = await submitted([...slow.trail, ...slow.range, ...at(redis?.port), '--shards', '6'], slow.env)
  const words = (port: number | undefined) => [
    'cluster',
    'work',
    ...slow.trail,
    ...at(port),
    '--run',
    run,
    '--lost-after',
    '1',
    '--concurrency',
    '2',
  ]
  let killed = false
  const victim = verifyTrailCommand(words(redis?.port), {
    env: slow.env,
    started: (child) =>
      child.stderr?.on('data', (text: Buffer) => {
        if (killed || !String(text).includes('begins')) return
        killed = true
        setTimeout(() => child.kill('SIGKILL'), 200)
      }),
  })
  t.equal((await victim).code, null, 'killed in its first shard')
  let begun = 0
  const others: Promise<Outcome>[] = [redis?.port, wire.port].map((port) =>
    verifyTrailCommand(words(port), {
      env: slow.env,
      started: (child) =>
        child.stderr?.on('data', (text: Buffer) => {
          begun += String(text).split('begins').length - 1
        }),
    }),
  )
  const beginning = async (shards: number) => {
    while (begun < shards) await sleep(20)
  }
  await beginning(1)
  await redis?.kill()
  await sleep(300)
  await redis?.start()
  await beginning(3)
  wire.cut()
  await sleep(500)
  wire.mend()
  for (const { code, stderr } of await Promise.all(others)) t.equal(code, 0, stderr)
  t.ok(killed)
  await sameAsSingle(t, slow, run)
})

t.test('machines on a network, of which one is unplugged', REDIS, async (t) => {
  const machines = [machine(1), machine(2)].filter((each) => each !== undefined)
  t.teardown(() => machines.forEach((each) => void each.remove()))
  const [first, second] = machines
  if (first === undefined || second === undefined) {
    t.comment('NOT TESTED: this machine allows no network namespaces')
    return
  }
  const slow = await slowTrail(t, 100)
  const submit = ['--redis', url, '--results', slow.results, '--shards', '6']
  const run = await submitted([...slow.trail, ...slow.range, ...submit], slow.env)
  const works = async (on: Machine, begun?: () => void): Promise<Outcome> => {
    const wires = [await wireTo(redis?.port ?? 0, on.host), await wireTo(Number(new URL(slow.store.url).port), on.host)]
    t.teardown(() => wires.forEach((wire) => void wire.close()))
    const [toRedis, toStore] = wires.map(({ port }) => `${on.host}:${port}`)
    const trail = slow.trail.map((word) => (word === slow.store.url ? `http://${toStore}` : word))
    const common = ['--redis', `redis://${toRedis}`, '--results', slow.results, '--run', run, '--lost-after', '1']
    return verifyTrailCommand(['cluster', 'work', ...trail, ...common, '--concurrency', '2'], {
      env: slow.env,
      by: on.by,
      started: (child) => child.stderr?.on('data', (text: Buffer) => void (String(text).includes('begins') && begun?.())),
    })
  }
  let isUnplugged = false
  const unplugged = works(first, () => {
    if (!isUnplugged) first.unplug()
    isUnplugged = true
  })
  const { code, stderr } = await works(second)
  t.equal(code, 0, stderr)
  await sameAsSingle(t, slow, run)
  first.plugIn()
  t.equal((await unplugged).code, 0, 'it sees that all is done')
})

t.test('a worker with other keys, another source, another version', REDIS, async (t) => {
  const folder = t.testdir()
  const results = join(folder, 'results')
  const common = ['--redis', url, '--results', results]
  const run = await submitted([...evidence, ...common, '--shards', '2', '--as-of', '2026-04-02'])
  const keys = join(folder, 'keys.json')
  writeFileSync(keys, `${readFileSync(join(demo, 'public-keys.json'), 'utf8')}\n`)
  cpSync(join(demo, 'example-trail-logs'), join(folder, 'copy'), { recursive: true })
  const rows: [string, readonly string[], RegExp][] = [
    [
      'other keys',
      [evidence[0] ?? '', '--public-keys', keys, ...evidence.slice(3)],
      /the run is for a public key file of SHA-256 \w+, and this worker has a public key file of/,
    ],
    ['another source', [join(folder, 'copy'), ...evidence.slice(1)], /which this worker was not given as a source/],
  ]
  for (const [name, words, message] of rows) {
    const { code, stderr } = await verifyTrailCommand(['cluster', 'work', ...words, ...common, '--run', run])
    t.equal(code, 2, name)
    t.match(stderr, message, name)
  }
  const elsewhere = ['--redis', url, '--results', join(folder, 'elsewhere'), '--run', run]
  const lost = await verifyTrailCommand(['cluster', 'work', ...evidence, ...elsewhere])
  t.equal(lost.code, 2)
  t.match(lost.stderr, /elsewhere holds no run \w+: give the results that it was submitted with/)
  const { code } = await verifyTrailCommand(['cluster', 'work', ...evidence, ...common, '--run', run])
  t.equal(code, 0, 'the right one does it all')
  t.equal((await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', results])).code, 1)
})

t.test('a worker without credentials uses up no shard', REDIS, async (t) => {
  const slow = await slowTrail(t, 0)
  const common = ['--redis', url, '--results', slow.results]
  const run = await submitted([...slow.trail, ...slow.range, ...common, '--shards', '3'], slow.env)
  const none = { AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'true' }
  for (let tries = 0; tries < 4; tries++) {
    const { code, stderr } = await verifyTrailCommand(['cluster', 'work', ...slow.trail, ...common, '--run', run], { env: none })
    t.equal(code, 2, stderr)
    t.match(stderr, /credentials/)
  }
  const { code } = await verifyTrailCommand(['cluster', 'work', ...slow.trail, ...common, '--run', run], { env: slow.env })
  t.equal(code, 0)
  await sameAsSingle(t, slow, run)
})

t.test('a network to the store that is cut for a while leaves nothing unread', REDIS, async (t) => {
  const slow = await slowTrail(t, 0)
  const common = ['--redis', url, '--results', slow.results]
  const run = await submitted([...slow.trail, ...slow.range, ...common, '--shards', '3'], slow.env)
  let cut = true
  const broken: Fault = (_, response) => void response.destroy()
  slow.store.misbehave((call) => (cut && call === 'log file' ? broken : null))
  const { code, stderr } = await verifyTrailCommand(['cluster', 'work', ...slow.trail, ...common, '--run', run], {
    env: slow.env,
    started: (child) =>
      child.stderr?.on('data', (text: Buffer) => {
        if (String(text).includes('could not be read for now')) cut = false
      }),
  })
  t.equal(code, 0, stderr)
  t.match(stderr, /objects could not be read for now \(network, throttled\): it is tried again/)
  await sameAsSingle(t, slow, run)
})

t.test('two runs at once in one Redis, each with workers and results of its own', REDIS, async (t) => {
  const folder = t.testdir()
  const worked = async (name: string, time: string): Promise<void> => {
    const common = ['--redis', url, '--results', join(folder, name)]
    const run = await submitted([...evidence, ...common, '--shards', '3', '--as-of', time])
    const { code, stderr } = await verifyTrailCommand(['cluster', 'work', ...evidence, ...common, '--run', run])
    t.equal(code, 0, stderr)
    const merged = await verifyTrailCommand(['cluster', 'merge', '--run', run, '--results', join(folder, name), '-q'])
    t.match(merged.stdout, /^INVALID: LOG_FILE_MISSING 1, /, 'as one process says, and no shard failed')
  }
  await Promise.all([worked('one', '2026-04-03'), worked('other', '2026-04-04')])
})

t.test('a worker stops, whether Redis is there or not', REDIS, async (t) => {
  const results = join(t.testdir(), 'results')
  const away = await TestRedis.start()
  const stopped = verifyTrailCommand(
    ['cluster', 'work', ...evidence, '--redis', `redis://127.0.0.1:${away.port}`, '--results', results],
    {
      started: (child) => {
        setTimeout(() => void away.kill(), 1500)
        setTimeout(() => child.kill('SIGTERM'), 3000)
      },
    },
  )
  const { code, stderr } = await stopped
  t.equal(code, 0, stderr)
  t.match(stderr, /trying again/)
})

const REQUEST: RunRequest = {
  format: 1,
  tool: { version: '0', packageSha256: null },
  sources: ['s3://bucket'],
  publicKeysSha256: null,
  metadataSha256: null,
  shards: 3,
  borders: ['/111122223333/us-east-1', '/111122223333/us-east-2'],
  now: '2026-04-01T00:00:00.000Z',
  startTime: null,
  endTime: null,
  accountIds: [],
  regions: [],
  trails: [],
  bucket: null,
  byName: false,
  unvalidatedTrails: false,
}

t.test('a shard that fails for ever: the rest goes on; one of which a part cannot be read is tried again', REDIS, async (t) => {
  const results = directoryResults(t.testdir())
  const run = runIdOf(REQUEST)
  await results.put(`${run}/request.json`, formatRequest(REQUEST))
  const queue = await RunQueue.open({ url })
  t.teardown(() => queue.close())
  await queue.submit(REQUEST)
  const done: number[] = []
  const outcomes: unknown[] = []
  const job: ShardWork = {
    refusal: () => undefined,
    verify: async (_request, shard) => {
      done.push(shard)
      if (shard === 2) throw new Error('no way')
      const tries = done.filter((one) => one === shard).length
      return { report: Buffer.from(`report ${shard}, try ${tries}`), unreadForNow: shard === 3 ? 1 : 0 }
    },
    merge: async (_request, all) => {
      for (const outcome of all) outcomes.push(outcome.kind === 'failed' ? outcome : String(await outcome.read()))
      return Buffer.from('{}')
    },
  }
  await work({ redis: { url }, results, work: job, tell: () => undefined, signal: AbortSignal.timeout(60_000), until: run })
  t.strictSame(done.sort(), [1, 2, 2, 2, 3, 3, 3])
  t.strictSame(outcomes, ['report 1, try 1', { kind: 'failed', shard: 2, reason: 'no way' }, 'report 3, try 3'])
  t.match(await queue.status(run), { state: 'done', shards: 3, shardsDone: 2, shardsFailed: 1 })
})

t.test('what is put first stays', async (t) => {
  const radosgw = await startRadosgw()
  const places = [{ name: 'a directory', results: directoryResults(t.testdir()) }]
  if (typeof radosgw === 'string') t.comment(radosgw)
  else {
    const { endpointUrl, accessKeyId, secretAccessKey } = radosgw
    t.teardown(() => radosgw.stop())
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
    const client = new S3Client({
      endpoint: endpointUrl,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    })
    await client.send(new CreateBucketCommand({ Bucket: 'results' }))
    client.destroy()
    places.push({ name: 'a bucket', results: await s3Results('s3://results/below', { endpointUrl }) })
  }
  for (const { name, results } of places) {
    t.equal(await results.get('a/b'), undefined, `${name}: nothing`)
    t.equal(await results.has('a/b'), false)
    const answers = await Promise.all(['1', '2', '3'].map((text) => results.put('a/b', Buffer.from(text))))
    t.strictSame([...answers].sort(), ['put', 'there', 'there'], `${name}: one is first`)
    t.equal(String(await results.get('a/b')), String(answers.indexOf('put') + 1))
    t.equal(await results.has('a/b'), true)
    await results.close?.()
  }
})

t.test('a request is what its name says, or is refused', (t) => {
  const run = runIdOf(REQUEST)
  const refused = (value: unknown, message: RegExp) =>
    t.throws(() => parseRequest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), run), {
      code: 'ERR_CLUSTER',
      message,
    })
  t.strictSame(parseRequest(formatRequest(REQUEST), run), REQUEST)
  refused('{', /no JSON/)
  refused({ ...REQUEST, sources: ['/etc'] }, /its SHA-256 is not the name of the run/)
  const wrong: readonly object[] = [
    { ...REQUEST, more: 1 },
    { ...REQUEST, format: 2 },
    { ...REQUEST, sources: [''] },
    { ...REQUEST, shards: 4 },
    { ...REQUEST, shards: 0, borders: [] },
    { ...REQUEST, now: 'now' },
    { ...REQUEST, accountIds: ['../..'] },
    { ...REQUEST, bucket: { bucket: '' } },
    { ...REQUEST, publicKeysSha256: 'x' },
    { ...REQUEST, tool: { version: 1, packageSha256: null } },
  ]
  for (const value of wrong) refused(value, /another shape/)
  t.end()
})

t.test('TLS, a password, an ACL of one prefix', REDIS, async (t) => {
  const folder = t.testdir()
  const file = (name: string) => join(folder, name)
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    file('key.pem'),
    '-out',
    file('cert.pem'),
  ])
  t.equal(made.status, 0)
  writeFileSync(file('users.acl'), 'user default off\nuser trail on >secret ~mine:* &* +@all -@dangerous +info +client\n')
  const tls = String(await freePort())
  const secured = await TestRedis.start(
    '--tls-port',
    tls,
    '--tls-cert-file',
    file('cert.pem'),
    '--tls-key-file',
    file('key.pem'),
    '--tls-ca-cert-file',
    file('cert.pem'),
    '--tls-auth-clients',
    'no',
    '--aclfile',
    file('users.acl'),
  )
  t.teardown(() => secured.stop())
  const place = `rediss://trail@127.0.0.1:${tls}`
  const results = file('results')
  const options = ['--redis', place, '--redis-ca', file('cert.pem'), '--redis-prefix', 'mine']
  const env = { VERIFY_TRAIL_REDIS_PASSWORD: 'secret' }
  const run = await submitted([...evidence, ...options, '--results', results, '--shards', '2', ...asOf], env)
  const { code, stderr } = await verifyTrailCommand(
    ['cluster', 'work', ...evidence, ...options, '--results', results, '--run', run],
    { env },
  )
  t.equal(code, 0, stderr)
  const status = await verifyTrailCommand(['cluster', 'status', ...options, '--run', run], { env })
  t.match(status.stdout, 'merged  2 of 2 shards')
  const wrong = await verifyTrailCommand(['cluster', 'status', ...options], { env: { VERIFY_TRAIL_REDIS_PASSWORD: 'wrong' } })
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /Redis: .*(WRONGPASS|NOAUTH)/)
  const unknown = await verifyTrailCommand(['cluster', 'status', '--redis', place], { env })
  t.equal(unknown.code, 2)
  t.match(unknown.stderr, /certificate|self.signed/i)
  const stored = readFileSync(join(results, run, 'request.json'), 'utf8')
  t.notMatch(stored + stderr, 'secret', 'no secret travels')
})

t.test('what others wrote into Redis steers no terminal, and no worker falls over it', REDIS, async (t) => {
  const { Queue } = await import('bullmq')
  const queue = new Queue('runs', { connection: { host: '127.0.0.1', port: redis?.port ?? 0 }, prefix: 'hostile' })
  t.teardown(() => queue.close())
  const steer = '\x1b[2J\u202e'
  await queue.add('merge', { run: steer, shards: steer, sources: [steer] })
  await queue.add('merge', null)
  for (const words of [[], ['--json']]) {
    const { code, stdout } = await verifyTrailCommand([
      'cluster',
      'status',
      '--redis',
      url,
      '--redis-prefix',
      'hostile',
      ...words,
    ])
    t.equal(code, 0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    t.notMatch(stdout, /[\x1b\u202e]/)
  }
  await queue.add('shard', null)
  await queue.add('shard', { run: '../..', shard: steer })
  const worker = await verifyTrailCommand(
    ['cluster', 'work', ...evidence, '--redis', url, '--redis-prefix', 'hostile', '--results', t.testdir()],
    {
      started: (child) => {
        // Once: a second signal would end it at once.
        child.stderr?.on('data', (text: Buffer) => {
          if (!child.killed && String(text).includes('no name of a run')) child.kill('SIGTERM')
        })
      },
    },
  )
  t.equal(worker.code, 0, worker.stderr)
  t.match(worker.stderr, /failed: no name of a run/)
  t.match(worker.stderr, /stopping \(once more quits at once\)/, 'of a report there is nothing to say')
})

t.test('bad input', async (t) => {
  const rows: [readonly string[], RegExp][] = [
    [['cluster'], /give submit, work, status or merge/],
    [['cluster', 'dance'], /'dance': give submit, work, status or merge/],
    [['cluster', 'submit', '--redis', url, '--results', 'x', '--shards', '2'], /no source/],
    [['cluster', 'submit', 'x', '--results', 'x', '--shards', '2'], /no Redis/],
    [['cluster', 'submit', 'x', '--redis', url, '--shards', '2'], /no place for the results/],
    [['cluster', 'submit', 'x', '--redis', url, '--results', 'x'], /in how many parts/],
    [['cluster', 'work', '--redis', url, '--results', 'x'], /no source/],
    [['cluster', 'merge', '--results', 'x'], /of which run/],
    [['cluster', 'merge', '--results', 'x', '--run', '../x'], /is no name of a run/],
    [['cluster', 'merge', '--results', 'x', '--run', 'a'.repeat(32)], /holds no run a{32}/],
    [['cluster', 'status', '--redis', 'http://x'], /not a Redis/],
    [['cluster', 'status', '--redis', 'redis://127.0.0.1:1'], /Redis: .*ECONNREFUSED/],
    [['cluster', 'status', '--redis', url, '--redis-prefix', 'a b'], /the prefix "a b" cannot be used/],
  ]
  for (const [words, message] of rows) {
    let said = ''
    const stderr = new Writable({
      write(chunk, _, done) {
        said += String(chunk)
        done()
      },
    })
    const stdout = new PassThrough().resume()
    const code = await runCommandLine(words, {
      stdout,
      stderr,
      environment: {},
      logJson: false,
      interrupted: new AbortController().signal,
    })
    t.equal(code, 2, words.join(' '))
    t.match(said, message)
  }
})
