/** AWS: a source and a key source for live buckets. The SDK is loaded when one of them is first used. */
export { type CloudTrailKeysOptions, cloudTrailKeys, describeTrail, type TrailDescription } from './keys/cloudtrail.js'
export { type S3SourceOptions, s3Source } from './sources/s3.js'
