/** Finds every `AWSLogs/` of the sources, and under it every account and region with digests or log files. */
import pLimit from 'p-limit'
import { compareKeys } from '../core/compare-keys.js'
import { isAccountId, isInflatedName, isOrganizationId, isRegion, keyOfName } from '../core/object-key.js'
import type { FolderListing, Source, UnlistedPart, UnreadableObject } from '../sources/source.js'
import { isMarker } from './day-listing.js'
import { mapInOrder } from './in-order.js'
import { Place, Places } from './places.js'

/** One place's folders of one account and region. */
export interface ScopePart {
  readonly place: Place
  /** Folders of digests: `…/CloudTrail-Digest/REGION/`. Without a region: what lies in no region's folder. */
  readonly digestFolders: string[]
  /** Folders of log files, `…/FAMILY/REGION/`, in byte order. */
  readonly logFolders: string[]
  /** Objects that lie in no region's folder. */
  readonly digestObjects: FolderListing['objects'][number][]
  readonly logObjects: FolderListing['objects'][number][]
}

/** An account and region: what is judged together. `region` null: what lies in no region's folder. */
export interface Scope {
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string | null
  readonly parts: ScopePart[]
}

export interface Discovery {
  readonly places: Places
  /** Ordered by organization, account, region. */
  readonly scopes: readonly Scope[]
  /** Sources in which an account's folder was found, whatever was asked for. */
  readonly withAccounts: ReadonlySet<Source>
  /** Names of other services' folders, beside CloudTrail's: not searched. In byte order. */
  readonly otherServices: readonly string[]
  /** Their folders. */
  readonly passedOver: readonly { readonly source: Source; readonly folder: string }[]
  /** How many files of an export have names of CloudTrail's and lie outside of the folders of its log files and digests. */
  readonly outside: ReadonlyMap<Source, number>
  /** How much lies there in an export that is not read: links, devices, names that lead elsewhere. */
  readonly refusedOutside: ReadonlyMap<Source, number>
  /** Folders that could not be listed. */
  readonly unreadable: readonly { readonly place: Place | undefined; readonly source: Source; readonly part: UnlistedPart }[]
}

export interface DiscoverOptions {
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly signal: AbortSignal
}

/** A prefix of CloudTrail's has at most 200 characters; buckets with other things in them are not searched for ever. */
const MAX_DEPTH = 100
const MAX_FOLDERS = 100_000
const MAX_PLACES = 10_000
const DUPLICATES_NAMED = 100
const ACCOUNTS_AT_ONCE = 32
const FAMILIES_AT_ONCE = 8

/** What other AWS services write beside CloudTrail: years of it, with no trail in it. */
const OTHER_SERVICES: ReadonlySet<string> = new Set([
  'CloudTrail-Lake',
  'Config',
  'GuardDuty',
  'S3',
  'WAFLogs',
  'elasticloadbalancing',
  'network-firewall',
  'vpcdnsquerylogs',
  'vpcflowlogs',
])

const DIGEST_FOLDER = 'CloudTrail-Digest'
const LAKE_FOLDER = 'CloudTrail-Lake'

/** Lists folders only: no object is read. */
export async function discover(sources: readonly Source[], options: DiscoverOptions): Promise<Discovery> {
  const discovering = new Discoverer(options)
  for (const source of sources) await discovering.search(source)
  return discovering.result()
}

/** A source may point into an `AWSLogs/`: then only that account or organization is looked at. */
const INSIDE = /^((?:.*\/)?)AWSLogs\/(?:(o-[a-z0-9]{10,32})\/)?(?:(\d{12})\/)?(?:CloudTrail[^/]*\/)?(?:([a-z0-9-]+)\/)?/

interface Account {
  readonly folder: string
  readonly organizationId: string | null
  readonly accountId: string
}

interface Narrowing {
  readonly organizationId: string | undefined
  readonly accountId: string | undefined
  readonly region: string | undefined
}

