/** A stretch of digests that earlier runs proved, as the record of its last one: its signature, its keys and its links are checked each time. */
import {
  checkSignature,
  type DigestContent,
  type DigestRecord,
  KEY_VALIDITY_TOLERANCE,
  type KeyCount,
} from '../core/check-digest.js'
import { HOUR } from '../core/coverage.js'
import { dataToSign } from '../core/data-to-sign.js'
import { parseObjectKey } from '../core/object-key.js'
import type { Stretch, StretchKey } from '../core/settled-days.js'
import type { Scope } from './discover.js'
import { KEY_MARGIN } from './read-digest.js'
import type { Run } from './run.js'

export type StretchRecord = Omit<DigestRecord, 'ordinal'>

/** Undefined where its keys are not to be had any more, or its place stands for another bucket now. */
export async function stretchRecord(run: Run, { parts }: Scope, stretch: Stretch): Promise<StretchRecord | undefined> {
  const { last, previous, startTime, digests, families, logFiles } = stretch
  const { bucket, key, endTimeText, sha256, fingerprint, algorithm, previousSignature, signature } = last
  const name = parseObjectKey(key)
  const place = parts[stretch.place]?.place
  const isThere = place?.bucket === bucket && key.startsWith(`${place.prefix}AWSLogs/`)
  if (name.kind !== 'digest' || !isThere || startTime >= name.endTime) return undefined
  const keys: KeyCount[] = []
  for (const use of stretch.keys) {
    const found = await keyOf(run, name.region, use)
    if (found === undefined) return undefined
    keys.push({ key: found, digests: use.digests })
  }
  const lastKey = keys.find((use) => use.key.key.fingerprint === fingerprint)?.key
  if (lastKey === undefined) return undefined
  const digest = {
    awsAccountId: name.accountId,
    digestStartTime: startTime,
    digestEndTime: name.endTime,
    digestEndTimeText: endTimeText,
    digestS3Bucket: bucket,
    digestS3Object: key,
    digestPublicKeyFingerprint: fingerprint,
    digestSignatureAlgorithm: algorithm,
    previous,
    starting: false,
  }
  const signed = dataToSign({ ...digest, previous: { ...previous, signature: previousSignature }, logFiles: [] }, sha256)
  const facts: DigestContent = {
    kind: 'content',
    digest,
    logFiles,
    sha256,
    dataToSign: signed,
    trailing: null,
    key: lastKey,
    metadata: { signature },
    metadataFrom: 'object',
  }
  return {
    bucket,
    key,
    name,
    place: place.index,
    families: new Set(families),
    logDays: new Set(),
    listsElsewhere: false,
    facts,
    metadataSignature: checkSignature(facts, signature, run.options.doubleCheck),
    successorSignature: 'absent',
    settled: { digests, keys },
  }
}

async function keyOf(run: Run, region: string, use: StretchKey): Promise<KeyCount['key'] | undefined> {
  const { fingerprint, sha256, from, to } = use
  const { publicKeys } = run.options
  const answer = await publicKeys?.lookup({ fingerprint, region, from: from - HOUR, to: to + KEY_MARGIN, signal: run.signal })
  if (answer?.kind !== 'key' || answer.key.sha256 !== sha256) return undefined
  const { validityEndTime } = answer.key
  return validityEndTime === null || to - validityEndTime <= KEY_VALIDITY_TOLERANCE ? answer : undefined
}
