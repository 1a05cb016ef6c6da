/** A trail that is made while it is read: as long as one likes, and nothing of it is held but hashes and signatures. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { formatTime } from '../src/core/time.js'
import { type ListedObject, type PublicKeySource, parsePublicKeyList, type ReadAnswer, type Source } from '../src/index.js'

export interface GeneratedOptions {
  readonly accounts: number
  readonly regions: number
  /** Hours of each chain, its starting digest aside. */
  readonly hours: number
  readonly logFilesPerHour: number
  /** Inflated size of a log file. */
  readonly logFileBytes?: number
  /** Time that each request takes. */
  readonly latencyMs?: number
  readonly kind?: 'store' | 'export'
}

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 10, 0, 4, 34)
const BUCKET = 'generated-trail-logs'

interface Chain {
  readonly accountId: string
  readonly region: string
  readonly hashes: string[]
  readonly signatures: string[]
  /** Stored, where they are small: making them is not the run's work. */
  readonly digests: Uint8Array[]
}

const two = (n: number): string => (n < 10 ? `0${n}` : String(n))

/** YYYYMMDDTHHMMSSZ */
function compact(ms: number): string {
  const at = new Date(ms)
  const date = `${at.getUTCFullYear()}${two(at.getUTCMonth() + 1)}${two(at.getUTCDate())}`
  return `${date}T${two(at.getUTCHours())}${two(at.getUTCMinutes())}${two(at.getUTCSeconds())}Z`
}

/** YYYY/MM/DD */
function day(ms: number): string {
  const at = new Date(ms)
  return `${at.getUTCFullYear()}/${two(at.getUTCMonth() + 1)}/${two(at.getUTCDate())}`
}

export interface Generated {
  readonly source: GeneratedSource
  readonly bucket: string
  /** As `aws cloudtrail list-public-keys` prints it. */
  readonly publicKeyList: string
  readonly publicKeys: PublicKeySource
  readonly startTime: string
  readonly endTime: string
  readonly logFiles: number
  readonly counts: { requests: number }
}

export function generate(options: GeneratedOptions): Generated {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const value = publicKey.export({ type: 'pkcs1', format: 'der' })
  const fingerprint = createHash('md5').update(value).digest('hex')
  const validity = { ValidityStartTime: '2020-01-01T00:00:00Z', ValidityEndTime: '2040-01-01T00:00:00Z' }
  const publicKeyList = JSON.stringify({
    PublicKeyList: [{ Value: value.toString('base64'), Fingerprint: fingerprint, ...validity }],
  })
  const list = parsePublicKeyList(Buffer.from(publicKeyList))
  const [key] = list.ok ? list.keys : []
  if (key === undefined) throw new Error('the generated key cannot be read')
  const source = new GeneratedSource(options, privateKey, fingerprint)
  return {
    source,
    bucket: BUCKET,
    publicKeyList,
    publicKeys: { lookup: () => ({ kind: 'key', key, origin: 'generated' }) },
    startTime: formatTime(START),
    endTime: formatTime(START + options.hours * HOUR),
    logFiles: options.accounts * options.regions * options.hours * options.logFilesPerHour,
    counts: source.counts,
  }
}

export class GeneratedSource implements Source {
  readonly name = 's3://generated-trail-logs'
  readonly kind: 'store' | 'export'
  readonly bucket = BUCKET
  readonly counts = { requests: 0 }
  readonly #options: GeneratedOptions
  readonly #fingerprint: string
  readonly #chains = new Map<string, Chain>()
  readonly #log: Uint8Array
  readonly #logHash: string

  constructor(options: GeneratedOptions, key: KeyObject, fingerprint: string) {
    this.kind = options.kind ?? 'store'
    this.#options = options
    this.#fingerprint = fingerprint
    const text = logText(options.logFileBytes ?? 16)
    this.#log = gzipSync(text)
    this.#logHash = createHash('sha256').update(text).digest('hex')
    for (let account = 0; account < options.accounts; account++) {
      for (let region = 0; region < options.regions; region++) this.#addChain(account, region, key)
    }
  }

