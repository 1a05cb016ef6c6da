/** One way to ask CloudTrail: the AWS SDK, loaded at the first question. */
import type { CloudTrailClient, CloudTrailClientConfig } from '@aws-sdk/client-cloudtrail'
import { isRegion } from '../core/object-key.js'
import { checkEndpointUrl, loadSdk, sendOptions, withSdkEnvironment } from './environment.js'

export interface CloudTrailOptions {
  /** @default as the SDK has it: AWS_ENDPOINT_URL_CLOUDTRAIL, AWS_ENDPOINT_URL, or the profile's `endpoint_url` */
  readonly endpointUrl?: string
  /** @default as the SDK has it: AWS_PROFILE, or `default` */
  readonly profile?: string
  /** How often a request is sent that meets throttling, a server error or a broken connection. @default 4 */
  readonly maxAttempts?: number
  /** How long in ms an answer may take. @default 20000 */
  readonly idleTimeout?: number
}

type Sdk = typeof import('@aws-sdk/client-cloudtrail')

export interface CloudTrailSession {
  readonly sdk: Sdk
  /** One question to CloudTrail in a region. Rejects where it is not answered in three times the `idleTimeout`, attempts and all. */
  ask<T>(region: string, signal: AbortSignal | undefined, question: Question<T>): Promise<T>
}

export type Question<T> = (client: CloudTrailClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>

/** The partitions of the SDK; what else has the form of a region is sent nothing. */
const PARTITIONS = /^(?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso|us-isob|us-isof|eu-isoe|eusc-de)-[a-z]+-\d+$/

/** Whether a name that may come from a bucket is that of a region, so that something may be sent to it. */
export function isKnownRegion(region: string): boolean {
  return isRegion(region) && PARTITIONS.test(region)
}

/** Opens the SDK once, at the first question. */
export function cloudTrailSession(options: CloudTrailOptions): () => Promise<CloudTrailSession> {
  checkEndpointUrl(options.endpointUrl)
  let session: Promise<CloudTrailSession> | undefined
  return () => {
    session ??= openSession(options)
    return session
  }
}

function openSession({
  endpointUrl,
  profile,
  maxAttempts = 4,
  idleTimeout = 20_000,
}: CloudTrailOptions): Promise<CloudTrailSession> {
  return withSdkEnvironment(profile, async () => {
    const sdk: Sdk = loadSdk('@aws-sdk/client-cloudtrail')
    const probe = new sdk.CloudTrailClient({ region: 'us-east-1', ...(profile && { profile }) })
    try {
      const endpoint = endpointUrl ?? (await probe.config.serviceConfiguredEndpoint?.())
      const { credentials } = probe.config
      await credentials()
      const config: CloudTrailClientConfig = {
        credentials,
        maxAttempts,
        requestHandler: { connectionTimeout: 5000, requestTimeout: idleTimeout, throwOnRequestTimeout: true },
        ...(endpoint && { endpoint }),
      }
      return {
        sdk,
        ask: (region, signal, question) =>
          askInTime(new sdk.CloudTrailClient({ ...config, region }), idleTimeout, signal, question),
      }
    } finally {
      probe.destroy()
    }
  })
}

/** The SDK's own limits end with the first byte of an answer: whoever sends one byte a second would be waited for. */
async function askInTime<T>(
  client: CloudTrailClient,
  idleTimeout: number,
  signal: AbortSignal | undefined,
  question: Question<T>,
): Promise<T> {
  const late = AbortSignal.timeout(3 * idleTimeout)
  const { abortSignal = late } = sendOptions(signal === undefined ? late : AbortSignal.any([signal, late]))
  try {
    return await question(client, { abortSignal })
  } catch (error) {
    signal?.throwIfAborted()
    late.throwIfAborted()
    throw error
  } finally {
    client.destroy()
  }
}
