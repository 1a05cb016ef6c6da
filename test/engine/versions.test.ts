/** What a versioned bucket still has of what is missing or was changed: told, and never a reason for another verdict. */
import { execFileSync } from 'node:child_process'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import t from 'tap'
import { keysOf, uri, World } from '../../fixtures/case.js'
import { gzip } from '../../fixtures/gzip.js'
import type { Place } from '../../fixtures/store.js'
import {
  type Finding,
  type Gap,
  type MemoryVersion,
  memorySource,
  type ObjectLock,
  type ObjectVersions,
  type PublicKeySource,
  parsePublicKeyList,
  type Source,
  verifyTrail,
} from '../../src/index.js'
import { restoreCommands, shellWord } from '../../src/reports/restore-commands.js'
import { s3Source } from '../../src/s3.js'
import { isolate } from '../aws/misbehaving-store.js'
import { startRadosgw } from '../support/radosgw.js'

function publicKeys(): PublicKeySource {
  const list = parsePublicKeyList(Buffer.from(keysOf('march')))
  if (!list.ok) throw new Error(list.reason)
  return {
    lookup: ({ fingerprint }) => {
      const key = list.keys.find((one) => one.fingerprint === fingerprint)
      return key === undefined ? { kind: 'unknown' } : { kind: 'key', key, origin: 'test keys' }
    },
  }
}

interface Told {
  readonly verdict: string
  readonly findings: readonly (Finding | Gap)[]
  /** What is said of the versions of one object, by the finding of this code. */
  readonly versions: (code: Finding['code'], place: Place) => ObjectVersions | undefined
}

async function verify(world: World, sources: readonly Source[]): Promise<Told> {
  const findings: (Finding | Gap)[] = []
  const range = { startTime: new Date(world.from), endTime: new Date(world.trail.now) }
  const now = new Date('2026-11-01T00:00:00Z')
  for await (const result of verifyTrail({ sources, publicKeys: publicKeys(), now, ...range })) {
    if (result.kind === 'finding' || result.kind === 'gap') findings.push(result)
    if (result.kind !== 'summary') continue
    const versions: Told['versions'] = (code, place) => {
      const found = findings.find((finding) => finding.code === code && finding.object === uri(place))
      return found !== undefined && 'versions' in found ? found.versions : undefined
    }
    return { verdict: result.verdict, findings, versions }
  }
  throw new Error('the run ended without a summary')
}

const time = (hour: number): string => `2026-03-15T${String(hour).padStart(2, '0')}:00:00Z`
const version = (id: string, hour: number, bytes?: Uint8Array): MemoryVersion => ({
  versionId: id,
  lastModified: time(hour),
  ...(bytes === undefined ? {} : { bytes }),
})

/** The world's bucket as a store that keeps these versions. */
function versioned(world: World, versions: ReadonlyMap<string, readonly MemoryVersion[]>): Source {
  const { bucket } = world.trail
  return memorySource({ name: `s3://${bucket}`, kind: 'store', bucket, objects: world.store.bucket(bucket), versions })
}

const FORGED = gzip(Buffer.from('{"Records":[]}'))

/** Three hours; the second log file has these versions, made from its own bytes. The first of them is current. */
async function searched(versions: (own: Buffer) => readonly MemoryVersion[]): Promise<ObjectVersions | undefined> {
  const world = new World(3)
  const log = world.log(2)
  const history = versions(world.store.get(log).bytes)
  const [current] = history
  if (current?.bytes === undefined) world.store.delete(log)
  else world.store.edit(log, () => current.bytes ?? Buffer.alloc(0))
  const told = await verify(world, [versioned(world, new Map([[log.key, history]]))])
  t.equal(told.verdict, 'invalid', 'whatever the versions are')
  const [finding] = told.findings
  return finding !== undefined && 'versions' in finding ? finding.versions : undefined
}

const NO_LOCK = { retainUntil: null, legalHold: false }
const intact = (id: string, hour: number, lock: ObjectLock = NO_LOCK): object => ({
  versionId: id,
  lastModified: time(hour),
  ...lock,
})
const marker = (id: string, hour: number): object => ({ kind: 'delete-marker', versionId: id, lastModified: time(hour) })
const other = (id: string, hour: number): object => ({ kind: 'version', versionId: id, lastModified: time(hour) })
const held = { retainUntil: '2033-01-01T00:00:00Z', legalHold: true }

