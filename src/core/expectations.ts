/** What the operator says that a run must find, and which gaps are accepted: the file of `--expect`, read strictly. */
import { isJsonObject, parseJson, quoteText } from './json.js'
import { isAccountId, isOrganizationId, isRegion, isTrailName } from './object-key.js'
import { formatTime, parseTime } from './time.js'

/** Chains by what is named of them; what is not named may be anything. At least one of the three lists is named. */
export interface ChainSelection {
  readonly accountIds?: readonly string[]
  /** Source regions. */
  readonly regions?: readonly string[]
  readonly trails?: readonly string[]
  readonly homeRegion?: string
  /** Null: of no organization. */
  readonly organizationId?: string | null
}

/**
 * A claim about hours: each combination of the values named has digests from `since` (else from where the range starts) to
 * `until` (else to where it ends).
 */
export interface Expectation extends ChainSelection {
  readonly since?: string
  /** No gap is made of what follows it, where no digest does. */
  readonly until?: string
}

/** Hours in which a gap is known and accepted: reported with reason and name, never as proven. */
export interface AcceptedGap extends ChainSelection {
  readonly startTime: string
  readonly endTime: string
  readonly reason: string
  /** Who accepted it. */
  readonly by: string
}

/** Times are ISO 8601. */
export interface Expectations {
  readonly expect: readonly Expectation[]
  readonly accept: readonly AcceptedGap[]
}

/** What `parseExpectations` found: expectations that a run takes as they are, or what is wrong with the file and where. */
export type ExpectationsAnswer =
  | { readonly ok: true; readonly expectations: Expectations }
  | { readonly ok: false; readonly reason: string }

/** An organization of 3,000 accounts in 34 regions with two trails has fewer. */
export const MOST_COMBINATIONS: number = 250_000
const LONGEST_TEXT = 1000

/**
 * Reads a file of expectations, or the JSON report of an earlier run: each of its standard chains with a valid digest is then
 * expected from its start. Never throws. A `reason` names the field, what was given and what is allowed.
 */
export function parseExpectations(bytes: Uint8Array): ExpectationsAnswer {
  const json = parseJson(bytes)
  if (!json.ok) return json
  if (isJsonObject(json.value) && Object.hasOwn(json.value, 'tool')) return readReport(json.value)
  return checkExpectations(json.value)
}

/** As strict as for a file; times come out as `formatTime` writes them. */
export function checkExpectations(value: unknown): ExpectationsAnswer {
  const faults: string[] = []
  const fields = fieldsOf(value, '', ['schemaVersion', 'expect', 'accept'], faults)
  const version = fields['schemaVersion']
  if (version !== undefined && version !== 1) fault(faults, 'schemaVersion', version, '1')
  if (fields['expect'] === undefined && fields['accept'] === undefined)
    faults.push('neither expect nor accept is there; allowed: lists of that name, or the JSON report of an earlier run')
  const expect = readEntries(fields, 'expect', readExpectation, faults)
  const accept = readEntries(fields, 'accept', readAccepted, faults)
  const [reason] = faults
  if (reason !== undefined) return { ok: false, reason }
  const combinations = expect.reduce((sum, entry) => sum + combinationsOf(entry), 0)
  if (combinations > MOST_COMBINATIONS)
    return { ok: false, reason: `expect: ${combinations} combinations were given; allowed: at most ${MOST_COMBINATIONS}` }
  return { ok: true, expectations: { expect, accept } }
}

function combinationsOf({ accountIds, regions, trails }: ChainSelection): number {
  return (accountIds?.length ?? 1) * (regions?.length ?? 1) * (trails?.length ?? 1)
}

type Fields = Readonly<Record<string, unknown>>

function fault(faults: string[], path: string, given: unknown, allowed: string): undefined {
  const text = typeof given === 'string' ? quoteText(given) : (JSON.stringify(given)?.slice(0, LONGEST_TEXT) ?? 'nothing')
  faults.push(`${path}: ${text} was given; allowed: ${allowed}`)
  return undefined
}

/** No field that is not known: a misspelt one must not mean nothing. */
function fieldsOf(value: unknown, path: string, known: readonly string[], faults: string[]): Fields {
  if (!isJsonObject(value)) {
    fault(faults, path || 'the whole', value, 'an object')
    return {}
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) faults.push(`${path}${path && '.'}${quoteText(name)} is not known; allowed: ${known.join(', ')}`)
  }
  return value
}

function readEntries<T>(
  fields: Fields,
  name: string,
  read: (value: unknown, path: string, faults: string[]) => T,
  faults: string[],
): readonly T[] {
  const value = fields[name]
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > MOST_COMBINATIONS) {
    fault(faults, name, Array.isArray(value) ? value.length : value, `a list of at most ${MOST_COMBINATIONS} entries`)
    return []
  }
  const entries: T[] = []
  for (const [index, entry] of value.entries()) {
    entries.push(read(entry, `${name}[${index}]`, faults))
    if (faults.length > 0) break
  }
  return entries
}

const SELECTION = ['accountIds', 'regions', 'trails', 'homeRegion', 'organizationId']

function readExpectation(value: unknown, path: string, faults: string[]): Expectation {
  const fields = fieldsOf(value, path, [...SELECTION, 'since', 'until'], faults)
  const since = readTime(fields, 'since', path, faults)
  const until = readTime(fields, 'until', path, faults)
  checkOrder(since, until, `${path}.until`, faults)
  return defined({ ...readSelection(fields, path, faults), since, until })
}

