/** Whether it takes the AWS SDK to find out who asks, and where: not where the environment says so, and nothing else is configured. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Identity } from './signature-v4.js'

/** What the SDK would find. */
export interface PlainEnvironment {
  readonly identity: Identity
  readonly region: string
  readonly endpoint: string | undefined
}

type Variables = Readonly<Record<string, string | undefined>>

/** Variables that say nothing to the SDK, or that are read here as it reads them. Any other `AWS_…` is for the SDK to read. */
const KNOWN_VARIABLES: ReadonlySet<string> = new Set([
  'AWS_ACCESS_KEY_ID',
  'AWS_CA_BUNDLE',
  'AWS_CONFIG_FILE',
  'AWS_DEFAULT_OUTPUT',
  'AWS_DEFAULT_REGION',
  'AWS_EC2_METADATA_DISABLED',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_CLOUDTRAIL',
  'AWS_ENDPOINT_URL_S3',
  'AWS_PAGER',
  'AWS_REGION',
  'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_SHARED_CREDENTIALS_FILE',
])

/** Settings that change nothing where the environment names credentials and a region. */
const KNOWN_SETTINGS =
  /^(?:region|output|aws_access_key_id|aws_secret_access_key|aws_session_token|role_arn|source_profile|role_session_name|external_id|mfa_serial|duration_seconds|credential_process|credential_source|sso_\w+|cli_\w+)$/

/** Undefined where it is for the SDK to find out. */
export function plainEnvironment(
  { endpointUrl, region: asked }: { readonly endpointUrl?: string; readonly region?: string },
  variables: Variables,
): PlainEnvironment | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = variables
  const region = asked || variables['AWS_REGION']
  if (!accessKeyId || !secretAccessKey || !region) return undefined
  for (const name in variables) if (name.startsWith('AWS_') && !KNOWN_VARIABLES.has(name)) return undefined
  if (!configurationFiles(variables).every(saysNothing)) return undefined
  const endpoint = endpointUrl ?? (variables['AWS_ENDPOINT_URL_S3'] || variables['AWS_ENDPOINT_URL'] || undefined)
  return { identity: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }, region, endpoint }
}

function configurationFiles(variables: Variables): readonly string[] {
  const home = join(variables['HOME'] || homedir(), '.aws')
  const { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials } = variables
  return [config || join(home, 'config'), credentials || join(home, 'credentials')]
}

function saysNothing(path: string): boolean {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'ENOENT'
  }
  return text.split(/\r?\n/).every((line) => {
    const said = line.trim()
    if (said === '' || /^[#;[]/.test(said)) return true
    return KNOWN_SETTINGS.test(said.split('=')[0]?.trim() ?? '')
  })
}
