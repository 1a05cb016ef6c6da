import type { Writable } from 'node:stream'
import type { Finding, FindingVerdict, Gap } from '../core/findings.js'
import type { Summary } from '../core/results.js'
import { findingIdentity } from './finding-identity.js'
import { findingFacts } from './finding-lines.js'
import { bucketAndKey } from './finding-place.js'
import { findingsReport } from './findings-report.js'
import { MEANINGS } from './meanings.js'
import type { ReportWriter } from './report.js'
import { stableJson } from './stable-json.js'

/** The parts of AWS's `AwsSecurityFinding` that are written. The sizes are those that BatchImportFindings takes. */
export interface AsffFinding {
  SchemaVersion: '2018-10-08'
  Id: string
  ProductArn: string
  ProductName: string
  CompanyName: string
  GeneratorId: string
  AwsAccountId: string
  Region: string
  Types: string[]
  CreatedAt: string
  UpdatedAt: string
  Severity: { Label: 'HIGH' | 'MEDIUM' | 'INFORMATIONAL'; Original: FindingVerdict }
  Title: string
  Description: string
  ProductFields: Record<string, string>
  Resources: { Type: 'AwsS3Object' | 'Other'; Id: string; Partition: 'aws' | 'aws-cn' | 'aws-us-gov'; Region: string }[]
  RecordState: 'ACTIVE'
}

const SEVERITIES = { invalid: 'HIGH', unverified: 'MEDIUM', note: 'INFORMATIONAL' } as const
const TITLE = 256
const DESCRIPTION = 1024
const FIELD = 2048
const RESOURCE = 512

/**
 * A JSON array of findings in the AWS Security Finding Format, for `aws securityhub batch-import-findings`, which takes 100 at a
 * time, of the calling account. Left out are findings of which no account or no region is known: Security Hub takes none.
 */
export function asffReport(stream: Writable): ReportWriter {
  return findingsReport(stream, {
    before: '[',
    separator: ',\n',
    after: ']\n',
    finding: (finding, summary) => {
      const asff = asffFinding(finding, summary)
      return asff === null ? null : stableJson(asff)
    },
  })
}

/** One finding in the AWS Security Finding Format; null where its account or region is not known. */
export function asffFinding(finding: Finding | Gap, summary: Summary): AsffFinding | null {
  const { code, verdict, accountId, region } = finding
  if (accountId === null || region === null) return null
  const partition = partitionOf(region)
  const { finishedAt } = summary.run
  const id = findingIdentity(finding)
  return {
    SchemaVersion: '2018-10-08',
    Id: `verify-trail/${region}/${accountId}/${id}`,
    ProductArn: `arn:${partition}:securityhub:${region}:${accountId}:product/${accountId}/default`,
    ProductName: 'verify-trail',
    CompanyName: 'verify-trail',
    GeneratorId: `verify-trail/${code}`,
    AwsAccountId: accountId,
    Region: region,
    Types: [
      verdict === 'invalid'
        ? 'TTPs/Defense Evasion/CloudTrail integrity'
        : 'Software and Configuration Checks/CloudTrail integrity',
    ],
    CreatedAt: finishedAt,
    UpdatedAt: finishedAt,
    Severity: { Label: SEVERITIES[verdict], Original: verdict },
    Title: cut(`CloudTrail ${code}: ${MEANINGS[code]}`, TITLE),
    Description: cut(
      [finding.object, ...findingFacts(finding).map(([label, value]) => `${label}: ${value}`)].join('\n'),
      DESCRIPTION,
    ),
    ProductFields: productFields(finding),
    Resources: [{ ...resource(finding, partition), Partition: partition, Region: region }],
    RecordState: 'ACTIVE',
  }
}

/** The fields of the code, as text. */
function productFields(finding: Finding | Gap): Record<string, string> {
  const { kind: _, ...fields } = finding
  const known = Object.entries(fields).filter(([, value]) => value !== null)
  return Object.fromEntries(
    known.map(([name, value]) => [
      `verify-trail/${name}`,
      cut(typeof value === 'string' ? value : stableJson(Object(value)), FIELD),
    ]),
  )
}

function resource(finding: Finding | Gap, partition: string): { Type: 'AwsS3Object' | 'Other'; Id: string } {
  const place = finding.kind === 'gap' ? null : bucketAndKey(finding.object)
  if (place === null) return { Type: 'Other', Id: cut(finding.object, RESOURCE) }
  return { Type: 'AwsS3Object', Id: cut(`arn:${partition}:s3:::${place.bucket}/${place.key}`, RESOURCE) }
}

function partitionOf(region: string): 'aws' | 'aws-cn' | 'aws-us-gov' {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
