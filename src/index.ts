/**
 * verify-trail: proves, or disproves, the integrity of AWS CloudTrail logs. This is the public door; S3 has its own,
 * `verify-trail/s3`, so that nothing here loads the AWS SDK.
 */
export type {
  CarriedOverMessage,
  ChannelMessages,
  DigestMessage,
  EndMessage,
  FindingMessage,
  LogFileMessage,
  RequestMessage,
  RetryMessage,
  StartMessage,
} from './channels.js'
export { dataToSign } from './core/data-to-sign.js'
export { type Digest, type DigestAnswer, type LogFileClaim, type PreviousDigest, parseDigest } from './core/digest.js'
export type { MetadataOrigin } from './core/digest-metadata.js'
export {
  type AcceptedGap,
  type ChainSelection,
  type Expectation,
  type Expectations,
  type ExpectationsAnswer,
  parseExpectations,
} from './core/expectations.js'
export {
  type Acceptance,
  type ChainId,
  type DigestProof,
  FINDING_VERDICTS,
  type Finding,
  type FindingCode,
  type FindingFields,
  type FindingHead,
  type FindingOf,
  type FindingVerdict,
  type Gap,
  type GapEvent,
  type GapReason,
  type Listed,
  type Lost,
  type ObjectVersions,
  type UnreadableReason,
  type Verdict,
} from './core/findings.js'
export type { StoredBytes, StoredObject } from './core/measurement.js'
export {
  type DigestKey,
  type ForeignKey,
  type LogFileFamily,
  type LogFileKey,
  type ObjectKey,
  type OtherKey,
  parseObjectKey,
} from './core/object-key.js'
export { type PublicKey, type PublicKeyListAnswer, type PublicKeyProblem, parsePublicKeyList } from './core/public-keys.js'
export type {
  ArchiveIdentity,
  CarriedOver,
  CarriedOverResult,
  ChainSummary,
  CoverageInterval,
  DigestCounts,
  DigestResult,
  ExpectationsUse,
  KnownHours,
  LogFileCounts,
  LogFileResult,
  LogFileStatus,
  PublicKeyUse,
  Result,
  ShardPart,
  SplitScope,
  StateUse,
  Summary,
} from './core/results.js'
export { verifySignature } from './core/signature.js'
export type { Refusal, TrailKnowledge, TrailSettings, TrailStatus } from './core/trail-knowledge.js'
export { type FailedShard, type MergeOptions, mergeShards } from './engine/merge-shards.js'
export type { StartedAs } from './engine/options.js'
export {
  bordersOfPlan,
  type PlannedChain,
  type PlannedMonth,
  type PlannedObjects,
  type PlannedScope,
  planTrail,
  type TrailPlan,
} from './engine/plan-trail.js'
export type { ShardRequest } from './engine/shard.js'
export type { ShardReport } from './engine/split-scopes.js'
export { type Progress, type VerifyTrailOptions, verifyTrail } from './engine/verify-trail.js'
export { type ErrorCode, VerifyTrailError } from './errors.js'
export { readPublicKeyFile } from './keys/key-file.js'
export type { KeyAnswer, KeyQuery, PublicKeySource } from './keys/key-source.js'
export { asffReport } from './reports/asff.js'
export { type ChainHours, type ComparedReport, ReportComparison, type ReportDifference } from './reports/compare-reports.js'
export { coverageCsv, findingsCsv } from './reports/csv.js'
export { emfReport } from './reports/emf.js'
export { escapeTerminal } from './reports/escape.js'
export { htmlReport } from './reports/html.js'
export { jsonReport } from './reports/json.js'
export { junitReport } from './reports/junit.js'
export { ndjsonReport } from './reports/ndjson.js'
export { ocsfReport } from './reports/ocsf.js'
export { prometheusReport } from './reports/prometheus.js'
export { readReport } from './reports/read-report.js'
export type { ReportWriter } from './reports/report.js'
export { type TerminalReportOptions, terminalReport } from './reports/terminal.js'
export { type TextReportOptions, textReport } from './reports/text.js'
export { type ArchiveOptions, archiveSource } from './sources/archive.js'
export { directorySource } from './sources/directory.js'
export { type MemoryObject, type MemorySourceOptions, type MemoryVersion, memorySource } from './sources/memory.js'
export { type MetadataAnswer, type MetadataFile, type MetadataFileAnswer, parseMetadata } from './sources/metadata-file.js'
export {
  BodyError,
  type FolderListing,
  type ListedObject,
  type ListOptions,
  type NoSuchObject,
  type ObjectLock,
  type ObjectVersion,
  type ReadAnswer,
  type ReadObject,
  type ReadOptions,
  type Source,
  type SourceAddress,
  type UnlistedPart,
  type UnreadableObject,
  type VersionAnswer,
  type VersionHistory,
  type VersionListing,
} from './sources/source.js'
