/** Where digests may lie that could not be looked at: of a log file there, nobody can say that no digest lists it. */
import type { UnlistedPart } from '../sources/source.js'
import type { WalkedDigests } from './digest-walk.js'
import type { Discovery, Scope } from './discover.js'
import type { Place } from './places.js'

/** The places of an account and region whose digests were not all seen, by index. */
export function placesUnseen(
  { organizationId, accountId, region, parts }: Scope,
  walked: WalkedDigests,
  unreadable: Discovery['unreadable'],
): ReadonlySet<number> {
  const unseen = new Set(walked.unreadable.map(({ place }) => place.index))
  const account = `AWSLogs/${organizationId === null ? '' : `${organizationId}/`}${accountId}`
  for (const { place } of parts) {
    const folder = `${place.root}${account}/CloudTrail-Digest/${region === null ? '' : `${region}/`}`
    if (unreadable.some(({ source, part }) => mayHold(place, source, part, folder))) unseen.add(place.index)
  }
  return unseen
}

/** A part is named by its key, or by the folder that it is; a damaged archive by nothing: it may be a part of any export. */
function mayHold(place: Place, source: Place['source'], { key }: UnlistedPart, folder: string): boolean {
  if (source !== place.source) return key === '' && source.kind === 'export' && place.source.kind === 'export'
  return folder.startsWith(key) || key.startsWith(folder)
}
