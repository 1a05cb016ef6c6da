/** CloudTrail itself as the source of public keys. The AWS SDK is loaded at the first question, where that takes it. */
import type { ListPublicKeysCommandOutput } from '@aws-sdk/client-cloudtrail'
import pLimit from 'p-limit'
import { type CloudTrailOptions, type CloudTrailSession, cloudTrailSession, isKnownRegion } from '../aws/cloudtrail-session.js'
import { describeFailure, isCredentialsFailure, isWorthRepeating, parseFailure } from '../aws/failure.js'
import { askPlainly, type KeyPage, type KeyQuestion, type ListedKey, mayAskPlainly } from '../aws/plain-public-keys.js'
import { mergePublicKeys, type PublicKeyEntry, type PublicKeyList, parsePublicKey } from '../core/public-keys.js'
import { VerifyTrailError } from '../errors.js'
import type { KeyAnswer, KeyQuery, PublicKeySource } from './key-source.js'

/** How CloudTrail is asked for keys, and for which time at once. */
export interface CloudTrailKeysOptions extends CloudTrailOptions {
  /** Epoch milliseconds: what the whole run is about, so that one question is enough. @default what is looked up */
  readonly from?: number
  readonly to?: number
  /** @default Date.now */
  readonly now?: () => number
}

/** Public keys asked of CloudTrail itself. */
export interface CloudTrailKeys extends PublicKeySource {
  /**
   * The keys that digests of `[from, to]` may be signed with, as CloudTrail gives them, unchecked. Rejects with
   * `ERR_CREDENTIALS`, or with `ERR_PUBLIC_KEYS` where the region is no region or does not answer.
   */
  list(region: string, from: number, to: number, signal?: AbortSignal): Promise<readonly PublicKeyEntry[]>
  /** Loads the SDK and finds credentials now, while something else is waited for, and not at the first question. Sends CloudTrail nothing. */
  prepare(): void
}

interface Span {
  readonly from: number
  readonly to: number
}

const HOUR = 3_600_000
/** A late digest may be signed with a newer key. */
const LATER_KEYS = 31 * 24 * HOUR
/** CloudTrail began in November 2013. */
const EARLIEST = Date.UTC(2013, 10, 1)
const MOST_PAGES = 1000
const MOST_FAILURES = 3

/**
 * Asks CloudTrail's ListPublicKeys, in each digest's source region. Answers are kept: a run makes few calls. Where CloudTrail
 * cannot be asked, every lookup in that region answers `unknown` with the reason, and a refusal is not asked for twice.
 */
export function cloudTrailKeys(options: CloudTrailKeysOptions = {}): CloudTrailKeys {
  const { from, to, now = Date.now } = options
  const session = cloudTrailSession(options)
  const ask: Ask = async (question, signal) =>
    (await askPlainly(question, options, signal)) ?? askSdk(await session(), question, signal)
  const regions = new Map<string, RegionKeys>()
  const wholeRun = from === undefined || to === undefined ? undefined : withMargin({ from, to }, now())
  return {
    lookup(query) {
      if (!isKnownRegion(query.region)) return { kind: 'unknown', reason: notARegion(query.region) }
      const known = regions.get(query.region)
      const keys = known ?? new RegionKeys(query.region, ask, wholeRun)
      if (known === undefined) regions.set(query.region, keys)
      return keys.lookup(query, withMargin(query, now()))
    },
    async list(region, from, to, signal) {
      if (!isKnownRegion(region)) throw new VerifyTrailError('ERR_PUBLIC_KEYS', notARegion(region))
      try {
        return await listPublicKeys(ask, region, withMargin({ from, to }, now()), signal)
      } catch (error) {
        signal?.throwIfAborted()
        const code = isCredentialsFailure(parseFailure(error)) ? 'ERR_CREDENTIALS' : 'ERR_PUBLIC_KEYS'
        throw new VerifyTrailError(code, refusal(region, error), { cause: error })
      }
    },
    prepare() {
      // What is wrong with it is said where a key is asked for.
      if (!mayAskPlainly(options)) session().catch(() => undefined)
    },
  }
}

/** What is known of one region. Its questions are asked one after the other, so that none is asked twice. */
class RegionKeys {
  readonly #region: string
  readonly #pages: Ask
  readonly #wholeRun: Span | undefined
  readonly #oneByOne = pLimit(1)
  /** All of it was asked for. */
  #answered: Span | undefined
  #list: PublicKeyList = { keys: [], problems: [] }
  #answers: ReadonlyMap<string, KeyAnswer> = new Map()
  #refused: string | undefined
  #failures = 0

  constructor(region: string, pages: Ask, wholeRun: Span | undefined) {
    this.#region = region
    this.#pages = pages
    this.#wholeRun = wholeRun
  }

  lookup({ fingerprint, signal }: KeyQuery, span: Span): KeyAnswer | Promise<KeyAnswer> {
    const name = fingerprint.toLowerCase()
    return this.#answers.get(name) ?? this.#oneByOne(() => this.#askFor(name, span, signal))
  }

