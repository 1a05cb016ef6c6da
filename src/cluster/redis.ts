/** How Redis is reached, and BullMQ over it. Both packages are optional: they are loaded at the first use. */
import { readFileSync } from 'node:fs'
import type { QueueBaseOptions } from 'bullmq'
import { VerifyTrailError } from '../errors.js'

export type Bull = typeof import('bullmq')

export interface RedisOptions {
  /** `redis://[user[:password]@]host[:port][/db]`, or `rediss://…` for TLS. */
  readonly url: string
  /** Out of the environment, so that no list of processes shows it. It takes the place of the URL's. */
  readonly password?: string
  /** PEM file of the authority that signed Redis's certificate. @default those that Node trusts */
  readonly caFile?: string
  /** Before the name of each key; an ACL can then be `~PREFIX:*`. @default verify-trail */
  readonly prefix?: string
}

export type Connection = Required<Pick<QueueBaseOptions, 'connection'>> & { readonly prefix: string }

/** Other software has its letters in Redis, too. */
const PREFIX = /^[A-Za-z0-9._{}-]{1,64}$/
const DEFAULT_PREFIX = 'verify-trail'
const MOST_PAUSE_MS = 2000
const ATTEMPTS = 3

/** Throws ERR_CLUSTER where it is not installed. */
export async function loadBull(): Promise<Bull> {
  try {
    await import('ioredis')
    return await import('bullmq')
  } catch (error) {
    throw new VerifyTrailError('ERR_CLUSTER', 'clusters need two more packages: npm install bullmq ioredis', { cause: error })
  }
}

/**
 * `patient`: a command waits until Redis is back, as a worker's must, or until this signal; else it fails after some attempts, as someone
 * who looks on expects. Throws ERR_CLUSTER where the options cannot be used.
 */
export function connection({ url, password, caFile, prefix = DEFAULT_PREFIX }: RedisOptions, patient?: AbortSignal): Connection {
  const isPatient = (): boolean => patient !== undefined && !patient.aborted
  const place = parseUrl(url)
  if (!PREFIX.test(prefix))
    throw new VerifyTrailError(
      'ERR_CLUSTER',
      `the prefix ${JSON.stringify(prefix)} cannot be used: allowed are 1 to 64 of A-Z a-z 0-9 . _ - { }`,
    )
  const given = {
    ...(place.username !== '' && { username: decodeURIComponent(place.username) }),
    ...(place.password !== '' && { password: decodeURIComponent(place.password) }),
    ...(password !== undefined && { password }),
  }
  return {
    prefix,
    connection: {
      host: place.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(place.port || 6379),
      db: Number(place.pathname.slice(1) || 0),
      ...given,
      ...(place.protocol === 'rediss:' && { tls: caFile === undefined ? {} : { ca: readCa(caFile) } }),
      maxRetriesPerRequest: patient === undefined ? ATTEMPTS : null,
      retryStrategy: (attempts: number) =>
        isPatient() || (patient === undefined && attempts <= ATTEMPTS) ? Math.min(attempts * 100, MOST_PAUSE_MS) : null,
    },
  }
}

function parseUrl(url: string): URL {
  const place = URL.canParse(url) ? new URL(url) : undefined
  if (place === undefined || !/^rediss?:$/.test(place.protocol) || place.hostname === '' || !/^\/?\d*$/.test(place.pathname))
    throw new VerifyTrailError(
      'ERR_CLUSTER',
      'not a Redis: give redis://[user[:password]@]host[:port][/db], or rediss:// for TLS',
    )
  return place
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new VerifyTrailError('ERR_CLUSTER', `cannot read the certificates in '${path}'`, { cause: error })
  }
}
