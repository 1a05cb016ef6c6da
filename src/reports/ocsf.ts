import type { Writable } from 'node:stream'
import type { Finding, FindingVerdict, Gap } from '../core/findings.js'
import type { Summary } from '../core/results.js'
import { parseTime } from '../core/time.js'
import { findingIdentity } from './finding-identity.js'
import { findingFacts } from './finding-lines.js'
import { findingsReport } from './findings-report.js'
import { MEANINGS } from './meanings.js'
import type { ReportWriter } from './report.js'
import { stableJson } from './stable-json.js'

/** The version of the OCSF schema that the records are of. */
export const OCSF_VERSION = '1.8.0'

const SEVERITIES: Readonly<Record<FindingVerdict, readonly [id: number, caption: string]>> = {
  invalid: [4, 'High'],
  unverified: [3, 'Medium'],
  note: [1, 'Informational'],
}

/** Detection Findings of the Open Cybersecurity Schema Framework (class 2004, profile `cloud`), one a line. */
export function ocsfReport(stream: Writable): ReportWriter {
  return findingsReport(stream, {
    before: '',
    separator: '',
    after: '',
    finding: (finding, summary) => `${stableJson(detectionFinding(finding, summary))}\n`,
  })
}

function detectionFinding(finding: Finding | Gap, summary: Summary): object {
  const { code, verdict, object, accountId, region, organizationId } = finding
  const [severityId, severity] = SEVERITIES[verdict]
  const uid = findingIdentity(finding)
  const { kind: _, ...unmapped } = finding
  return {
    activity_id: 1,
    activity_name: 'Create',
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2004,
    class_name: 'Detection Finding',
    type_uid: 200401,
    type_name: 'Detection Finding: Create',
    time: epoch(summary.run.finishedAt),
    ...occurrence(finding),
    severity_id: severityId,
    severity,
    status_id: 1,
    status: 'New',
    is_alert: verdict === 'invalid',
    message: `${code}: ${object}`,
    metadata: {
      version: OCSF_VERSION,
      profiles: ['cloud'],
      product: { name: 'verify-trail', vendor_name: 'verify-trail', version: summary.tool.version },
      log_name: 'AWS CloudTrail',
      event_code: code,
    },
    cloud: {
      provider: 'AWS',
      ...(region === null ? {} : { region }),
      ...(accountId === null ? {} : { account: { uid: accountId, type_id: 10, type: 'AWS Account' } }),
      ...(organizationId === null ? {} : { org: { uid: organizationId } }),
    },
    finding_info: {
      uid,
      title: `${code}: ${MEANINGS[code]}`,
      desc: findingFacts(finding)
        .map(([label, value]) => `${label}: ${value}`)
        .join('\n'),
      types: [code],
      analytic: { type_id: 1, type: 'Rule', name: code, uid: code },
    },
    resources: [{ uid: object, type: finding.kind === 'gap' ? 'CloudTrail digest chain' : 'S3 object' }],
    unmapped,
  }
}

/** When it was: a gap's hours, else the time that the object's name gives. */
function occurrence(finding: Finding | Gap): object {
  if (finding.kind === 'gap') return { start_time: epoch(finding.startTime), end_time: epoch(finding.endTime) }
  return finding.time === null ? {} : { start_time: epoch(finding.time), end_time: epoch(finding.time) }
}

function epoch(time: string): number {
  return parseTime(time) ?? 0
}
