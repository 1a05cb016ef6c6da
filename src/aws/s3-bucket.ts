/** One bucket: requests to it are repeated where that may help, and sent to its own region. */
import type { GetObjectCommandOutput, ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3'
import { timeRequest } from '../channels.js'
import { isRegion } from '../core/object-key.js'
import { sendOptions } from './environment.js'
import { type Failure, isWorthRepeating, parseFailure, TransferError } from './failure.js'
import type { ListPage, ListQuery } from './listing.js'
import type { ObjectAnswer, ObjectLane, ObjectRequest } from './object-lane.js'
import type { S3Store } from './s3-store.js'

export type VersionsQuery = Pick<ListObjectVersionsCommandInput, 'Prefix' | 'KeyMarker' | 'VersionIdMarker' | 'MaxKeys'>

interface Lane {
  readonly region: string
  readonly opening: Promise<ObjectLane>
  opened?: ObjectLane
}

const MOST_REGION_CHANGES = 3
/** One after the other: S3 may give some where many objects were deleted. */
const MOST_EMPTY_PAGES = 1000

/** Where it is another bucket than the one that was opened, nothing is known about it until it is asked. */
export class S3Bucket {
  readonly name: string
  readonly store: S3Store
  #region: string
  #regionChanges = 0
  #lane: Lane | undefined

  constructor(store: S3Store, name: string) {
    this.store = store
    this.name = name
    this.#region = store.region
  }

  /** How objects are asked for in a region: found out once. Nothing is sent for it. */
  objectLane(region: string = this.#region): Promise<ObjectLane> {
    if (this.#lane?.region === region) return this.#lane.opening
    const lane: Lane = { region, opening: this.store.objectLane(this.name, region) }
    this.#lane = lane
    lane.opening.then(
      (opened) => {
        lane.opened = opened
      },
      () => {
        if (this.#lane === lane) this.#lane = undefined
      },
    )
    return lane.opening
  }

  /**
   * Asks for an object and has `use` take what it needs of the body, all of which is repeated where it fails and that may
   * help. Rejects with what `parseFailure` reads.
   */
  get<T>(request: ObjectRequest, use: (answer: ObjectAnswer) => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.withLane(async (lane) => use(await lane.get(request, signal)), signal)
  }

  /** Has `run` ask by the lane, all of which is repeated where it fails and that may help. Rejects likewise. */
  withLane<T>(run: (lane: ObjectLane) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#attempt(async (region) => {
      const lane = this.#lane?.region === region ? this.#lane.opened : undefined
      return run(lane ?? (await this.objectLane(region)))
    }, signal)
  }

  /** One page. */
  list(query: ListQuery, signal: AbortSignal | undefined, attempts?: number): Promise<ListPage> {
    return this.#attempt(async (region) => (await this.objectLane(region)).list(query, signal), signal, attempts)
  }

  /**
   * All pages. Rejects, after those that were whole, where a listing does not go on: it would never end.
   * @param first where it is known already
   */
  async *pages(query: ListQuery, signal: AbortSignal | undefined, first?: ListPage): AsyncGenerator<ListPage> {
    let token: string | undefined
    let known = first
    let empty = 0
    do {
      const page = known ?? (await this.list({ ...query, ...(token !== undefined && { token }) }, signal))
      known = undefined
      yield page
      empty = page.objects.length + page.prefixes.length === 0 ? empty + 1 : 0
      const next = page.truncated ? page.token : undefined
      if (page.truncated && (next === undefined || next === token || empty > MOST_EMPTY_PAGES))
        throw new TransferError('cut', 'the listing does not go on')
      token = next
    } while (token !== undefined)
  }

  /** One page of versions and delete markers, keys URL-encoded. */
  listVersions(query: VersionsQuery, signal: AbortSignal | undefined): Promise<ListObjectVersionsCommandOutput> {
    const { sdk, payer } = this.store
    const input = { Bucket: this.name, EncodingType: 'url' as const, ...payer, ...query }
    return this.#attempt(async (region) => {
      const answer = await this.store.client(region).send(new sdk.ListObjectVersionsCommand(input), sendOptions(signal))
      if (answer.IsTruncated === undefined) throw new TransferError('cut', 'the answer is no listing')
      return answer
    }, signal)
  }

  /** As `get`, of one version, by the SDK. */
  getVersion<T>(
    key: string,
    versionId: string,
    use: (answer: GetObjectCommandOutput) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { sdk, payer } = this.store
    const input = { Bucket: this.name, Key: key, VersionId: versionId, ...payer }
    return this.#attempt(async (region) => {
      const command = new sdk.GetObjectCommand(input)
      return use(await this.store.client(region).send(command, sendOptions(signal)))
    }, signal)
  }

  /** Runs a request, again where that may help, in the bucket's own region once an answer has named it. */
  async #attempt<T>(
    run: (region: string) => Promise<T>,
    signal: AbortSignal | undefined,
    attempts: number = this.store.settings.maxAttempts,
  ): Promise<T> {
    const { store } = this
    const recovered: string[] = []
    for (let attempt = 1; ; ) {
      signal?.throwIfAborted()
      const region = this.#region
      const { identity } = store
      let answered: ReturnType<typeof timeRequest>
      try {
        const result = await store.limit.run(() => {
          answered = timeRequest(this.name, region, attempt)
          return run(region)
        })
        answered?.(null)
        return result
      } catch (error) {
        signal?.throwIfAborted()
        const failure = parseFailure(error)
        answered?.(failure.code)
        if (this.#followRegion(failure, region)) continue
        if (!recovered.includes(failure.code) && (await store.recover(failure, identity))) {
          recovered.push(failure.code)
          continue
        }
        if (attempt >= attempts || !isWorthRepeating(failure, attempt)) throw error
        await store.pause(this.name, attempt++, failure, signal)
      }
    }
  }

  #followRegion({ region }: Failure, asked: string): boolean {
    if (region === undefined || region === asked || !isRegion(region)) return false
    // Another request may have found it meanwhile.
    if (region === this.#region) return true
    if (++this.#regionChanges > MOST_REGION_CHANGES) return false
    this.#region = region
    return true
  }
}
