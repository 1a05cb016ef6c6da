/** Plain HTTP/1.1 over kept connections. Sends paths as they are given, follows nothing, decodes nothing, repeats nothing. */
import type { IncomingHttpHeaders } from 'node:http'
import { createRequire } from 'node:module'
import type { Dispatcher, Pool as HttpPool } from 'undici'
import { TIMED_OUT } from './failure.js'
import { HttpBody } from './http-body.js'
import type { StallWatch } from './stall-watch.js'

export interface Target {
  readonly secure: boolean
  readonly host: string
  readonly port: number | undefined
}

export interface HttpRequest {
  readonly target: Target
  /** Percent-encoded. */
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; values as Latin-1. */
  readonly headers: Readonly<IncomingHttpHeaders>
  readonly body: HttpBody
}

/** The client alone: loading all of undici takes longer than a thousand requests. */
const Pool: typeof import('undici').Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js')

/** Node's words for what undici says in its own. */
const CODES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: TIMED_OUT,
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'ECONNRESET',
  UND_ERR_HEADERS_OVERFLOW: 'HPE_HEADER_OVERFLOW',
}

/**
 * Certificates are Node's matter: its roots, NODE_EXTRA_CA_CERTS, --use-system-ca. As with the SDK, HTTPS_PROXY and its kin
 * are not heeded.
 */
export class HttpClient {
  readonly #connectTimeout: number
  readonly #watch: StallWatch
  readonly #pools = new Map<string, HttpPool>()
  readonly #underWay = new WeakMap<AbortSignal, Set<HttpBody>>()

  constructor(connectTimeout: number, watch: StallWatch) {
    this.#connectTimeout = connectTimeout
    this.#watch = watch
  }

  /**
   * Resolves with the head of the answer. An abort ends the body too. Rejects with errors of Node, ETIMEDOUT among them.
   * @param path percent-encoded
   * @param headers names and values in turns
   */
  get(target: Target, path: string, headers: string[], signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return this.send({ target, path, method: 'GET' }, headers, signal)
  }

  /** The same of any request. */
  send({ target, ...request }: HttpRequest, headers: string[], signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const underWay = signal === undefined ? undefined : this.#endingOn(signal)
      const body = new HttpBody(this.#watch, (error) => {
        underWay?.delete(body)
        if (error !== undefined) reject(error)
      })
      underWay?.add(body)
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: (controller) => body.start(controller),
        onResponseStart(_controller, status, headers) {
          // Something to begin with: the answer is still to come.
          if (status < 200) return
          body.begin()
          resolve({ status, headers, body })
        },
        onResponseData: (_controller, chunk) => body.add(chunk),
        onResponseEnd: () => body.end(),
        onResponseError: (_controller, error) => body.end(inNodesWords(error)),
      }
      this.#pool(target).dispatch({ ...request, headers }, handler)
    })
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.destroy().catch(() => undefined)
    this.#pools.clear()
  }

  #pool({ secure, host, port }: Target): HttpPool {
    const address = host.includes(':') ? `[${host}]` : host
    const origin = `${secure ? 'https' : 'http'}://${address}${port === undefined ? '' : `:${port}`}`
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      // Requests are counted elsewhere, and so is what stalls.
      pool = new Pool(origin, { connect: { timeout: this.#connectTimeout }, headersTimeout: 0, bodyTimeout: 0 })
      this.#pools.set(origin, pool)
    }
    return pool
  }

  /** What is under way for a signal. One listener for all of it. */
  #endingOn(signal: AbortSignal): Set<HttpBody> {
    const known = this.#underWay.get(signal)
    if (known !== undefined) return known
    const bodies = new Set<HttpBody>()
    this.#underWay.set(signal, bodies)
    const endAll = (): void => {
      for (const body of bodies) body.destroy(new Error('aborted'))
    }
    signal.addEventListener('abort', endAll, { once: true })
    return bodies
  }
}

function inNodesWords(error: Error): Error {
  const code = CODES[String(Reflect.get(error, 'code'))] ?? (error.name === 'HTTPParserError' ? 'HPE_INVALID' : undefined)
  return code === undefined ? error : Object.assign(new Error(error.message, { cause: error }), { code })
}
