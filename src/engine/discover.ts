/** Finds every `AWSLogs/` of the sources, and under it every account and region with digests or log files. */
import { compareKeys } from '../core/compare-keys.js'
import { isAccountId, isOrganizationId, isRegion } from '../core/object-key.js'
import type { FolderListing, Source, UnlistedPart, UnreadableObject } from '../sources/source.js'
import { isMarker } from './day-listing.js'
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
  /** Folders that could not be listed. */
  readonly unreadable: readonly { readonly place: Place | undefined; readonly source: Source; readonly part: UnlistedPart }[]
  readonly notChecked: readonly string[]
}

export interface DiscoverOptions {
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly signal: AbortSignal
}

/** A prefix of CloudTrail's has at most 200 characters; buckets with other things in them are not searched for ever. */
const MAX_DEPTH = 12
const MAX_FOLDERS = 20_000

const DIGEST_FOLDER = 'CloudTrail-Digest'
const LAKE_FOLDER = 'CloudTrail-Lake'

/** Lists folders only: no object is read. */
export async function discover(sources: readonly Source[], options: DiscoverOptions): Promise<Discovery> {
  const discovering = new Discoverer(options)
  for (const source of sources) await discovering.search(source)
  return discovering.result()
}

/** A source may point into an `AWSLogs/`: then only that account or organization is looked at. */
const INSIDE = /^((?:.*?\/)??)AWSLogs\/(?:(o-[a-z0-9]{10,32})\/)?(?:(\d{12})\/)?(?:CloudTrail[^/]*\/)?(?:([a-z0-9-]+)\/)?/

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
  readonly #notChecked: string[] = []

  constructor(options: DiscoverOptions) {
    this.#options = options
  }

  result(): Discovery {
    const scopes = [...this.#scopes.values()].sort(byScope)
    return { places: new Places(this.#places), scopes, unreadable: this.#unreadable, notChecked: this.#notChecked }
  }

  async search(source: Source): Promise<void> {
    const inside = INSIDE.exec(source.prefix ?? '')
    if (inside !== null) {
      const [, root = '', organizationId, accountId, region] = inside
      await this.#addPlace(source, root, { organizationId, accountId, region })
      return
    }
    let level = [source.prefix ?? '']
    let folders = 0
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const next: string[] = []
      for (const prefix of level) {
        if (++folders > MAX_FOLDERS) {
          this.#notChecked.push(`Only ${MAX_FOLDERS} folders of ${source.name} were searched for AWSLogs/.`)
          return
        }
        for (const folder of await this.#folders(source, prefix, undefined)) {
          if (folder === `${prefix}AWSLogs/`) await this.#addPlace(source, prefix, undefined)
          else next.push(folder)
        }
      }
      level = next
    }
    if (level.length > 0)
      this.#notChecked.push(`Folders of ${source.name} deeper than ${MAX_DEPTH} were not searched for AWSLogs/.`)
  }

  async #list(source: Source, prefix: string): Promise<FolderListing | UnreadableObject> {
    return source.folders(prefix, { signal: this.#options.signal })
  }

  async #folders(source: Source, prefix: string, place: Place | undefined): Promise<readonly string[]> {
    const listing = await this.#list(source, prefix)
    if ('folders' in listing) {
      for (const part of listing.objects) {
        if (part.kind === 'unreadable' && (part.key.endsWith('/') || place !== undefined))
          this.#unreadable.push({ place, source, part })
      }
      return listing.folders
    }
    this.#refused(source, prefix, place, listing)
    return []
  }

  #refused(source: Source, key: string, place: Place | undefined, answer: UnreadableObject): void {
    const { reason, detail } = answer
    this.#unreadable.push({
      place,
      source,
      part: { kind: 'unreadable', key, reason, ...(detail === undefined ? {} : { detail }) },
    })
  }

  async #addPlace(source: Source, root: string, narrowing: Narrowing | undefined): Promise<void> {
    const place = new Place(this.#places.length, source, root)
    this.#places.push(place)
    const top = `${root}AWSLogs/`
    for (const folder of await this.#folders(source, top, place)) {
      const name = lastName(folder)
      if (isAccountId(name) && narrowing?.organizationId === undefined)
        await this.#addAccount(place, folder, null, name, narrowing)
      if (!isOrganizationId(name) || (narrowing?.organizationId ?? name) !== name) continue
      for (const account of await this.#folders(source, folder, place)) {
        if (isAccountId(lastName(account))) await this.#addAccount(place, account, name, lastName(account), narrowing)
      }
    }
  }

  async #addAccount(
    place: Place,
    folder: string,
    organizationId: string | null,
    accountId: string,
    narrowing: Narrowing | undefined,
  ): Promise<void> {
    const { accountIds } = this.#options
    if (accountIds.length > 0 && !accountIds.includes(accountId)) return
    if ((narrowing?.accountId ?? accountId) !== accountId) return
    for (const family of await this.#folders(place.source, folder, place)) {
      const name = lastName(family)
      if (!name.startsWith('CloudTrail') || name === LAKE_FOLDER) continue
      await this.#addFamily(place, family, { organizationId, accountId, digests: name === DIGEST_FOLDER }, narrowing)
    }
  }

  async #addFamily(
    place: Place,
    family: string,
    owner: { readonly organizationId: string | null; readonly accountId: string; readonly digests: boolean },
    narrowing: Narrowing | undefined,
  ): Promise<void> {
    const listing = await this.#list(place.source, family)
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
