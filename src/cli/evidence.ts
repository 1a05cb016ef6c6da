/** What a run is about and what it is checked with: opened, and closed again. */
import { readFile } from 'node:fs/promises'
import { asUtf8 } from '../core/text-file.js'
import type { VerifyTrailOptions } from '../engine/verify-trail.js'
import { VerifyTrailError } from '../errors.js'
import { readPublicKeyFile } from '../keys/key-file.js'
import type { PublicKeySource } from '../keys/key-source.js'
import { type MetadataFile, parseMetadata } from '../sources/metadata-file.js'
import type { Source } from '../sources/source.js'
import { type Console, messageOf, say } from './console.js'
import { readExpectations } from './expectations.js'
import { given } from './given.js'
import { cloudTrailOptions, type EvidenceCommand, isS3Url, openSources } from './sources.js'

export type Evidence = Pick<VerifyTrailOptions, 'sources' | 'metadata' | 'publicKeys' | 'expectations' | 'trailKnowledge'>

export async function withEvidence<T>(
  command: EvidenceCommand,
  console: Console,
  use: (evidence: Evidence) => Promise<T>,
): Promise<T> {
  const sources: Source[] = []
  try {
    const metadata = command.metadata === undefined ? undefined : await readMetadata(command.metadata)
    const keys = command.publicKeys === undefined ? undefined : await readPublicKeyFile(command.publicKeys)
    const expectations = await readExpectations(command.expect ?? [])
    const opening = openSources(command, console.interrupted, (sentence) => say(console, sentence)).then((opened) => {
      sources.push(...opened.sources)
      return opened
    })
    const [opened, publicKeys] = await Promise.all([opening, keys ?? keysFromCloudTrail(command)])
    return await use({ sources, trailKnowledge: opened.trailKnowledge, ...given({ metadata, publicKeys, expectations }) })
  } finally {
    await Promise.allSettled(sources.map((source) => source.close?.()))
  }
}

/** Without a key file, CloudTrail is asked where a source is its store; a run over directories asks nobody. */
async function keysFromCloudTrail(command: EvidenceCommand): Promise<PublicKeySource | undefined> {
  if (command.sources.length > 0 && !command.sources.some(isS3Url)) return undefined
  // The store comes first: the rest of the SDK is loaded while it answers.
  await import('../sources/s3.js')
  const { cloudTrailKeys } = await import('../keys/cloudtrail.js')
  const keys = cloudTrailKeys(cloudTrailOptions(command))
  keys.prepare()
  return keys
}

async function readMetadata(path: string): Promise<MetadataFile> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new VerifyTrailError('ERR_METADATA', `cannot read the metadata file '${path}': ${messageOf(error)}`, { cause: error })
  })
  const answer = parseMetadata(asUtf8(bytes))
  if (answer.ok) return answer.metadata
  throw new VerifyTrailError('ERR_METADATA', `the metadata file '${path}': ${answer.reason}`)
}
