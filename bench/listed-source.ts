/** An organization's bucket as far as listings show it: nothing of it is held. */
import { formatTime } from '../src/core/time.js'
import type { FolderListing, ListedObject, ReadAnswer, Source } from '../src/index.js'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 10, 0, 4, 34)

export interface ListedOptions {
  readonly accounts: number
  readonly regions: number
  readonly days: number
  readonly logFilesPerHour: number
}

export class ListedSource implements Source {
  readonly name = 's3://listed-trail-logs'
  readonly kind = 'store'
  readonly bucket = 'listed-trail-logs'
  readonly startTime: string = formatTime(START)
  readonly endTime: string
  readonly #accounts: readonly string[]
  readonly #regions: readonly string[]
  readonly #days: readonly string[]
  readonly #logFilesPerHour: number

  constructor({ accounts, regions, days, logFilesPerHour }: ListedOptions) {
    this.#accounts = Array.from({ length: accounts }, (_, n) => String(111_122_223_333 + n))
    this.#regions = Array.from({ length: regions }, (_, n) => `us-east-${n + 1}`).sort()
    this.#days = Array.from({ length: days }, (_, n) =>
      formatTime(START + n * 24 * HOUR)
        .slice(0, 10)
        .replaceAll('-', '/'),
    )
    this.#logFilesPerHour = logFilesPerHour
    this.endTime = formatTime(START + days * 24 * HOUR)
  }

  async folders(prefix: string): Promise<FolderListing> {
    const parts = prefix.split('/').slice(0, -1)
    const levels = [['AWSLogs'], this.#accounts, ['CloudTrail', 'CloudTrail-Digest'], this.#regions]
    const rest = parts
      .slice(4)
      .map((part) => `${part}/`)
      .join('')
    const days = (): string[] =>
      this.#days.filter((day) => `${day}/`.startsWith(rest)).map((day) => day.slice(rest.length).split('/')[0] ?? '')
    const names = levels[parts.length] ?? [...new Set(days())]
    return { folders: names.map((name) => `${prefix}${name}/`), objects: [] }
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    for await (const page of this.pages(prefix)) yield* page
  }

  async *pages(prefix: string): AsyncGenerator<readonly ListedObject[]> {
    const [, account, family, region, year, month, date] = prefix.split('/')
    const start = Date.UTC(Number(year), Number(month) - 1, Number(date), 0, 4, 34)
    const page: ListedObject[] = []
    for (let hour = 0; hour < 24; hour++) {
      const time = compact(start + hour * HOUR)
      if (family === 'CloudTrail-Digest') {
        const name = `${account}_CloudTrail-Digest_${region}_management-events_us-east-1_${time}.json.gz`
        page.push({ kind: 'object', key: prefix + name, size: 1000 })
        continue
      }
      for (let n = 0; n < this.#logFilesPerHour; n++) {
        const name = `${account}_CloudTrail_${region}_${time.slice(0, 13)}Z_${String(n).padStart(16, '0')}.json.gz`
        page.push({ kind: 'object', key: prefix + name, size: 20_000 })
      }
    }
    yield page
  }

  async read(): Promise<ReadAnswer> {
    throw new Error('a plan reads nothing')
  }
}

/** YYYYMMDDTHHMMSSZ */
function compact(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
}
