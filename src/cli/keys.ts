import { isKnownRegion } from '../aws/cloudtrail-session.js'
import type { PublicKeyEntry } from '../core/public-keys.js'
import { formatTime } from '../core/time.js'
import { type Discovery, discover } from '../engine/discover.js'
import { VerifyTrailError } from '../errors.js'
import { formatCounted } from '../reports/quantity.js'
import type { Source } from '../sources/source.js'
import type { KeysCommand } from './arguments.js'
import { type Console, say } from './console.js'
import { cloudTrailOptions, openSource } from './sources.js'
import { WrittenFile } from './written-file.js'

/** Log file validation was announced on 1 October 2015: there is nothing older to ask for. */
const EARLIEST = Date.UTC(2015, 9, 1)

/** What is asked for. */
interface KeyRequest {
  readonly regions: readonly string[]
  /** The start of the oldest digest's day, where a bucket says so. */
  readonly oldest: number | undefined
}

/**
 * Runs `verify-trail keys`: the answers of ListPublicKeys for each region, in a file that `--public-keys` reads. If one region
 * does not answer there is no file: half of the keys would look like a digest signed by a stranger.
 */
export async function runKeys(command: KeysCommand, console: Console): Promise<0> {
  const { regions, oldest } =
    command.sources.length === 0 ? { regions: command.regions, oldest: undefined } : await survey(command, console)
  const from = command.startTime?.getTime() ?? oldest ?? EARLIEST
  const to = command.endTime?.getTime() ?? Date.now()
  const { cloudTrailKeys } = await import('../keys/cloudtrail.js')
  const keys = cloudTrailKeys(cloudTrailOptions(command))
  const answers: object[] = []
  let total = 0
  for (const region of regions) {
    const entries = await keys.list(region, from, to, console.interrupted)
    total += entries.length
    answers.push({ Region: region, PublicKeyList: entries.map(savedKey) })
  }
  const asked = `${regions.join(', ')} from ${formatTime(from)} to ${formatTime(to)}`
  if (total === 0)
    throw new VerifyTrailError('ERR_PUBLIC_KEYS', `CloudTrail has no public keys for ${asked}: nothing was written`)
  await WrittenFile.write(command.output, `${JSON.stringify(answers, null, 1)}\n`)
  if (!command.quiet) say(console, `saved ${formatCounted(total, 'public key')} of ${asked} to ${command.output}`)
  return 0
}

function savedKey({ Value, Fingerprint, ValidityStartTime, ValidityEndTime }: PublicKeyEntry): object {
  return {
    Fingerprint,
    ...(typeof ValidityStartTime === 'number' && { ValidityStartTime: formatTime(ValidityStartTime) }),
    ...(typeof ValidityEndTime === 'number' && { ValidityEndTime: formatTime(ValidityEndTime) }),
    Value: Buffer.from(Value).toString('base64'),
  }
}

/** The regions of a bucket's digest folders, and the oldest day there. Folder names are anybody's: only real regions are asked. */
async function survey(command: KeysCommand, console: Console): Promise<KeyRequest> {
  const sources: Source[] = []
  try {
    for (const url of command.sources) sources.push(await openSource(url, command, console.interrupted))
    const discovery = await discover(sources, { accountIds: [], regions: command.regions, signal: console.interrupted })
    const unreadable = discovery.unreadable[0]
    if (unreadable) throw new VerifyTrailError('ERR_SOURCE', `cannot list ${unreadable.part.key}: ${unreadable.part.reason}`)
    const found = regionsWithDigests(discovery)
    for (const region of found.filter((region) => !isKnownRegion(region)))
      say(console, `the folder ${region} is no region of AWS: not asked`)
    const regions = found.filter(isKnownRegion)
    if (regions.length === 0)
      throw new VerifyTrailError('ERR_SOURCE', `no digests of any region in ${command.sources.join(', ')}`)
    return { regions, oldest: await oldestDay(discovery, console.interrupted) }
  } finally {
    await Promise.allSettled(sources.map((source) => source.close?.()))
  }
}

function regionsWithDigests({ scopes }: Discovery): string[] {
  const regions = new Set<string>()
  for (const { region, parts } of scopes) {
    if (region !== null && parts.some((part) => part.digestFolders.length > 0)) regions.add(region)
  }
  return [...regions].sort()
}

async function oldestDay({ scopes }: Discovery, signal: AbortSignal): Promise<number | undefined> {
  let oldest: number | undefined
  for (const { parts } of scopes) {
    for (const { place, digestFolders } of parts) {
      for (const folder of digestFolders) {
        const day = await firstDay(place.source, folder, signal)
        if (day !== undefined && day >= EARLIEST && day < (oldest ?? Number.POSITIVE_INFINITY)) oldest = day
      }
    }
  }
  return oldest
}

/** `YEAR/MONTH/DAY/`: the first of each that is a number. */
async function firstDay(source: Source, folder: string, signal: AbortSignal): Promise<number | undefined> {
  let at = folder
  const date: string[] = []
  for (const form of [/^20\d\d$/, /^\d\d$/, /^\d\d$/]) {
    const listing = await source.folders(at, { signal })
    if (!('folders' in listing)) throw new VerifyTrailError('ERR_SOURCE', `cannot list ${at}: ${listing.reason}`)
    const next = listing.folders.find((below) => form.test(below.slice(at.length, -1)))
    if (next === undefined) return undefined
    date.push(next.slice(at.length, -1))
    at = next
  }
  const day = Date.parse(`${date.join('-')}T00:00:00Z`)
  return Number.isNaN(day) ? undefined : day
}