  async #askFor(fingerprint: string, span: Span, signal: AbortSignal | undefined): Promise<KeyAnswer> {
    signal?.throwIfAborted()
    let reason = this.#refused
    for (const part of this.#unanswered(span)) {
      if (reason !== undefined || this.#answers.has(fingerprint)) break
      reason = await this.#ask(part, signal)
    }
    return this.#answers.get(fingerprint) ?? { kind: 'unknown', ...(reason !== undefined && { reason }) }
  }

  /** What is answered stays one span: planted digests of any date cost a call or two more, not one each. */
  #unanswered(span: Span): readonly Span[] {
    const known = this.#answered
    if (known === undefined) return [hull(span, this.#wholeRun)]
    const parts: Span[] = []
    if (span.from < known.from) parts.push({ from: span.from, to: known.from })
    if (span.to > known.to) parts.push({ from: known.to, to: span.to })
    return parts
  }

  /** Asks, and keeps the answer; a string says why there is none. */
  async #ask(span: Span, signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      this.#keep(await listPublicKeys(this.#pages, this.#region, span, signal))
      this.#answered = hull(span, this.#answered)
      return undefined
    } catch (error) {
      signal?.throwIfAborted()
      const reason = refusal(this.#region, error)
      if (!isTransient(error) || ++this.#failures >= MOST_FAILURES) this.#refused = reason
      return reason
    }
  }

  #keep(entries: readonly PublicKeyEntry[]): void {
    const parsed = entries.map((entry) => parsePublicKey(entry))
    const lists = parsed.map((key) => (key.kind === 'key' ? { keys: [key], problems: [] } : { keys: [], problems: [key] }))
    this.#list = mergePublicKeys([this.#list, ...lists])
    const answers = new Map<string, KeyAnswer>()
    const origin = `CloudTrail ListPublicKeys in ${this.#region}`
    for (const key of this.#list.keys) answers.set(key.fingerprint, { kind: 'key', key, origin, independent: true })
    for (const { fingerprint, kind, reason } of this.#list.problems) {
      answers.set(fingerprint, kind === 'mismatch' ? { kind, reason } : { kind: 'unknown', reason })
    }
    this.#answers = answers
  }
}

function notARegion(region: string): string {
  return `${JSON.stringify(region)} is no region known to the AWS SDK: nothing was sent to it`
}

/** Never empty, whatever the clock says. */
function withMargin({ from, to }: Span, now: number): Span {
  return { from: Math.max(EARLIEST, from - HOUR), to: Math.max(EARLIEST + HOUR, to, Math.min(to + LATER_KEYS, now)) }
}

function hull(a: Span, b: Span | undefined): Span {
  return b === undefined ? a : { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }
}

/** Asks for one page. */
type Ask = (question: KeyQuestion, signal: AbortSignal | undefined) => Promise<KeyPage>

async function listPublicKeys(
  ask: Ask,
  region: string,
  { from, to }: Span,
  signal: AbortSignal | undefined,
): Promise<readonly PublicKeyEntry[]> {
  const entries: PublicKeyEntry[] = []
  let token: string | undefined
  for (let pages = 1; ; pages++) {
    const page = await ask({ region, from, to, token }, signal)
    for (const entry of page.entries) entries.push(entry)
    if (page.next === undefined) return entries
    if (pages === MOST_PAGES || page.next === token) throw new Error('the answer does not end')
    token = page.next
  }
}

async function askSdk(
  { sdk, ask }: CloudTrailSession,
  { region, from, to, token }: KeyQuestion,
  signal: AbortSignal | undefined,
): Promise<KeyPage> {
  const range = { StartTime: new Date(from), EndTime: new Date(to) }
  const command = new sdk.ListPublicKeysCommand({ ...range, ...(token !== undefined && { NextToken: token }) })
  const page = await ask(region, signal, (client, options) => client.send(command, options))
  return { entries: entriesOf(page), next: page.NextToken || undefined }
}

function entriesOf({ PublicKeyList: list = [] }: ListPublicKeysCommandOutput): ListedKey[] {
  return list.flatMap(({ Value, Fingerprint, ValidityStartTime, ValidityEndTime }) =>
    Value === undefined || Fingerprint === undefined
      ? []
      : [
          {
            Value,
            Fingerprint,
            ValidityStartTime: ValidityStartTime?.getTime() ?? null,
            ValidityEndTime: ValidityEndTime?.getTime() ?? null,
          },
        ],
  )
}

function refusal(region: string, error: unknown): string {
  return `CloudTrail ListPublicKeys in ${region}: ${describeFailure(parseFailure(error))}`
}

/** Throttling, a server's trouble or a broken connection; anything else would be answered alike again. */
function isTransient(error: unknown): boolean {
  return isWorthRepeating(parseFailure(error), 1)
}
