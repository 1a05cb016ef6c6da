/** Plain HTTP/1.1 over kept connections. Sends paths as they are given, follows nothing, decodes nothing, repeats nothing. */
import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { type StallWatch, timedOut } from './stall-watch.js'

export interface Target {
  readonly secure: boolean
  readonly host: string
  readonly port: number | undefined
}

// No limit on sockets: requests are counted elsewhere, and waiting for a socket would count as connecting.
const AGENT = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }

/**
 * Certificates are Node's matter: its roots, NODE_EXTRA_CA_CERTS, --use-system-ca. As with the SDK, HTTPS_PROXY and its kin
 * are not heeded.
 */
export class HttpClient {
  readonly agents: { readonly http: http.Agent; readonly https: https.Agent }
  readonly #connectTimeout: number
  readonly #watch: StallWatch
  readonly #underWay = new WeakMap<AbortSignal, Set<http.ClientRequest>>()

  constructor(connectTimeout: number, watch: StallWatch) {
    this.agents = { http: new http.Agent(AGENT), https: new https.Agent(AGENT) }
    this.#connectTimeout = connectTimeout
    this.#watch = watch
  }

  /**
   * Resolves with the head of the answer. An abort ends the body too. Rejects with errors of Node, ETIMEDOUT among them.
   * @param path percent-encoded
   * @param headers names and values in turns
   */
  get(target: Target, path: string, headers: readonly string[], signal: AbortSignal | undefined): Promise<http.IncomingMessage> {
    const { host, port, secure } = target
    const agent = secure ? this.agents.https : this.agents.http
    return new Promise((resolve, reject) => {
      const options = { agent, host, port, path, method: 'GET', headers }
      const request = secure ? https.request(options) : http.request(options)
      const watched = this.#watch.start((error) => request.destroy(error))
      let isAnswered = false
      request.on('socket', (socket: Socket) => {
        if (socket.connecting) this.#limitConnecting(request, socket, secure)
      })
      request.on('response', (response) => {
        isAnswered = true
        this.#watch.end(watched)
        resolve(response)
      })
      request.on('error', reject)
      // Not every end is an error: a connection may be upgraded to what nobody asked for.
      request.on('close', () => {
        this.#watch.end(watched)
        if (!isAnswered) reject(Object.assign(new Error('no answer came'), { code: 'ECONNRESET' }))
      })
      if (signal !== undefined) this.#endOn(signal, request)
      request.end()
    })
  }

  close(): void {
    this.agents.http.destroy()
    this.agents.https.destroy()
  }

  #limitConnecting(request: http.ClientRequest, socket: Socket, secure: boolean): void {
    const timer = setTimeout(() => request.destroy(timedOut('no connection')), this.#connectTimeout)
    const clear = (): void => clearTimeout(timer)
    socket.once(secure ? 'secureConnect' : 'connect', clear)
    socket.once('close', clear)
  }

  /** One listener for all requests of a signal. */
  #endOn(signal: AbortSignal, request: http.ClientRequest): void {
    const known = this.#underWay.get(signal)
    const requests = known ?? new Set()
    requests.add(request)
    request.on('close', () => requests.delete(request))
    if (known !== undefined) return
    this.#underWay.set(signal, requests)
    const destroyAll = (): void => {
      for (const request of requests) request.destroy(new Error('aborted'))
    }
    signal.addEventListener('abort', destroyAll, { once: true })
  }
}
