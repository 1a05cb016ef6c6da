/** The text that CloudTrail signs. */
import type { Digest } from './digest.js'

/**
 * The data to sign of a digest, as in
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-custom-validation.html:
 * end time, bucket/key, hash and the previous digest's signature, each as written, one per line, without a last line break.
 * The page leaves open what stands for the signature that a starting digest lacks: it is the letters `null`, as in aws-cli's
 * `_create_string_to_sign`. `inflatedSha256Hex` is the lower-case hex SHA-256 of the bytes as inflated, never of re-written JSON.
 */
export function dataToSign(digest: Digest, inflatedSha256Hex: string): string {
  const place = `${digest.digestS3Bucket}/${digest.digestS3Object}`
  return [digest.digestEndTimeText, place, inflatedSha256Hex, digest.previous?.signature ?? 'null'].join('\n')
}
