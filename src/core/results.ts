/** What a run yields, in order. Every field is a fact that was found; nothing here computes a verdict. */
import type { MetadataOrigin } from './digest-metadata.js'
import type { AcceptedGap, Expectation } from './expectations.js'
import type { Acceptance, ChainId, Finding, FindingCode, Gap, GapReason, Verdict } from './findings.js'
import type { TrailKnowledge } from './trail-knowledge.js'

/** One digest file that was judged. */
export interface DigestResult {
  readonly kind: 'digest'
  readonly verdict: Verdict
  /** `s3://bucket/key`: the original place where known, else where it was found. Attacker-chosen text. */
  readonly object: string
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string
  readonly trail: string
  readonly homeRegion: string
  readonly chainKind: 'standard' | 'backfill'
  /** ISO 8601 UTC. From the body where it could be read; `startTime` is null otherwise. */
  readonly startTime: string | null
  readonly endTime: string
  /** A starting digest proves the files it lists, never its hour. */
  readonly starting: boolean
  readonly fingerprint: string | null
  /** Lower-case hex SHA-256 of the inflated bytes; null where they could not be read. */
  readonly sha256: string | null
  /** Where the signature that proves it came from; null where nothing proves it. */
  readonly signatureFrom: 'metadata' | 'successor' | null
  /** Where its metadata came from; absent where it has none. */
  readonly metadataFrom?: MetadataOrigin
  /** How many log files it lists. */
  readonly logFiles: number
  /** The codes of the findings about it, which follow as results of their own. */
  readonly findings: readonly FindingCode[]
}

/**
 * `valid`: its hash is that of a valid digest. `invalid`: it is not. `missing`: a read answered that it is not there. `unverified`: it could not be looked at, or only
 * unproven digests list it. No digest lists it: `unlisted` where one would have to, `uncovered` where none speaks for its time, `pending` where one may still come.
 */
export type LogFileStatus = 'valid' | 'invalid' | 'unverified' | 'missing' | 'unlisted' | 'uncovered' | 'pending'

/** One log file that was judged. */
export interface LogFileResult {
  readonly kind: 'log-file'
  /** `pending` log files are `unverified` here and change no verdict of the run. */
  readonly verdict: Verdict
  readonly status: LogFileStatus
  readonly object: string
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string | null
  /** ISO 8601 UTC, from the name. */
  readonly time: string | null
  /** `s3://bucket/key` of the digests that list it. */
  readonly listedBy: readonly string[]
  /** Hex SHA-256 of the inflated bytes: as listed, and as found. */
  readonly expected: string | null
  readonly found: string | null
  /** Compressed and inflated sizes in bytes of what was read; 0 where it was not read. */
  readonly bytesRead: number
  readonly bytesInflated: number
  readonly findings: readonly FindingCode[]
}

/**
 * Whole days of an account and region that earlier runs with the same state found to be valid, and of which the store lists what it listed
 * then: they were not read again, and have no results of their own. Before the results of its log files.
 */
export interface CarriedOverResult {
  readonly kind: 'carried-over'
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string
  /** All of them valid. */
  readonly digests: number
  readonly logFiles: number
  /** Of these log files, in bytes. */
  readonly bytesRead: number
  readonly bytesInflated: number
}

/** Half-open [startTime, endTime), ISO 8601 UTC. `reason` is null where `verdict` is valid. */
export interface CoverageInterval {
  readonly startTime: string
  readonly endTime: string
  readonly verdict: Verdict
  readonly reason: GapReason | null
  /** A gap that the operator accepts. It is not proven all the same: `verdict` is unverified. */
  readonly accepted?: Acceptance
}

/** How many digest files were judged, and how. */
export interface DigestCounts {
  /** Judged digest objects: valid + invalid + unverified. */
  found: number
  valid: number
  /** Includes `outOfChain`. */
  invalid: number
  unverified: number
  /** Linked to by a valid digest and not there; not part of `found`. */
  missing: number
  outOfChain: number
}

/** How many log files were judged, and how. `unlisted`, `uncovered` and `pending` ones are in no digest, and so not among `listed`. */
export interface LogFileCounts {
  /** valid + invalid + unverified + missing. */
  listed: number
  valid: number
  invalid: number
  unverified: number
  missing: number
  unlisted: number
  uncovered: number
  pending: number
}

