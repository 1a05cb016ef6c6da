/** AWS: a source and a key source for live buckets, and what CloudTrail says of a trail. The SDK is loaded when one of them is first used. */
export type { PublicKeyEntry } from './core/public-keys.js'
export { type CloudTrailKeys, type CloudTrailKeysOptions, cloudTrailKeys } from './keys/cloudtrail.js'
export { type S3SourceOptions, s3Source } from './sources/s3.js'
export { type AskTrailOptions, askTrail } from './trails/ask-trail.js'