  #addChain(account: number, number: number, key: KeyObject): void {
    const accountId = String(111_122_223_333 + account)
    const region = `us-east-${number + 1}`
    const chain: Chain = { accountId, region, hashes: [], signatures: [], digests: [] }
    this.#chains.set(`${accountId}/${region}`, chain)
    for (let hour = 0; hour <= this.#options.hours; hour++) {
      const body = this.#digest(chain, hour)
      const hash = createHash('sha256').update(body).digest('hex')
      const data = [
        formatTime(START + hour * HOUR),
        `${BUCKET}/${digestKey(chain, hour)}`,
        hash,
        chain.signatures[hour - 1] ?? 'null',
      ]
      chain.hashes.push(hash)
      if (this.#options.logFilesPerHour === 0) chain.digests.push(new Uint8Array(gzipSync(body)))
      chain.signatures.push(sign('sha256', Buffer.from(data.join('\n')), key).toString('hex'))
    }
  }

  #digest(chain: Chain, hour: number): string {
    const end = START + hour * HOUR
    const previous = hour === 0 ? null : digestKey(chain, hour - 1)
    const logFiles =
      hour === 0
        ? []
        : Array.from({ length: this.#options.logFilesPerHour }, (_, n) => ({
            s3Bucket: BUCKET,
            s3Object: this.#logKey(chain, hour, n),
            hashValue: this.#logHash,
            hashAlgorithm: 'SHA-256',
            newestEventTime: formatTime(end),
            oldestEventTime: formatTime(end),
          }))
    return JSON.stringify({
      awsAccountId: chain.accountId,
      digestStartTime: formatTime(end - HOUR),
      digestEndTime: formatTime(end),
      digestS3Bucket: BUCKET,
      digestS3Object: digestKey(chain, hour),
      digestPublicKeyFingerprint: this.#fingerprint,
      digestSignatureAlgorithm: 'SHA256withRSA',
      newestEventTime: null,
      oldestEventTime: null,
      previousDigestS3Bucket: previous === null ? null : BUCKET,
      previousDigestS3Object: previous,
      previousDigestHashValue: previous === null ? null : chain.hashes[hour - 1],
      previousDigestHashAlgorithm: previous === null ? null : 'SHA-256',
      previousDigestSignature: previous === null ? null : chain.signatures[hour - 1],
      logFiles,
    })
  }

  #logKey({ accountId, region }: Chain, hour: number, n: number): string {
    const minute = Math.floor((n * 50) / this.#options.logFilesPerHour)
    const at = START + (hour - 1) * HOUR + (minute + 5) * 60_000
    const unique = String(hour).padStart(8, '0') + String(n).padStart(8, '0')
    return `AWSLogs/${accountId}/CloudTrail/${region}/${day(at)}/${accountId}_CloudTrail_${region}_${compact(at).slice(0, 13)}Z_${unique}.json.gz`
  }

  async folders(prefix: string): ReturnType<Source['folders']> {
    await this.#request()
    const parts = prefix.split('/').slice(0, -1)
    const chains = [...this.#chains.values()]
    const named = (names: readonly string[]): { folders: string[]; objects: [] } => ({
      folders: [...new Set(names)].sort().map((name) => `${prefix}${name}/`),
      objects: [],
    })
    if (parts.length === 0) return named(['AWSLogs'])
    if (parts.length === 1) return named(chains.map((chain) => chain.accountId))
    if (parts.length === 2) return named(['CloudTrail', 'CloudTrail-Digest'])
    if (parts.length === 3) return named(chains.filter((chain) => chain.accountId === parts[1]).map((chain) => chain.region))
    const days = Array.from({ length: Math.ceil(this.#options.hours / 24) + 1 }, (_, n) => `${day(START + n * 24 * HOUR)}/`)
    const rest = parts
      .slice(4)
      .map((part) => `${part}/`)
      .join('')
    return named(days.filter((one) => one.startsWith(rest)).map((one) => one.slice(rest.length).split('/')[0] ?? ''))
  }

  async *list(prefix: string): AsyncGenerator<ListedObject, void, undefined> {
    const [, accountId, family, region, year, month, date] = prefix.split('/')
    const chain = this.#chains.get(`${accountId}/${region}`)
    if (chain === undefined) return
    await this.#request()
    let listed = 0
    const [first, last] = hoursOf(year, month, date, this.#options.hours)
    for (let hour = first; hour <= last; hour++) {
      const keys = family === 'CloudTrail-Digest' ? [digestKey(chain, hour)] : hour === 0 ? [] : this.#logKeys(chain, hour)
      for (const key of keys) {
        if (!key.startsWith(prefix)) continue
        if (++listed % 1000 === 0) await this.#request()
        yield { kind: 'object', key, size: family === 'CloudTrail-Digest' ? 1 : this.#log.length }
      }
    }
  }

  #logKeys(chain: Chain, hour: number): string[] {
    return Array.from({ length: this.#options.logFilesPerHour }, (_, n) => this.#logKey(chain, hour, n))
  }

  async read(key: string): Promise<ReadAnswer> {
    await this.#request()
    const [, accountId, family, region] = key.split('/')
    const chain = this.#chains.get(`${accountId}/${region}`)
    if (chain === undefined) return { kind: 'missing' }
    if (family !== 'CloudTrail-Digest') return { kind: 'object', body: this.#log, metadata: {} }
    const end = /_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.json\.gz$/.exec(key)
    if (end === null) return { kind: 'missing' }
    const [year = 0, month = 0, date = 0, hours = 0, minutes = 0, seconds = 0] = end.slice(1).map(Number)
    const hour = (Date.UTC(year, month - 1, date, hours, minutes, seconds) - START) / HOUR
    const metadata = { signature: chain.signatures[hour] ?? '', 'signature-algorithm': 'SHA256withRSA' }
    return { kind: 'object', body: chain.digests[hour] ?? gzipSync(this.#digest(chain, hour), { level: 1 }), metadata }
  }

  /** Every key, digests first. */
  async *allKeys(): AsyncGenerator<string, void, undefined> {
    for (const { accountId, region } of this.#chains.values()) {
      for (const family of ['CloudTrail-Digest', 'CloudTrail']) {
        for await (const { key } of this.list(`AWSLogs/${accountId}/${family}/${region}/`)) yield key
      }
    }
  }

  async #request(): Promise<void> {
    this.counts.requests++
    if (this.#options.latencyMs !== undefined) await sleep(this.#options.latencyMs)
  }
}

/** The hours that a day folder can hold, with one to each side; all where the prefix is no day folder. */
function hoursOf(year: string | undefined, month: string | undefined, date: string | undefined, hours: number): [number, number] {
  if (date === undefined || date === '') return [0, hours]
  const first = Math.floor((Date.UTC(Number(year), Number(month) - 1, Number(date)) - START) / HOUR) - 1
  return [Math.max(0, first), Math.min(hours, first + 27)]
}

function digestKey({ accountId, region }: Chain, hour: number): string {
  const end = START + hour * HOUR
  return `AWSLogs/${accountId}/CloudTrail-Digest/${region}/${day(end)}/${accountId}_CloudTrail-Digest_${region}_management-events_us-east-1_${compact(end)}.json.gz`
}

/** Text of a size that deflates about as a log file does. */
function logText(bytes: number): string {
  let text = '{"Records":['
  for (let n = 0; text.length < bytes - 2; n++) {
    const event = createHash('sha256').update(String(n)).digest('hex')
    text += `${n === 0 ? '' : ','}{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"${event}"}`
  }
  return `${text}]}`
}
