/**
 * Measuring log files beside a loop in C that does the same work: read, inflate (libdeflate), hash (OpenSSL). CPU time,
 * in one run, in turns: a busy machine slows both.
 */
import { execFileSync, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import type { Measurement } from '../src/core/measurement.js'
import { measureBytes, measureChunks, setCareful } from '../src/engine/measure.js'
import type { Row } from './row.js'

export const name = 'measure'

interface Corpus {
  readonly what: string
  readonly bytes: number
  readonly files: number
  /** How often all files are measured in a round. */
  readonly times: number
}

const CORPORA: readonly Corpus[] = [
  { what: '20 KB', bytes: 20_000, files: 1000, times: 4 },
  { what: '500 KB', bytes: 500_000, files: 100, times: 2 },
  { what: '20 MB', bytes: 20_000_000, files: 6, times: 1 },
]
const ROUNDS = 9
const LIMIT = 2 * 1024 ** 3

interface Way {
  readonly what: string
  readonly target: number
  readonly careful: boolean
  measure(path: string): Measurement | Promise<Measurement>
}

const WAYS: readonly Way[] = [
  { what: 'measureBytes', target: 0.75, careful: false, measure: (path) => measureBytes(readInto(path), LIMIT) },
  { what: 'measureChunks', target: 0.65, careful: false, measure: (path) => measureChunks(readChunks(path), LIMIT) },
  { what: 'measureBytes by public APIs', target: 0.4, careful: true, measure: (path) => measureBytes(readInto(path), LIMIT) },
]

export async function run(): Promise<Row[]> {
  const directory = fs.mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  try {
    const loop = buildLoop(directory)
    const rows: Row[] = []
    for (const corpus of loop ? CORPORA : []) rows.push(...(await compare(corpus, writeCorpus(directory, corpus), loop)))
    return rows
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

function buildLoop(directory: string): string {
  const loop = join(directory, 'c-loop')
  const source = [join(dirname(fileURLToPath(import.meta.url)), 'c-loop.c'), join('bench', 'c-loop.c')].find((path) =>
    fs.existsSync(path),
  )
  try {
    execFileSync('cc', ['-O2', '-o', loop, source ?? 'c-loop.c', '-ldeflate', '-lcrypto'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return loop
  } catch (error) {
    console.error(
      `\n!!! NOTHING WAS COMPARED: c-loop.c does not build (it needs cc, libdeflate-dev and libssl-dev)\n${String(error)}\n`,
    )
    return ''
  }
}

async function compare(corpus: Corpus, paths: readonly string[], loopPath: string): Promise<Row[]> {
  const loop = startLoop(loopPath, paths)
  const limits: number[] = []
  const ours = WAYS.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(await loop.measure(corpus.times))
    for (const [i, way] of WAYS.entries()) ours[i]?.push(await timeOf(way, paths, corpus.times))
  }
  loop.end()
  const perFile = (times: readonly number[]): number => median(times) / corpus.times / paths.length
  return WAYS.map(({ what, target }, i) => {
    const [limit, mine] = [perFile(limits), perFile(ours[i] ?? [])]
    const shown = (micros: number): string => `${micros.toFixed(micros < 1000 ? 1 : 0)} µs a file`
    return {
      what: `${what}, ${corpus.what}`,
      ours: shown(mine),
      limit: `${shown(limit)} (C)`,
      ratio: limit / mine,
      target,
      better: 'more',
    }
  })
}

async function timeOf(way: Way, paths: readonly string[], times: number): Promise<number> {
  setCareful(way.careful)
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) {
    for (const path of paths) {
      const answer = way.measure(path)
      const measurement = answer instanceof Promise ? await answer : answer
      if (measurement.kind !== 'measured' || measurement.damage) throw new Error(`${path} was not measured`)
    }
  }
  const { user, system } = process.cpuUsage(before)
  setCareful(false)
  return user + system
}

interface Loop {
  /** CPU microseconds for measuring all files so many times. */
  measure(times: number): Promise<number>
  end(): void
}

function startLoop(loopPath: string, paths: readonly string[]): Loop {
  const loop = spawn(loopPath, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: loop.stdout })[Symbol.asyncIterator]()
  loop.stdin.write(`${paths.join('\n')}\n\n`)
  return {
    async measure(times) {
      loop.stdin.write(`${times}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error('the C loop ended')
      return Number(String(value).split(' ')[0])
    },
    end: () => loop.stdin.end(),
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}

/** Grows to the largest file. As a source of many files does, so that reading costs what it must. */
let buffer = new Uint8Array(64 * 1024)

function readInto(path: string): Uint8Array {
  const file = fs.openSync(path, 'r')
  try {
    const { size } = fs.fstatSync(file)
    if (buffer.length < size) buffer = new Uint8Array(size)
    let got = 0
    while (got < size) got += fs.readSync(file, buffer, got, size - got, null)
    return buffer.subarray(0, size)
  } finally {
    fs.closeSync(file)
  }
}

/** What a socket hands out, without the socket. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const bytes = readInto(path)
  for (let at = 0; at < bytes.length; at += 16 * 1024) yield bytes.subarray(at, at + 16 * 1024)
}

function writeCorpus(directory: string, { bytes, files }: Corpus): string[] {
  const random = seeded(bytes)
  return Array.from({ length: files }, (_, i) => {
    const path = join(directory, `${bytes}-${i}.json.gz`)
    fs.writeFileSync(path, zlib.gzipSync(logFile(bytes, random), { level: i % 2 ? 9 : 6 }))
    return path
  })
}

/** The least that a log file has to be for the ratio of CloudTrail's: repeated names, random ids. */
function logFile(bytes: number, random: () => number): string {
  const records: string[] = []
  for (let length = 0; length < bytes; length += records.at(-1)?.length ?? 0) records.push(JSON.stringify(record(random)))
  return `{"Records":[${records.join(',')}]}`
}

function record(random: () => number): object {
  const upTo = (count: number): number => Math.floor(random() * count)
  const hex = (length: number): string => Array.from({ length }, () => upTo(16).toString(16)).join('')
  const accountId = '123456789012'
  const role = `role-${upTo(40)}`
  const sessionIssuer = { type: 'Role', arn: `arn:aws:iam::${accountId}:role/${role}`, accountId, userName: role }
  return {
    eventVersion: '1.08',
    userIdentity: {
      type: 'AssumedRole',
      principalId: `AROA${hex(17).toUpperCase()}:session`,
      arn: `arn:aws:sts::${accountId}:assumed-role/${role}/session`,
      accountId,
      accessKeyId: `ASIA${hex(16).toUpperCase()}`,
      sessionContext: { sessionIssuer, attributes: { creationDate: '2024-05-01T00:00:00Z', mfaAuthenticated: 'false' } },
    },
    eventTime: `2024-05-01T10:${10 + upTo(50)}:${10 + upTo(50)}Z`,
    eventSource: `${['ec2', 's3', 'sts', 'kms', 'logs'][upTo(5)]}.amazonaws.com`,
    eventName: ['DescribeInstances', 'GetObject', 'AssumeRole', 'Decrypt', 'CreateLogStream'][upTo(5)],
    awsRegion: 'us-east-1',
    sourceIPAddress: `10.${upTo(256)}.${upTo(256)}.${upTo(256)}`,
    userAgent: 'aws-sdk-java/1.12.400 Linux/5.10 OpenJDK_64-Bit_Server_VM/11',
    requestParameters: { bucketName: `bucket-${upTo(30)}`, key: `data/2024/05/01/part-${upTo(100_000)}.parquet` },
    responseElements: null,
    additionalEventData: { SignatureVersion: 'SigV4', CipherSuite: 'ECDHE-RSA-AES128-GCM-SHA256', bytesTransferredIn: 0 },
    requestID: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    eventID: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    readOnly: true,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: 'Management',
  }
}

/** Equal corpora in every run: xorshift32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
