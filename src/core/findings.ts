/**
 * The findings: what can be wrong with, or unknown about, a trail. Codes are stable; message texts are not.
 * `docs/findings.md` has a heading for each code, compared by a test.
 */

/** What is proven (`valid`), disproven (`invalid`), or neither (`unverified`). */
export type Verdict = 'valid' | 'invalid' | 'unverified'

/** A `note` changes no verdict. */
export type FindingVerdict = 'invalid' | 'unverified' | 'note'

/** Each code with the verdict it normally carries. */
export const FINDING_VERDICTS: Readonly<Record<FindingCode, FindingVerdict>> = {
  DIGEST_MISSING: 'invalid',
  DIGEST_UNREADABLE: 'unverified',
  DIGEST_OUT_OF_CHAIN: 'invalid',
  DIGEST_MOVED: 'invalid',
  DIGEST_MALFORMED: 'invalid',
  DIGEST_TRAILING_DATA: 'invalid',
  DIGEST_KEY_UNKNOWN: 'unverified',
  DIGEST_KEY_MISMATCH: 'unverified',
  DIGEST_SIGNATURE_MISSING: 'unverified',
  DIGEST_SIGNATURE_INVALID: 'invalid',
  DIGEST_KEY_OUTSIDE_VALIDITY: 'unverified',
  DIGEST_METADATA_MISMATCH: 'invalid',
  DIGEST_LINK_BROKEN: 'invalid',
  LOG_FILE_MISSING: 'invalid',
  LOG_FILE_UNREADABLE: 'unverified',
  LOG_FILE_ALGORITHM_UNSUPPORTED: 'unverified',
  LOG_FILE_MALFORMED: 'invalid',
  LOG_FILE_TRAILING_DATA: 'invalid',
  LOG_FILE_TOO_LARGE: 'unverified',
  LOG_FILE_MODIFIED: 'invalid',
  LOG_FILE_CONFLICTING: 'invalid',
  LOG_FILE_CLAIM_UNTRUSTED: 'unverified',
  LOG_FILE_UNLISTED: 'invalid',
  LOG_FILE_PENDING: 'note',
  LOG_FILE_UNCOVERED: 'unverified',
  COVERAGE_GAP: 'unverified',
}

/** All codes. */
export type FindingCode = keyof FindingFields

/** Why an object, a listing or a key could not be looked at. Never a statement about the object itself. */
export type UnreadableReason =
  | 'access-denied'
  | 'archived'
  | 'kms'
  | 'throttled'
  | 'network'
  | 'io'
  | 'no-such-bucket'
  | 'bucket-not-given'
  | 'link'
  | 'unsafe-name'
  | 'altered-in-transfer'
  | 'too-large'
  /** In an archive: several members have this name, and tools differ in which they take. */
  | 'duplicate-name'
  /** In an archive: it ends, or its structure does, before this could be read; or this is not what was put in. */
  | 'damaged-archive'
  /** In an archive: a sparse, encrypted or otherwise stored member that is not read. */
  | 'unsupported-member'

/** Why hours of the range are not covered by a chain. */
export type GapReason =
  | 'chain-restarted'
  | 'logging-stopped'
  | 'digests-missing'
  | 'digest-invalid'
  | 'before-first'
  | 'after-last'
  | 'too-recent'
  | 'not-found'

/** Why a gap is accepted, and who accepted it. */
export interface Acceptance {
  readonly reason: string
  readonly by: string
}

/** An event that explains a gap, from a log file whose hash a valid digest proves. Much of it is the caller's own text: escape it. */
export interface GapEvent {
  readonly eventName: string
  readonly eventTime: string
  readonly eventSource: string
  readonly eventId: string | null
  /** Who: the ARN of the identity, else the service that it was done for. */
  readonly userArn: string | null
  readonly sourceIpAddress: string | null
  /** What it was done to: a trail's name or ARN, a bucket, or `s3://bucket/key`. */
  readonly target: string
  /** `s3://bucket/key` of the log file, and the hash that its bytes have and a valid digest lists. */
  readonly logFile: string
  readonly sha256: string
}