function readAccepted(value: unknown, path: string, faults: string[]): AcceptedGap {
  const fields = fieldsOf(value, path, [...SELECTION, 'startTime', 'endTime', 'reason', 'by'], faults)
  const startTime = readTime(fields, 'startTime', path, faults) ?? missing(fields, 'startTime', path, faults)
  const endTime = readTime(fields, 'endTime', path, faults) ?? missing(fields, 'endTime', path, faults)
  checkOrder(startTime, endTime, `${path}.endTime`, faults)
  const reason = readWords(fields, 'reason', path, faults)
  const by = readWords(fields, 'by', path, faults)
  return { ...readSelection(fields, path, faults), startTime, endTime, reason, by }
}

function missing(fields: Fields, name: string, path: string, faults: string[]): string {
  if (fields[name] === undefined) fault(faults, `${path}.${name}`, undefined, 'an ISO 8601 time')
  return ''
}

function readSelection(fields: Fields, path: string, faults: string[]): ChainSelection {
  const accountIds = readNames(fields, 'accountIds', path, isAccountId, 'account ids of 12 digits', faults)
  const regions = readNames(fields, 'regions', path, isRegion, 'regions such as us-east-1', faults)
  const trails = readNames(fields, 'trails', path, isTrailName, 'trail names (3 to 128 of A-Z a-z 0-9 . _ -)', faults)
  if (faults.length === 0 && !accountIds && !regions && !trails)
    faults.push(`${path}: no chain is named; allowed: accountIds, regions, trails, at least one of them`)
  const { homeRegion, organizationId } = fields
  const home = homeRegion === undefined || isText(homeRegion, isRegion) ? homeRegion : undefined
  if (home !== homeRegion) fault(faults, `${path}.homeRegion`, homeRegion, 'a region such as us-east-1')
  const known = organizationId === undefined || organizationId === null || isText(organizationId, isOrganizationId)
  if (!known) fault(faults, `${path}.organizationId`, organizationId, 'an organization id such as o-exampleorgid, or null')
  return defined({ accountIds, regions, trails, homeRegion: home, organizationId: known ? organizationId : undefined })
}

function readNames(
  fields: Fields,
  name: string,
  path: string,
  allowed: (text: string) => boolean,
  form: string,
  faults: string[],
): readonly string[] | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_COMBINATIONS)
    return fault(faults, `${path}.${name}`, Array.isArray(value) && value.length > 0 ? value.length : value, `a list of ${form}`)
  const names = new Set<string>()
  for (const [index, one] of value.entries()) {
    if (!isText(one, allowed)) return fault(faults, `${path}.${name}[${index}]`, one, form)
    names.add(one)
  }
  return [...names]
}

function isText(value: unknown, allowed: (text: string) => boolean): value is string {
  return typeof value === 'string' && allowed(value)
}

function readTime(fields: Fields, name: string, path: string, faults: string[]): string | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  const time = typeof value === 'string' ? parseTime(value) : undefined
  if (time === undefined) return fault(faults, `${path}.${name}`, value, 'an ISO 8601 time, such as 2026-01-10T00:00:00Z')
  return formatTime(time)
}

function checkOrder(start: string | undefined, end: string | undefined, path: string, faults: string[]): void {
  const [from, to] = [parseTime(start ?? ''), parseTime(end ?? '')]
  if (from !== undefined && to !== undefined && from >= to) fault(faults, path, end, `a time after ${start}`)
}

/** What a person will have to answer for: not empty. */
function readWords(fields: Fields, name: string, path: string, faults: string[]): string {
  const value = fields[name]
  if (typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_TEXT) return value
  fault(faults, `${path}.${name}`, value, `words, at most ${LONGEST_TEXT} characters`)
  return ''
}

function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // The fields without a value are left out: what remains has one.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

/** A later version may have added fields: what is not needed is not looked at. */
function readReport(report: Fields): ExpectationsAnswer {
  const { schemaVersion, chains, tool } = report
  if (!isJsonObject(tool) || tool['name'] !== 'verify-trail')
    return { ok: false, reason: 'tool: it is no report of verify-trail; allowed: its JSON report, or lists expect and accept' }
  if (schemaVersion !== 1) return { ok: false, reason: 'schemaVersion: the report is of another version; allowed: 1' }
  if (!Array.isArray(chains)) return { ok: false, reason: 'chains: the report has no list of that name' }
  const faults: string[] = []
  const expect: Expectation[] = []
  for (const [index, chain] of chains.entries()) {
    if (isJsonObject(chain) && !isExpected(chain)) continue
    expect.push(readExpectation(isJsonObject(chain) ? chainEntry(chain) : chain, `chains[${index}]`, faults))
    if (faults.length > 0) break
  }
  const [reason] = faults
  if (reason !== undefined) return { ok: false, reason }
  if (expect.length === 0) return { ok: false, reason: 'chains: the report has no chain with a valid digest' }
  return { ok: true, expectations: { expect, accept: [] } }
}

/** What was never proven may have been planted. */
function isExpected({ kind, digests }: Fields): boolean {
  return kind !== 'backfill' && isJsonObject(digests) && digests['valid'] !== 0
}

function chainEntry({ accountId, region, trail, homeRegion, organizationId, startTime }: Fields): Fields {
  const names = { accountIds: [accountId], regions: [region], trails: [trail] }
  return { ...names, homeRegion, organizationId, since: startTime }
}
