/** Who asks. The SDK's chain of providers finds out; this keeps its answer at hand for as long as it is good. */
import type { Identity } from './signature-v4.js'

interface ProvidedIdentity extends Identity {
  readonly expiration?: Date
}

/** The SDK's, memoized: all its clients of a store share it. */
export type CredentialsProvider = (options?: { forceRefresh?: boolean }) => Promise<ProvidedIdentity>

/** When the SDK asks anew. */
const BEFORE_EXPIRY = 5 * 60_000
/** Those that are given out for less are not asked for with every request. */
const SHORTEST = 10_000

export class Credentials {
  readonly provider: CredentialsProvider
  #identity: ProvidedIdentity | undefined
  #freshUntil = 0
  #asking: Promise<Identity> | undefined

  constructor(provider: CredentialsProvider) {
    this.provider = provider
  }

  /** What the last question answered; it may have expired. */
  get last(): Identity | undefined {
    return this.#identity
  }

  /** At once, but for the first time and where they are about to expire. */
  get(): Identity | Promise<Identity> {
    return this.#identity !== undefined && Date.now() < this.#freshUntil ? this.#identity : this.#ask(false)
  }

  /** After AWS said that `used` expired, whatever its date said: whether there are others now. */
  async refresh(used: Identity | undefined): Promise<boolean> {
    const asked = this.#identity === used ? await this.#ask(true) : this.#identity
    return asked?.accessKeyId !== used?.accessKeyId || asked?.sessionToken !== used?.sessionToken
  }

  #ask(forceRefresh: boolean): Promise<Identity> {
    this.#asking ??= this.#provide(forceRefresh).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #provide(forceRefresh: boolean): Promise<Identity> {
    const identity = await this.provider({ forceRefresh })
    const expiry = identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY
    this.#freshUntil = Math.max(expiry - BEFORE_EXPIRY, Date.now() + SHORTEST)
    this.#identity = identity
    return identity
  }
}