/**
 * What a bucket still has of an object that is missing or was changed. It changes no verdict: an intact old version does not make
 * the current one valid.
 */
export interface ObjectVersions {
  /** `s3://bucket/key` whose versions these are. */
  readonly object: string
  /** How many versions beside the current one were read and measured. 0 also where none is kept. */
  readonly searched: number
  /** False where an intact version may be among those that were not. */
  readonly complete: boolean
  /** Why some could not be looked at. */
  readonly reason?: UnreadableReason
  /** The version whose content has the hash that a valid digest gives, and what keeps it from being deleted. */
  readonly intact: {
    readonly versionId: string
    readonly lastModified: string
    readonly retainUntil: string | null
    readonly legalHold: boolean
  } | null
  /** What came after it; where none is intact, the current one. */
  readonly replacedBy: {
    readonly kind: 'delete-marker' | 'version'
    readonly versionId: string
    readonly lastModified: string
  } | null
}

/** Of what is missing or was changed, where the source keeps versions: what it still has. */
export interface Lost {
  readonly versions?: ObjectVersions
}

/** What a digest's word is worth. */
export interface DigestProof {
  /** `s3://bucket/key` of the digest. */
  readonly object: string
  /** Lower-case hex SHA-256 of its inflated bytes. */
  readonly sha256: string
  /** Of the key that it names; who has the key is in `publicKeys`. */
  readonly fingerprint: string
  /** Where the signature that verifies was found: in its own metadata, or in the next digest. Null: none does. */
  readonly signatureFrom: 'metadata' | 'successor' | null
}

/** Of a log file that digests list: what each of the first five of them is worth. */
export interface Listed {
  readonly digests?: readonly DigestProof[]
}

/** Which chain: CloudTrail's own words. Bucket and prefix are no part of it: a trail may change both. */
export interface ChainId {
  readonly organizationId: string | null
  readonly accountId: string
  /** The region whose events the digests are about (the *source region*). */
  readonly region: string
  readonly trail: string
  readonly homeRegion: string
  readonly kind: 'standard' | 'backfill'
}

