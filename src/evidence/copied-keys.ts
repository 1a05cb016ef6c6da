/** The public keys that a run used, as a file that `--public-keys` reads. */
import type { PublicKey } from '../core/public-keys.js'
import { formatTime } from '../core/time.js'
import type { PublicKeySource } from '../keys/key-source.js'

/** Remembers every key that was found. */
export class RememberedKeys implements PublicKeySource {
  readonly #inner: PublicKeySource
  readonly #found = new Map<string, { readonly key: PublicKey; readonly region: string }>()

  constructor(inner: PublicKeySource) {
    this.#inner = inner
  }

  async lookup(query: Parameters<PublicKeySource['lookup']>[0]): Promise<Awaited<ReturnType<PublicKeySource['lookup']>>> {
    const answer = await this.#inner.lookup(query)
    if (answer.kind === 'key') this.#found.set(answer.key.fingerprint, { key: answer.key, region: query.region })
    return answer
  }

  get size(): number {
    return this.#found.size
  }

  /** Answers of ListPublicKeys, one for each region. */
  format(): string {
    const byRegion = new Map<string, object[]>()
    for (const { key, region } of [...this.#found.values()].sort((a, b) => (a.key.fingerprint < b.key.fingerprint ? -1 : 1))) {
      const { fingerprint, value, validityStartTime, validityEndTime } = key
      const entry = {
        Fingerprint: fingerprint,
        ...(validityStartTime === null ? {} : { ValidityStartTime: formatTime(validityStartTime) }),
        ...(validityEndTime === null ? {} : { ValidityEndTime: formatTime(validityEndTime) }),
        Value: Buffer.from(value).toString('base64'),
      }
      byRegion.set(region, [...(byRegion.get(region) ?? []), entry])
    }
    const answers = [...byRegion]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([Region, PublicKeyList]) => ({ Region, PublicKeyList }))
    return `${JSON.stringify(answers, null, 1)}\n`
  }
}
