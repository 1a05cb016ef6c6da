/** How the AWS SDK is opened and called. */
import { setMaxListeners } from 'node:events'
import { createRequire } from 'node:module'
import pLimit from 'p-limit'
import { VerifyTrailError } from '../errors.js'

const environmentLimit = pLimit(1)

/** Loads a part of the SDK: `import` would read all of it twice, once only for the names that it exports. */
export const loadSdk: NodeJS.Require = createRequire(import.meta.url)

const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }

/** The SDK looks for a configured endpoint in the profile of the environment only, and warns about Node 20 on stderr. */
export function withSdkEnvironment<T>(profile: string | undefined, run: () => Promise<T>): Promise<T> {
  return withEnvironment({ ...QUIET, ...(profile && { AWS_PROFILE: profile }) }, run)
}

/** The same for what is done at once, with the environment as it is. */
export function withQuietSdk<T>(run: () => T): T {
  const restore = changeEnvironment(QUIET)
  try {
    return run()
  } finally {
    restore()
  }
}

/** One at a time: the environment is the process's, and is put back as it was. */
function withEnvironment<T>(changes: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  return environmentLimit(async () => {
    const restore = changeEnvironment(changes)
    try {
      return await run()
    } finally {
      restore()
    }
  })
}

/** Returns what puts it back as it was. */
function changeEnvironment(changes: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, changes)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** An `ERR_INVALID_OPTION`. */
export function invalidOption(name: string, value: unknown, allowed: string): VerifyTrailError {
  return new VerifyTrailError('ERR_INVALID_OPTION', `${name} must be ${allowed}, not ${JSON.stringify(value)} (${typeof value})`)
}

/** Throws `ERR_INVALID_OPTION`. */
export function checkEndpointUrl(url: string | undefined): void {
  if (url === undefined || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) return
  throw invalidOption('endpointUrl', url, 'an http:// or https:// URL')
}

/** One signal is meant for a whole run: that many requests listen to it is no leak. */
export function sendOptions(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  if (signal === undefined) return {}
  setMaxListeners(0, signal)
  return { abortSignal: signal }
}
