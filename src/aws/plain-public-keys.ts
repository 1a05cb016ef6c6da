/** ListPublicKeys in one request of our own, where the environment says all that the SDK would find out: loading that takes longer than a small run. */
import { hash } from 'node:crypto'
import { VERSION } from '../version.js'
import type { CloudTrailOptions } from './cloudtrail-session.js'
import { HttpClient, type Target } from './http-client.js'
import { type PlainEnvironment, plainEnvironment } from './plain-environment.js'
import { amzDate, Signer } from './signature-v4.js'
import { StallWatch } from './stall-watch.js'
import { textOf } from './text-of.js'

/** One page is asked for. Times in epoch milliseconds. */
export interface KeyQuestion {
  readonly region: string
  readonly from: number
  readonly to: number
  readonly token: string | undefined
}

/** What CloudTrail says of a key, unchecked. */
export interface ListedKey {
  readonly Value: Uint8Array
  readonly Fingerprint: string
  readonly ValidityStartTime: number | null
  readonly ValidityEndTime: number | null
}

export interface KeyPage {
  readonly entries: readonly ListedKey[]
  readonly next: string | undefined
}

type Options = Pick<CloudTrailOptions, 'endpointUrl' | 'profile' | 'idleTimeout'>

/** The partition whose regions all have a host of this form. */
const HOSTS = /^(?:us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d$/
const TARGET = 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys'
const LONGEST = 4 * 1024 * 1024
const CONNECT_TIMEOUT = 5000

/** Whether it takes the SDK to ask. */
export function mayAskPlainly({ endpointUrl, profile }: Options): boolean {
  return environment(endpointUrl, profile) !== undefined
}

/** Undefined where it is for the SDK to ask, and where CloudTrail gave no such answer: the SDK will say why. */
export async function askPlainly(
  question: KeyQuestion,
  { endpointUrl, profile, idleTimeout = 20_000 }: Options,
  signal: AbortSignal | undefined,
): Promise<KeyPage | undefined> {
  const plain = environment(endpointUrl, profile)
  const target = plain && targetIn(question.region, plain.endpoint)
  if (plain === undefined || target === undefined) return undefined
  const late = AbortSignal.timeout(idleTimeout)
  const watch = new StallWatch(idleTimeout)
  const http = new HttpClient(CONNECT_TIMEOUT, watch)
  try {
    const { request, headers } = sign(question, plain, target)
    const either = signal === undefined ? late : AbortSignal.any([signal, late])
    const answer = await http.send({ ...target, ...request }, headers, either)
    const text = await textOf(answer.body, LONGEST)
    return answer.status === 200 ? parsePage(text) : undefined
  } catch {
    signal?.throwIfAborted()
    return undefined
  } finally {
    http.close()
    watch.close()
  }
}

function environment(endpointUrl: string | undefined, profile: string | undefined): PlainEnvironment | undefined {
  if (profile !== undefined) return undefined
  const { AWS_ENDPOINT_URL_CLOUDTRAIL: own, AWS_ENDPOINT_URL: any } = process.env
  // The region is that of the question.
  const plain = plainEnvironment({ region: 'us-east-1' }, process.env)
  return plain && { ...plain, endpoint: endpointUrl ?? (own || any || undefined) }
}

interface Address {
  readonly target: Target
  readonly host: string
}

function targetIn(region: string, endpoint: string | undefined): Address | undefined {
  if (endpoint === undefined) {
    const host = `cloudtrail.${region}.amazonaws.com`
    return HOSTS.test(region) ? { target: { secure: true, host, port: undefined }, host } : undefined
  }
  if (!URL.canParse(endpoint)) return undefined
  const { protocol, hostname, port, host, pathname, search, hash, username, password } = new URL(endpoint)
  const isPlain = pathname === '/' && `${search}${hash}${username}${password}` === '' && /^https?:$/.test(protocol)
  if (!isPlain || hostname.startsWith('[')) return undefined
  return { target: { secure: protocol === 'https:', host: hostname, port: port === '' ? undefined : Number(port) }, host }
}

/** What is sent, and the headers of it, names and values in turns. */
function sign({ region, from, to, token }: KeyQuestion, { identity }: PlainEnvironment, { host }: Address) {
  const range = { StartTime: from / 1000, EndTime: to / 1000 }
  const body = JSON.stringify({ ...range, ...(token !== undefined && { NextToken: token }) })
  const date = amzDate(Date.now())
  const payloadHash = hash('sha256', body, 'hex')
  const signed: (readonly [string, string])[] = [
    ['content-type', 'application/x-amz-json-1.1'],
    ['host', host],
    ['x-amz-content-sha256', payloadHash],
    ['x-amz-date', date],
  ]
  if (identity.sessionToken) signed.push(['x-amz-security-token', identity.sessionToken])
  signed.push(['x-amz-target', TARGET])
  const toSign = { method: 'POST', path: '/', query: '', headers: signed, payloadHash }
  const authorization = new Signer(region, 'cloudtrail').authorization(toSign, identity, date)
  const headers = [...signed.flat(), 'authorization', authorization, 'user-agent', `verify-trail/${VERSION}`]
  return { request: { method: 'POST', path: '/', body } as const, headers }
}

function parsePage(text: string): KeyPage | undefined {
  const answer: unknown = JSON.parse(text)
  const [list, next] = [property(answer, 'PublicKeyList') ?? [], property(answer, 'NextToken') ?? undefined]
  if (!isObject(answer) || !Array.isArray(list) || (next !== undefined && typeof next !== 'string')) return undefined
  const entries: ListedKey[] = []
  for (const listed of list) {
    const entry = parseListed(listed)
    if (entry === undefined) return undefined
    entries.push(entry)
  }
  return { entries, next: next === '' ? undefined : next }
}

function parseListed(listed: unknown): ListedKey | undefined {
  const [value, Fingerprint] = [property(listed, 'Value'), property(listed, 'Fingerprint')]
  const [start, end] = [timeOf(property(listed, 'ValidityStartTime')), timeOf(property(listed, 'ValidityEndTime'))]
  if (typeof value !== 'string' || typeof Fingerprint !== 'string' || start === undefined || end === undefined) return undefined
  const Value = Buffer.from(value, 'base64')
  return Value.toString('base64') === value ? { Value, Fingerprint, ValidityStartTime: start, ValidityEndTime: end } : undefined
}

/** Seconds since the epoch, in this protocol. */
function timeOf(value: unknown): number | null | undefined {
  if (value === undefined || value === null) return null
  return typeof value === 'number' ? Math.round(value * 1000) : undefined
}

function property(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