class Discoverer {
  readonly #options: DiscoverOptions
  readonly #places: Place[] = []
  readonly #scopes = new Map<string, Scope>()
  readonly #unreadable: { place: Place | undefined; source: Source; part: UnlistedPart }[] = []
  readonly #otherServices = new Set<string>()
  readonly #passedOver: { readonly source: Source; readonly folder: string }[] = []
  readonly #withAccounts = new Set<Source>()
  readonly #outside = new Map<Source, number>()
  readonly #refusedIn = new Map<Source, number>()
  readonly #duplicates = new Map<Source, number>()
  #searched = 0
  #isFull = false

  constructor(options: DiscoverOptions) {
    this.#options = options
  }

  result(): Discovery {
    const scopes = [...this.#scopes.values()].sort(byScope)
    for (const { parts } of scopes) {
      parts.sort((a, b) => a.place.index - b.place.index)
      for (const { digestFolders, logFolders } of parts) {
        digestFolders.sort(compareKeys)
        logFolders.sort(compareKeys)
      }
    }
    return {
      places: new Places(this.#places),
      scopes,
      withAccounts: this.#withAccounts,
      otherServices: [...this.#otherServices].sort(),
      passedOver: this.#passedOver,
      outside: this.#outside,
      refusedOutside: this.#refusedIn,
      unreadable: this.#unreadable.sort((a, b) => compareKeys(a.part.key, b.part.key)),
    }
  }

  async search(source: Source): Promise<void> {
    const inside = INSIDE.exec(source.prefix ?? '')
    if (inside !== null) {
      const [, root = '', organizationId, accountId, region] = inside
      await this.#addPlace(source, root, { organizationId, accountId, region })
      return
    }
    await this.#searchBelow(source, [source.prefix ?? ''])
  }

  /** Level by level. A limit that is reached leaves something unseen: that is a finding, not a sentence. */
  async #searchBelow(source: Source, from: readonly string[]): Promise<void> {
    let level = from
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const next: string[] = []
      for (const prefix of level) {
        if (++this.#searched > MAX_FOLDERS) {
          this.#refused(source, prefix, undefined, unsearched(`only ${MAX_FOLDERS} folders are searched for AWSLogs/`))
          return
        }
        const found = [...(await this.#folders(source, prefix, undefined))]
        for (let folder = found.shift(); folder !== undefined; folder = found.shift()) {
          const misplaced = this.#misplacedAccount(source, folder)
          if (misplaced !== undefined) found.push(...(await this.#addAccount(misplaced.place, misplaced.account, undefined)))
          else if (lastName(folder) !== 'AWSLogs') next.push(folder)
          else found.push(...(await this.#addPlace(source, folder.slice(0, -'AWSLogs/'.length), undefined)))
        }
      }
      level = next
    }
    for (const prefix of level.slice(0, 1)) {
      this.#refused(source, prefix, undefined, unsearched(`folders deeper than ${MAX_DEPTH} are not searched for AWSLogs/`))
    }
  }

  /**
   * An account's folder further down in an `AWSLogs/` than CloudTrail delivers: readers of all that lies there take its log files, so they are
   * judged, by names that CloudTrail does not give.
   */
  #misplacedAccount(source: Source, folder: string): { readonly place: Place; readonly account: Account } | undefined {
    const accountId = lastName(folder)
    if (!isAccountId(accountId)) return undefined
    const within = this.#places.filter((place) => place.source === source && folder.startsWith(`${place.root}AWSLogs/`))
    const place = within.reduce<Place | undefined>(
      (a, b) => (a === undefined || b.root.length > a.root.length ? b : a),
      undefined,
    )
    if (place === undefined) return undefined
    const [first = ''] = folder.slice(`${place.root}AWSLogs/`.length).split('/')
    return { place, account: { folder, organizationId: isOrganizationId(first) ? first : null, accountId } }
  }

  async #list(source: Source, prefix: string): Promise<FolderListing | UnreadableObject> {
    return source.folders(prefix, { signal: this.#options.signal })
  }

  /** Which of the two is looked at elsewhere, nobody can tell: wherever it lies, it is named. */
  #isDuplicate(source: Source, { reason }: UnlistedPart): boolean {
    if (reason !== 'duplicate-name') return false
    const named = this.#duplicates.get(source) ?? 0
    this.#duplicates.set(source, named + 1)
    return named < DUPLICATES_NAMED
  }

  /** Of a folder in which no log file or digest has its place. */
  async #folders(source: Source, prefix: string, place: Place | undefined): Promise<readonly string[]> {
    const passOver = (key: string): boolean => {
      if (source.kind === 'export' && isNamedByCloudTrail(key.slice(prefix.length)))
        this.#outside.set(source, (this.#outside.get(source) ?? 0) + 1)
      return true
    }
    const listing = await source.folders(prefix, { signal: this.#options.signal, passOver })
    if ('folders' in listing) {
      for (const part of listing.objects) {
        if (part.kind !== 'unreadable') continue
        if (place !== undefined || mayHoldLogs(part.key, prefix) || this.#isDuplicate(source, part))
          this.#unreadable.push({ place, source, part })
        else if (source.kind === 'export') this.#refusedIn.set(source, (this.#refusedIn.get(source) ?? 0) + 1)
      }
      return listing.folders
    }
    this.#refused(source, prefix, place, listing)
    return []
  }

  /** Of what was not asked for, nothing is said where it may not be looked at. */
  async #foldersIfAny(source: Source, prefix: string): Promise<readonly string[]> {
    const listing = await this.#list(source, prefix)
    return 'folders' in listing ? listing.folders : []
  }

  #refused(source: Source, key: string, place: Place | undefined, answer: UnreadableObject): void {
    const { reason, detail } = answer
    this.#unreadable.push({
      place,
      source,
      part: { kind: 'unreadable', key, reason, ...(detail === undefined ? {} : { detail }) },
    })
  }

  /** Returns the folders in which a further `AWSLogs/` may lie: a trail's prefix may begin like one. */
  async #addPlace(source: Source, root: string, narrowing: Narrowing | undefined): Promise<string[]> {
    if (this.#places.length >= MAX_PLACES) {
      const detail = `only ${MAX_PLACES} folders AWSLogs/ are looked at`
      if (!this.#isFull) this.#refused(source, `${root}AWSLogs/`, undefined, unsearched(detail))
      this.#isFull = true
      return []
    }
    const place = new Place(this.#places.length, source, root)
    this.#places.push(place)
    const accounts: Account[] = []
    const others: string[] = []
    for (const folder of await this.#folders(source, `${root}AWSLogs/`, place)) {
      const name = lastName(folder)
      if (isAccountId(name)) accounts.push({ folder, organizationId: null, accountId: name })
      else if (!isOrganizationId(name)) others.push(folder)
      else {
        for (const account of await this.#folders(source, folder, place)) {
          if (isAccountId(lastName(account)))
            accounts.push({ folder: account, organizationId: name, accountId: lastName(account) })
          else others.push(account)
        }
      }
    }
    if (accounts.length > 0) this.#withAccounts.add(source)
    const limit = pLimit(ACCOUNTS_AT_ONCE)
    const found = await limit.map(
      accounts.filter((account) => narrowing === undefined || this.#isWanted(account, narrowing)),
      (account) => this.#addAccount(place, account, narrowing),
    )
    return narrowing === undefined ? [...others, ...found.flat()] : []
  }

  #isWanted({ organizationId, accountId }: Account, narrowing: Narrowing | undefined): boolean {
    const { accountIds } = this.#options
    if (accountIds.length > 0 && !accountIds.includes(accountId)) return false
    if (narrowing?.organizationId !== undefined && narrowing.organizationId !== organizationId) return false
    return (narrowing?.accountId ?? accountId) === accountId
  }

  /**
   * Returns folders beside CloudTrail's own: a trail's prefix may lead there, also of an account that was not asked for. Of what other
   * services write only the top is looked at.
   */
  async #addAccount(place: Place, account: Account, narrowing: Narrowing | undefined): Promise<string[]> {
    const further: string[] = []
    const isWanted = this.#isWanted(account, narrowing)
    const families = isWanted
      ? await this.#folders(place.source, account.folder, place)
      : await this.#foldersIfAny(place.source, account.folder)
    const listed = async (family: string) => {
      const name = lastName(family)
      const isSearched = isOwnFamily(name)
        ? isWanted
        : OTHER_SERVICES.has(name) && name !== LAKE_FOLDER && narrowing === undefined
      return { family, name, below: isSearched ? await this.#list(place.source, family) : undefined }
    }
    for await (const { family, name, below } of mapInOrder(families, listed, FAMILIES_AT_ONCE)) {
      if (isOwnFamily(name)) {
        if (below === undefined) continue
        this.#addFamily(place, family, below, { ...account, digests: name === DIGEST_FOLDER }, narrowing)
      } else if (!OTHER_SERVICES.has(name)) {
        further.push(family)
      } else if (below !== undefined) {
        if (isWanted) {
          this.#otherServices.add(name)
          this.#passedOver.push({ source: place.source, folder: family })
        }
        if ('folders' in below && below.folders.includes(`${family}AWSLogs/`)) further.push(`${family}AWSLogs/`)
      }
    }
    return further
  }

  #addFamily(
    place: Place,
    family: string,
    listing: FolderListing | UnreadableObject,
    owner: { readonly organizationId: string | null; readonly accountId: string; readonly digests: boolean },
    narrowing: Narrowing | undefined,
  ): void {
    if (!('folders' in listing)) {
      this.#refused(place.source, family, place, listing)
      return
    }
    const { regions } = this.#options
    for (const folder of listing.folders) {
      const region = isRegion(lastName(folder)) ? lastName(folder) : null
      if (region === null ? regions.length > 0 : regions.length > 0 && !regions.includes(region)) continue
      if (narrowing?.region !== undefined && narrowing.region !== region) continue
      const part = this.#part(place, owner, region)
      ;(owner.digests ? part.digestFolders : part.logFolders).push(folder)
    }
    const objects = listing.objects.filter((entry) => !isMarker(entry))
    if (objects.length === 0 || narrowing?.region !== undefined) return
    const part = this.#part(place, owner, null)
    ;(owner.digests ? part.digestObjects : part.logObjects).push(...objects)
  }

  #part(
    place: Place,
    owner: { readonly organizationId: string | null; readonly accountId: string },
    region: string | null,
  ): ScopePart {
    const { organizationId, accountId } = owner
    const name = [organizationId ?? '', accountId, region ?? ''].join('/')
    let scope = this.#scopes.get(name)
    if (scope === undefined) {
      scope = { organizationId, accountId, region, parts: [] }
      this.#scopes.set(name, scope)
    }
    let part = scope.parts.find((candidate) => candidate.place === place)
    if (part === undefined) {
      part = { place, digestFolders: [], logFolders: [], digestObjects: [], logObjects: [] }
      scope.parts.push(part)
    }
    return part
  }
}

/** Something outside of any `AWSLogs/` that could not be looked at: a folder, what should be an `AWSLogs/`, or a part of all (no key). */
function mayHoldLogs(key: string, prefix: string): boolean {
  return key === '' || key.endsWith('/') || key === `${prefix}AWSLogs`
}

function isNamedByCloudTrail(name: string): boolean {
  return keyOfName(name) !== undefined || isInflatedName(name)
}

function unsearched(detail: string): UnreadableObject {
  return { kind: 'unreadable', reason: 'too-large', detail }
}

function isOwnFamily(name: string): boolean {
  return name.startsWith('CloudTrail') && name !== LAKE_FOLDER
}

function lastName(folder: string): string {
  return folder.slice(folder.lastIndexOf('/', folder.length - 2) + 1, -1)
}

function byScope(a: Scope, b: Scope): number {
  return (
    compareKeys(a.organizationId ?? '', b.organizationId ?? '') ||
    compareKeys(a.accountId, b.accountId) ||
    compareKeys(a.region ?? '', b.region ?? '')
  )
}