const rows: readonly [sentence: string, versions: (own: Buffer) => readonly MemoryVersion[], expected: object][] = [
  [
    'deleted',
    (own) => [version('m', 2), version('a', 1, own)],
    { searched: 1, intact: intact('a', 1), replacedBy: marker('m', 2) },
  ],
  [
    'overwritten',
    (own) => [version('b', 2, FORGED), version('a', 1, own)],
    { searched: 1, intact: intact('a', 1), replacedBy: other('b', 2) },
  ],
  [
    'overwritten, then deleted: what came directly after the intact one is named',
    (own) => [version('m', 3), version('b', 2, FORGED), version('a', 1, own)],
    { searched: 1, intact: intact('a', 1), replacedBy: other('b', 2) },
  ],
  [
    'restored once, and deleted again: the oldest intact one is named',
    (own) => [version('m', 3), version('b', 2, own), version('a', 1, own)],
    { searched: 1, intact: intact('a', 1), replacedBy: other('b', 2) },
  ],
  [
    'retained and held',
    (own) => [version('m', 2), { ...version('a', 1, own), lock: held }],
    { searched: 1, intact: intact('a', 1, held), replacedBy: marker('m', 2) },
  ],
  ['gone for good', () => [version('m', 2)], { searched: 0, complete: true, intact: null, replacedBy: marker('m', 2) }],
  [
    'an older version that is no better',
    () => [version('b', 2, FORGED), version('a', 1, FORGED)],
    { searched: 1, complete: true, intact: null, replacedBy: other('b', 2) },
  ],
  [
    'an older version with bytes appended',
    (own) => [version('b', 2, FORGED), version('a', 1, Buffer.concat([own, FORGED]))],
    { searched: 1, complete: true, intact: null },
  ],
  [
    'an older version that is not gzip',
    () => [version('b', 2, FORGED), version('a', 1, Buffer.from('x'))],
    { searched: 1, complete: true, intact: null },
  ],
  ['no versions are kept', () => [version('null', 2, FORGED)], { searched: 0, complete: true, intact: null, replacedBy: null }],
  [
    'a flood of versions over it does not hide the first',
    (own) => [...Array.from({ length: 500 }, (_, i) => version(`f${i}`, 2, FORGED)), version('a', 1, own)],
    { searched: 1, intact: intact('a', 1), replacedBy: other('f499', 2) },
  ],
  [
    'a flood of versions around it may: then it is said that not all were searched',
    (own) => [
      ...Array.from({ length: 50 }, (_, i) => version(`f${i}`, 3, FORGED)),
      version('a', 2, own),
      ...Array.from({ length: 50 }, (_, i) => version(`e${i}`, 1, FORGED)),
    ],
    { searched: 32, complete: false, intact: null, replacedBy: other('f0', 3) },
  ],
]

t.test('the versions of one log file', async (t) => {
  for (const [sentence, versions, expected] of rows) t.match(await searched(versions), expected, sentence)
})

t.test('what is searched, and what not', async (t) => {
  const world = new World(4)
  const [digest, log] = [world.digest(2), world.log(3)]
  const lost = new Map([
    [digest.key, [version('m', 2), version('d', 1, world.store.get(digest).bytes)]],
    [log.key, [version('m', 2), version('l', 1, world.store.get(log).bytes)]],
  ])
  world.store.delete(digest, log)
  const forged = world.plant(world.time(3, 30))
  const told = await verify(world, [versioned(world, lost)])
  t.equal(told.verdict, 'invalid')
  t.match(told.versions('DIGEST_MISSING', digest), { intact: { versionId: 'd' }, object: uri(digest) })
  t.match(told.versions('LOG_FILE_MISSING', log), { intact: { versionId: 'l' } })
  t.ok(
    told.findings.some(({ code }) => code === 'COVERAGE_GAP'),
    'the hour of the digest stays open',
  )
  t.ok(
    told.findings.some(({ code }) => code === 'LOG_FILE_UNCOVERED'),
    'and what it lists is not covered',
  )
  t.equal(told.versions('LOG_FILE_UNLISTED', forged), undefined, 'what was never signed has no version to be found')

  const plain = await verify(world, [
    memorySource({ name: world.trail.bucket, path: [world.trail.bucket], objects: world.store.bucket(world.trail.bucket) }),
  ])
  t.ok(
    plain.findings.every((finding) => !('versions' in finding)),
    'where no versions can be asked for, none are told',
  )

  const denied: Source = {
    ...bound(versioned(world, lost)),
    versions: {
      list: async () => ({ kind: 'unreadable', reason: 'access-denied' }),
      read: async () => ({ kind: 'missing' }),
    },
  }
  const refused = await verify(world, [denied])
  t.match(refused.versions('LOG_FILE_MISSING', log), {
    searched: 0,
    complete: false,
    reason: 'access-denied',
    intact: null,
    replacedBy: null,
  })
  t.equal(refused.verdict, 'invalid')
})