/** One chain of the run. */
export interface ChainSummary {
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string
  readonly trail: string
  readonly homeRegion: string
  readonly kind: 'standard' | 'backfill'
  readonly verdict: Verdict
  /** The range that was asked of this chain, ISO 8601 UTC. */
  readonly startTime: string
  readonly endTime: string
  readonly digests: Readonly<DigestCounts>
  /** Log files that valid digests of this chain list. A log file that two chains list counts in both. */
  readonly logFiles: Readonly<LogFileCounts>
  /** Whole range in order, without holes. Empty for backfill chains. */
  readonly coverage: readonly CoverageInterval[]
  /** The newest valid digest that was judged: what the chain is proven up to. `sha256` is that of its inflated bytes. */
  readonly newestDigest: { readonly object: string; readonly endTime: string; readonly sha256: string } | null
}

/** A public key that proved digests. Who does not trust its `origin` has no proof. */
export interface PublicKeyUse {
  readonly fingerprint: string
  /** Hex SHA-256 of the key's bytes. */
  readonly sha256: string
  readonly validityStartTime: string | null
  readonly validityEndTime: string | null
  /** Where the key came from, as a sentence fragment: a file name, `CloudTrail ListPublicKeys us-east-1`. */
  readonly origin: string
  /** Asked of CloudTrail itself. False: trusted as given; from the same hands as the trail it would prove nothing. */
  readonly independent: boolean
  /** How many judged digests were proven with it. */
  readonly digests: number
}

/** What a run took over from earlier ones, and how it hangs together with them. */
export interface StateUse {
  /** Counted from 1: how many runs were begun with this state, this one included. */
  readonly number: number
  /** Hex SHA-256 of the JSON report file that the run before wrote first; null where there is none. */
  readonly previousReportSha256: string | null
  readonly carriedOver: CarriedOver
  /** Whether a key protects the state. Without one, whoever can write the file can have it say anything. */
  readonly keyed: boolean
  /** The share of what could be carried over that was read again, and what it was drawn with. */
  readonly recheck: { readonly share: number; readonly seed: string } | null
}

/** Objects that are as the store listed them when an earlier run read them, and were not read again. */
export interface CarriedOver {
  readonly digests: number
  readonly logFiles: number
  /** Bytes as stored. */
  readonly bytes: number
  /** When the runs began that read them. */
  readonly oldestRead: string | null
  readonly newestRead: string | null
}

/** What the operator expected of the run, and accepted. */
export interface ExpectationsUse {
  readonly expect: readonly Expectation[]
  /** `gaps`: how many it was applied to. */
  readonly accept: readonly (AcceptedGap & { readonly gaps: number })[]
}

/**
 * What a shard says of an account and region whose log files are split over shards by months. Each of these shards judges all digests, so
 * that what one says of them, the others say too.
 */
export interface SplitScope {
  /** `organization/account/region` */
  readonly name: string
  /** The log files in the folders of these months, `YYYY-MM`, half-open. Null: no limit; without `from` also those in no month's folder. */
  readonly from: string | null
  readonly to: string | null
  /** Hex SHA-256 of all that is said of digests. */
  readonly digestsSha256: string
  /** How many findings and gaps there are about digests, and then about log files. */
  readonly findings: { readonly digests: number; readonly logFiles: number }
  /** How much of what the whole shard counts and lists is said of these digests. */
  readonly digests: Readonly<DigestCounts>
  readonly chains: number
  readonly known: number
  readonly trails: number
  readonly notChecked: number
  /** How many of them each public key proved. */
  readonly keys: readonly Pick<PublicKeyUse, 'fingerprint' | 'digests'>[]
  readonly metadataFrom: { readonly [O in MetadataOrigin]?: number }
  /** Entries of `accept`, once for each gap that they are applied to. */
  readonly accepted: readonly number[]
  /** With a state: what of these digests was carried over. */
  readonly carriedOver?: Pick<CarriedOver, 'digests' | 'bytes'>
}