/** The fields that prove each finding, by code. All strings that come from a store are attacker-chosen: escape them. */
export interface FindingFields {
  /** `linkedFrom`: the valid digest whose previousDigestS3Object names it. */
  readonly DIGEST_MISSING: Lost & { readonly linkedFrom: string }
  readonly DIGEST_UNREADABLE: { readonly reason: UnreadableReason; readonly detail?: string }
  readonly DIGEST_OUT_OF_CHAIN: { readonly reason: 'name' | 'date' | 'not-linked' }
  /** `named`: where the body says it was delivered, as `s3://bucket/key`. */
  readonly DIGEST_MOVED: Lost & { readonly named: string }
  readonly DIGEST_MALFORMED: Lost & { readonly reason: string }
  /** `offset`: where the gzip member ends; `bytes`: how many follow it (at least). */
  readonly DIGEST_TRAILING_DATA: Lost & { readonly offset: number; readonly bytes: number }
  readonly DIGEST_KEY_UNKNOWN: { readonly fingerprint: string; readonly reason?: string }
  readonly DIGEST_KEY_MISMATCH: { readonly fingerprint: string; readonly reason: string }
  readonly DIGEST_SIGNATURE_MISSING: { readonly fingerprint: string }
  readonly DIGEST_SIGNATURE_INVALID: Lost & {
    readonly fingerprint: string
    readonly signatures: readonly ('metadata' | 'successor')[]
  }
  readonly DIGEST_KEY_OUTSIDE_VALIDITY: { readonly fingerprint: string; readonly validityEndTime: string }
  readonly DIGEST_METADATA_MISMATCH: {
    readonly reason: 'signature' | 'signature-algorithm' | 'backfill-generation-timestamp'
    readonly found: string
  }
  readonly DIGEST_LINK_BROKEN: Lost & {
    readonly reason: 'hash' | 'signature' | 'skips' | 'other-chain'
    readonly previous: string
    readonly expected?: string
    readonly found?: string
  }
  readonly LOG_FILE_MISSING: Lost & Listed & { readonly expected: string; readonly listedBy: readonly string[] }
  readonly LOG_FILE_UNREADABLE: { readonly reason: UnreadableReason; readonly detail?: string }
  readonly LOG_FILE_ALGORITHM_UNSUPPORTED: { readonly hashAlgorithm: string }
  readonly LOG_FILE_MALFORMED: Lost & { readonly reason: string }
  readonly LOG_FILE_TRAILING_DATA: Lost & { readonly offset: number; readonly bytes: number }
  readonly LOG_FILE_TOO_LARGE: { readonly limit: number }
  readonly LOG_FILE_MODIFIED: Lost &
    Listed & {
      readonly expected: string
      readonly found: string
      readonly listedBy: readonly string[]
    }
  readonly LOG_FILE_CONFLICTING: Listed & {
    readonly claims: readonly { readonly digest: string; readonly expected: string }[]
    readonly found: string | null
  }
  readonly LOG_FILE_CLAIM_UNTRUSTED: Listed & {
    readonly expected: string
    /** The hash of what is there; `null` where nothing could be hashed (see `reason`). */
    readonly found: string | null
    readonly listedBy: readonly string[]
    readonly reason: 'digest-unverified' | 'digest-invalid'
    readonly detail?: string
  }
  readonly LOG_FILE_UNLISTED: { readonly reason: 'not-listed' | 'name'; readonly mayBeBackfilled?: true }
  readonly LOG_FILE_PENDING: { readonly reason: 'too-recent' | 'digest-unproven' }
  readonly LOG_FILE_UNCOVERED: {
    readonly reason:
      | 'not-covered'
      | 'no-chain'
      | 'family-not-digested'
      | 'backfill-unproven'
      | 'digests-unseen'
      | 'unvalidated-trails'
  }
  /** `trail` … `kind` are null where no chain is known (`not-found`). Half-open: [startTime, endTime). */
  readonly COVERAGE_GAP: {
    /** Only where the operator accepts the gap: its verdict is then `note`. */
    readonly accepted?: Acceptance
    readonly reason: GapReason
    readonly startTime: string
    readonly endTime: string
    readonly trail: string | null
    readonly homeRegion: string | null
    /** On this trail or its bucket, around where the gap begins and ends, in order of time. Absent: not searched. */
    readonly events?: readonly GapEvent[]
    /** How many proven log files were searched for them, and whether these are all that there are. */
    readonly searched?: { readonly logFiles: number; readonly complete: boolean }
    /** Where a chain ends: what a store that keeps versions has of the digest that would have followed. */
    readonly versions?: ObjectVersions
  }
}

/** What all findings have. Names come out of a bucket: escape them. */
export interface FindingHead<C extends FindingCode> {
  /** `gap` for COVERAGE_GAP, `finding` for all others. */
  readonly kind: C extends 'COVERAGE_GAP' ? 'gap' : 'finding'
  readonly code: C
  readonly verdict: FindingVerdict
  /** `s3://bucket/key` of the original place where known; for a gap the chain's digest folder. */
  readonly object: string
  readonly organizationId: string | null
  readonly accountId: string | null
  readonly region: string | null
  /** The time that the object's name or body gives, ISO 8601 UTC; null where it gives none. */
  readonly time: string | null
}

/** A finding of one code, with that code's own fields. */
export type FindingOf<C extends FindingCode> = { readonly [K in C]: FindingHead<K> & FindingFields[K] }[C]

/** Any finding but a gap. */
export type Finding = FindingOf<Exclude<FindingCode, 'COVERAGE_GAP'>>

/** Hours of the range that a chain does not cover: the finding COVERAGE_GAP. */
export type Gap = FindingOf<'COVERAGE_GAP'>