t.test('the newest digests were deleted: the gap names the version of the next one', async (t) => {
  const gapOf = async (
    versions: (own: MemoryVersion) => readonly MemoryVersion[],
  ): Promise<readonly [string, ObjectVersions?]> => {
    const world = new World(5)
    const [next, last] = [world.digest(4), world.digest(5)]
    const { bytes, metadata } = world.store.get(next)
    world.store.delete(next, last)
    const own = { ...version('d', 1, bytes), metadata }
    const told = await verify(world, [versioned(world, new Map([[next.key, versions(own)]]))])
    const gap = told.findings.find((finding) => finding.kind === 'gap')
    const found = gap?.kind === 'gap' && gap.reason === 'after-last' ? gap.versions : undefined
    if (found !== undefined) t.equal(found.object, uri(next))
    return found === undefined ? [told.verdict] : [told.verdict, found]
  }
  const [verdict, deleted] = await gapOf((own) => [version('m', 2), own])
  t.equal(verdict, 'unverified', 'what was deleted vouches for nothing')
  t.match(deleted, { searched: 1, complete: true, intact: intact('d', 1), replacedBy: marker('m', 2) })
  const [, forged] = await gapOf((own) => [version('m', 2), { ...own, bytes: FORGED }])
  t.match(forged, { searched: 1, complete: true, intact: null, replacedBy: marker('m', 2) }, 'what CloudTrail did not sign')
  const [, unsigned] = await gapOf(({ metadata: _, ...own }) => [version('m', 2), own])
  t.match(unsigned, { intact: null }, 'nor what has lost its signature')
  t.strictSame(await gapOf(() => []), ['unverified'], 'nothing was there')
})

function bound(source: Source): Source {
  const { name, kind, bucket = '' } = source
  return {
    name,
    kind,
    bucket,
    folders: source.folders.bind(source),
    list: source.list.bind(source),
    read: source.read.bind(source),
  }
}

t.test('commands that restore', async (t) => {
  const words = [
    'plain',
    "it's",
    'a b$(touch x)`id`;&|<>*?!#~"\\',
    'clé/日本',
    'a\u202eb\x1b[2J\n\r\t\x7f1',
    '\u0001' + '7',
    '\\x41\\',
    "$'",
  ]
  for (const word of words) {
    t.match(shellWord(word), /^[\x20-\x7e]*$/, 'a word shows nothing but printable ASCII')
    t.equal(execFileSync('bash', ['-c', `printf %s ${shellWord(word)}`]).toString(), word, 'and is one word of a shell')
  }
  const commands = (key: string): readonly string[] => {
    const versions = { object: `s3://logs/${key}`, searched: 1, complete: true, replacedBy: null }
    const found = { versionId: 'v', lastModified: time(1), ...NO_LOCK }
    const head = { kind: 'finding', verdict: 'invalid', organizationId: null, accountId: null, region: null, time: null } as const
    const fields = { code: 'LOG_FILE_MISSING', object: 's3://logs/x', expected: 'a', listedBy: [] } as const
    return restoreCommands([{ ...head, ...fields, versions: { ...versions, intact: found } }]).commands
  }
  t.strictSame(commands("a'b"), [
    "aws s3api copy-object --bucket='logs' --key='a'\\''b' --copy-source='logs/a'\\''b?versionId=v'",
  ])
  t.strictSame(commands('file:///etc/passwd'), [], 'a key that the AWS CLI would take for a file to read has none')
  t.strictSame(commands('a?versionId=b'), [], 'nor one in which it would find another version')
})

/** What a shell makes of a command's words, by the name of the option. */
function optionsOf(command: string): Map<string, string> {
  const words = execFileSync('bash', ['-c', `aws() { printf '%s\\0' "$@"; }; ${command}`])
    .toString()
    .split('\0')
  return new Map(
    words.flatMap((word) =>
      word.startsWith('--') ? [[word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]] : [],
    ),
  )
}