/** Of a run that is split by account, region and month: which part this is, and what `mergeShards` must know of it. */
export interface ShardPart {
  /** From 1. */
  readonly index: number
  readonly of: number
  /** Hex SHA-256 of all that was asked: equal for all shards of a run. */
  readonly request: string
  /** Where each shard but the first begins, as `organization/account/region[/YYYY-MM]`: equal for all shards of a run. */
  readonly borders: readonly string[]
  /** The first and the last of its accounts and regions, where other shards have other months of them. */
  readonly split: readonly SplitScope[]
  /** How many accounts and regions there are, the hex SHA-256 of their names, and how many of them this shard verified, or some months of them. */
  readonly scopes: { readonly found: number; readonly sha256: string; readonly verified: number }
  /** ISO 8601 UTC: what the run takes as now, the default end of its range, and an export's newest valid digestEndTime. */
  readonly now: string
  readonly defaultEnd: string | null
  readonly newestValid: string | null
  /** What gaps of no chain are about. */
  readonly object: string
  readonly homeRegion: string | null
  /** The standard chains that have a valid digest, asked for or not, and the hours that are judged of each. */
  readonly known: readonly KnownHours[]
  /** Trails with a digest in the range. */
  readonly trails: readonly { readonly accountId: string; readonly region: string | null; readonly trail: string }[]
  readonly keyRefusals: readonly string[]
  /** Digests beside which lies what should be their metadata and is none, and why. */
  readonly unusableMetadata: readonly (readonly [object: string, why: string])[]
  /** Files that were ignored, by source: before accounts and regions were looked at, and in all. */
  readonly ignored: readonly { readonly before: number; readonly all: number }[]
  readonly notChecked: { readonly first: readonly string[]; readonly scopes: readonly string[] }
}

/** Half-open [startTime, endTime), ISO 8601 UTC. */
export interface KnownHours extends ChainId {
  readonly startTime: string
  readonly endTime: string
}

/** An archive that was verified, as it was given: compressed or not. */
export interface ArchiveIdentity {
  readonly name: string
  /** As far as it was read. */
  readonly bytes: number
  /** Hex; null of a pipe that could not be read to its end. */
  readonly sha256: string | null
}

/** The last result of every run: the report but for its list of findings. */
export interface Summary {
  readonly kind: 'summary'
  readonly schemaVersion: 1
  readonly tool: { readonly name: 'verify-trail'; readonly version: string }
  readonly verdict: Verdict
  readonly request: {
    readonly startTime: string | null
    readonly endTime: string | null
    readonly accountIds: readonly string[]
    readonly regions: readonly string[]
    readonly trails: readonly string[]
  }
  /** All that may differ between two runs over equal input. */
  readonly run: {
    readonly startedAt: string
    readonly finishedAt: string
    readonly sources: readonly string[]
    /** Only where sources are archives and were read to their end. */
    readonly archives?: readonly ArchiveIdentity[]
    readonly node: string
    /** As it was given; null where the library was called. */
    readonly commandLine: readonly string[] | null
    /** Hex SHA-256 over the names and bytes of the tool's own files; null where the library was called. */
    readonly packageSha256: string | null
    /** How many judged digests had their metadata from where. */
    readonly metadataFrom?: { readonly [O in MetadataOrigin]?: number }
    readonly interrupted: boolean
    /** Only where the run had a state: what it took from there. */
    readonly state?: StateUse
    /** The run was stopped because two opinions on one thing differ (`doubleCheck`): what it was. */
    readonly disagreement?: string
  }
  readonly summary: {
    /** "valid from startTime to endTime": the latest start and the earliest end among the chains; null without chains. */
    readonly startTime: string | null
    readonly endTime: string | null
    readonly digests: Readonly<DigestCounts>
    readonly logFiles: Readonly<LogFileCounts>
    readonly bytes: { readonly read: number; readonly inflated: number }
    readonly chains: number
    /** How many findings of each code; codes that did not occur are absent. */
    readonly findings: { readonly [C in FindingCode]?: number }
  }
  readonly chains: readonly ChainSummary[]
  /** Only where this is one shard of a run: all else is said of its accounts and regions alone. */
  readonly shard?: ShardPart
  /** Only where expectations were given. */
  readonly expectations?: ExpectationsUse
  /** Only where CloudTrail was asked about a trail: what it said, or why it did not. */
  readonly trails?: readonly TrailKnowledge[]
  readonly publicKeys: readonly PublicKeyUse[]
  /** Plain sentences: what this run does not prove. May hold attacker-chosen names: escape. */
  readonly notChecked: readonly string[]
}

/** One result of a run. The summary is always last; a stream without one is not a finished run. */
export type Result = DigestResult | LogFileResult | CarriedOverResult | Finding | Gap | Summary
