/** `--state FILE`: opened for one run, and ended when its reports are written. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { VerifyTrailError } from '../errors.js'
import { StateFile } from '../state/state-file.js'
import { VERSION } from '../version.js'
import type { VerifyCommand } from './arguments.js'
import { type Console, messageOf } from './console.js'
import { hashOfFile, hashOfFiles } from './hash-files.js'
import { packageSha256 } from './package-hash.js'
import { isS3Url } from './sources.js'

/** Shorter keys are guessed. */
const LEAST_KEY = 16

export async function openState(
  command: VerifyCommand,
  { environment }: Pick<Console, 'environment'>,
): Promise<StateFile | undefined> {
  const { state: path, stateKey, asOf, recheck } = command
  if (path === undefined) return undefined
  const key = stateKey === undefined ? undefined : await readKey(stateKey)
  const binding = await bindingOf(command, environment)
  try {
    return await StateFile.open({ path, key, binding, asOf, recheck })
  } catch (error) {
    if (error instanceof VerifyTrailError) throw error
    throw new VerifyTrailError('ERR_STATE', `cannot use the state file '${path}': ${messageOf(error)}`, { cause: error })
  }
}

/** Ends the run in the state: the next one names the first JSON report. */
export async function endState(state: StateFile, jsonReports: readonly string[]): Promise<void> {
  const [report] = jsonReports
  await state.end(report === undefined ? null : await hashOfFile(report))
}

async function readKey(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new VerifyTrailError('ERR_STATE', `cannot read the state key '${path}': ${messageOf(error)}`, { cause: error })
  })
  if (bytes.length >= LEAST_KEY) return bytes
  throw new VerifyTrailError(
    'ERR_STATE',
    `the state key '${path}' has ${bytes.length} bytes; allowed: ${LEAST_KEY} or more, of random`,
  )
}

/** All that decides what is read, and what it is held against. What is expected is asked anew each time. */
async function bindingOf(command: VerifyCommand, environment: Console['environment']): Promise<Record<string, unknown>> {
  const { sources, startTime, endTime, accountIds, regions, trails, trailArn, bucket, byName, publicKeys, metadata } = command
  const { shard, plan, doubleCheck, unvalidatedTrails, endpointUrl, profile } = command
  return {
    version: VERSION,
    package: packageSha256() ?? null,
    source: sources.map((source) => (isS3Url(source) || source === '-' ? source : resolve(source))),
    endpoint: endpointUrl ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'] ?? null,
    profile: profile ?? null,
    startTime: startTime?.toISOString() ?? null,
    endTime: endTime?.toISOString() ?? null,
    accounts: accountIds,
    regions,
    trails,
    trailArn: trailArn?.arn ?? null,
    place: bucket ?? null,
    byName: byName ?? false,
    unvalidatedTrails,
    doubleCheck,
    shard: shard ?? null,
    plan: plan === undefined ? null : await hashOfFile(plan),
    publicKeys: publicKeys === undefined ? null : await hashOfFiles(publicKeys),
    metadata: metadata === undefined ? null : await hashOfFile(metadata),
  }
}