t.test('on a real S3 server', async (t) => {
  const server = await startRadosgw()
  if (typeof server === 'string') {
    t.plan(0, server)
    return
  }
  t.teardown(server.stop)
  isolate(server)
  const { endpointUrl } = server
  const client = new S3Client({ endpoint: endpointUrl, forcePathStyle: true, region: 'us-east-1', credentials: server })
  t.teardown(() => client.destroy())
  const put = (place: Place, bytes: Uint8Array, metadata = {}) =>
    client.send(new PutObjectCommand({ Bucket: place.bucket, Key: place.key, Body: bytes, Metadata: metadata }))
  const verifyThere = async (world: World): Promise<Told> => {
    const source = await s3Source(`s3://${world.trail.bucket}`, { endpointUrl, retryDelay: 1, maxAttempts: 3 })
    try {
      return await verify(world, [source])
    } finally {
      await source.close?.()
    }
  }
  const fill = async (world: World): Promise<void> => {
    const { bucket } = world.trail
    for (const [key, { bytes, metadata }] of world.store.bucket(bucket)) await put({ bucket, key }, bytes, metadata)
  }
  const remove = ({ bucket, key }: Place) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))

  await t.test('versions and delete markers are found, and what restores them does', async (t) => {
    const world = new World(4, { bucket: 'versioned-logs', prefix: "odd 'prefix' +%20ü" })
    const { bucket } = world.trail
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    const Enabled = { Status: 'Enabled' } as const
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: Enabled }))
    await fill(world)
    t.equal((await verifyThere(world)).verdict, 'valid')
    // A key that begins with another one is not a version of it.
    await put({ bucket, key: `${world.log(1).key}.bak` }, FORGED)
    await put(world.log(1), FORGED)
    await remove(world.log(2))
    await put(world.log(3), FORGED)
    await remove(world.log(3))
    await remove(world.digest(2))
    await put(world.digest(1), gzip(Buffer.from(`${world.digest(1).text} `)), { signature: 'ab' })
    const told = await verifyThere(world)
    t.equal(told.verdict, 'invalid')
    const found = { complete: true, intact: { versionId: String, lastModified: String, ...NO_LOCK } }
    t.match(told.versions('LOG_FILE_MISSING', world.log(3)), { ...found, searched: 1, replacedBy: { kind: 'version' } })
    t.match(told.versions('DIGEST_MISSING', world.digest(2)), { ...found, searched: 1, replacedBy: { kind: 'delete-marker' } })
    const { commands } = restoreCommands(told.findings)
    t.equal(commands.length, 2, 'what no valid digest lists has no hash to be found by')
    for (let round = 0; round < 3; round++) {
      for (const command of restoreCommands((await verifyThere(world)).findings).commands) {
        const options = optionsOf(command)
        const source = options.get('--copy-source') ?? ''
        const at = source.lastIndexOf('?versionId=')
        const CopySource = source.slice(0, at).split('/').map(encodeURIComponent).join('/') + source.slice(at)
        await client.send(new CopyObjectCommand({ Bucket: options.get('--bucket'), Key: options.get('--key'), CopySource }))
      }
    }
    const restored = await verifyThere(world)
    t.equal(restored.verdict, 'invalid', 'the planted copy of a log file is still there')
    t.strictSame(
      restored.findings.map(({ code }) => code),
      ['LOG_FILE_UNLISTED'],
      'and nothing else: digest after digest, all was restored',
    )
  })

  await t.test('locks are told', async (t) => {
    const world = new World(2, { bucket: 'locked-logs' })
    const { bucket } = world.trail
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
    await fill(world)
    const { key } = world.log(1)
    const Retention = { Mode: 'GOVERNANCE' as const, RetainUntilDate: new Date('2033-05-06T07:08:09Z') }
    await client.send(new PutObjectRetentionCommand({ Bucket: bucket, Key: key, Retention }))
    await client.send(new PutObjectLegalHoldCommand({ Bucket: bucket, Key: key, LegalHold: { Status: 'ON' } }))
    await remove(world.log(1))
    const told = await verifyThere(world)
    t.match(told.versions('LOG_FILE_MISSING', world.log(1)), {
      intact: { retainUntil: '2033-05-06T07:08:09Z', legalHold: true },
      replacedBy: { kind: 'delete-marker' },
    })
  })

  await t.test('a bucket without versions, and one whose versions may not be listed', async (t) => {
    const world = new World(3, { bucket: 'plain-logs' })
    const { bucket } = world.trail
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    await fill(world)
    await remove(world.log(1))
    await put(world.log(2), FORGED)
    const nothing = { searched: 0, complete: true, intact: null, replacedBy: null }
    const told = await verifyThere(world)
    t.match(told.versions('LOG_FILE_MISSING', world.log(1)), nothing)
    t.match(told.versions('LOG_FILE_MODIFIED', world.log(2)), nothing)
    const resource = `arn:aws:s3:::${bucket}`
    const Statement = [{ Effect: 'Deny', Principal: '*', Action: 's3:ListBucketVersions', Resource: resource }]
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
    const refused = await verifyThere(world)
    t.match(refused.versions('LOG_FILE_MISSING', world.log(1)), { ...nothing, complete: false, reason: 'access-denied' })
    t.equal(refused.verdict, 'invalid')
  })
})
