/** The S3 user metadata of a digest. */

/** `object`: the store has it with the object. `tar`: in PAX headers. `xattr`: attributes of the file. `sidecar`: a file beside it. `file`: one for all. */
export type MetadataOrigin = 'object' | 'tar' | 'xattr' | 'sidecar' | 'file'

/** What CloudTrail writes. Tools and browsers leave attributes of their own on files: those are no object's metadata. */
const NAMES = ['signature', 'signature-algorithm', 'backfill-generation-timestamp'] as const

/** Whether there is anything of what CloudTrail writes. */
export function isOfCloudTrail(
  metadata: Readonly<Record<string, string>> | undefined,
): metadata is Readonly<Record<string, string>> {
  return metadata !== undefined && NAMES.some((name) => metadata[name] !== undefined)
}
