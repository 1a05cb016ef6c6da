/** The forms of a report, and which name of a file asks for which. */
import type { Writable } from 'node:stream'
import { asffReport } from './asff.js'
import { coverageCsv, findingsCsv } from './csv.js'
import { emfReport } from './emf.js'
import { htmlReport } from './html.js'
import { jsonReport } from './json.js'
import { junitReport } from './junit.js'
import { ndjsonReport } from './ndjson.js'
import { ocsfReport } from './ocsf.js'
import { prometheusReport } from './prometheus.js'
import type { ReportWriter } from './report.js'
import { type TextReportOptions, textReport } from './text.js'

export type ReportForm =
  | 'text'
  | 'json'
  | 'ndjson'
  | 'html'
  | 'csv'
  | 'coverage-csv'
  | 'junit'
  | 'ocsf'
  | 'asff'
  | 'prometheus'
  | 'emf'
  | 'hashdeep'

/** The endings of file names that ask for each form. Where several fit, the longest decides: `coverage.csv` is no `.csv`. */
export const FORM_ENDINGS: Readonly<Record<ReportForm, readonly string[]>> = {
  text: ['.txt'],
  json: ['.json'],
  ndjson: ['.ndjson', '.jsonl'],
  html: ['.html', '.htm'],
  csv: ['.csv'],
  'coverage-csv': ['coverage.csv'],
  junit: ['.xml'],
  ocsf: ['.ocsf.ndjson'],
  asff: ['.asff.json'],
  prometheus: ['.prom'],
  emf: ['.emf.json'],
  hashdeep: ['.hashdeep'],
}

/** All forms, by name. */
export const REPORT_FORMS: readonly ReportForm[] = Object.keys(FORM_ENDINGS).filter(isReportForm)

/** The forms that are made from results. `hashdeep` lists what is read while there is a run, and is in no report. */
export type ResultForm = Exclude<ReportForm, 'hashdeep'>

export const RESULT_FORMS: readonly ResultForm[] = REPORT_FORMS.filter((form) => form !== 'hashdeep')

export function isReportForm(name: string): name is ReportForm {
  return Object.hasOwn(FORM_ENDINGS, name)
}

/** The form that a file's name asks for; undefined where it asks for none. A name that is nothing but an extension asks for none. */
export function formOfName(name: string): ReportForm | undefined {
  const lower = name.toLowerCase()
  let found: { readonly form: ReportForm; readonly length: number } | undefined
  for (const form of REPORT_FORMS) {
    for (const ending of FORM_ENDINGS[form]) {
      const fits = lower.endsWith(ending) && !(ending.startsWith('.') && lower === ending)
      if (fits && ending.length > (found?.length ?? 0)) found = { form, length: ending.length }
    }
  }
  return found?.form
}

/** A writer of the form. `options` are of the text alone. */
export function reportWriter(form: ResultForm, stream: Writable, options: TextReportOptions = {}): ReportWriter {
  switch (form) {
    case 'text':
      return textReport(stream, options)
    case 'json':
      return jsonReport(stream)
    case 'ndjson':
      return ndjsonReport(stream)
    case 'html':
      return htmlReport(stream)
    case 'csv':
      return findingsCsv(stream)
    case 'coverage-csv':
      return coverageCsv(stream)
    case 'junit':
      return junitReport(stream)
    case 'ocsf':
      return ocsfReport(stream)
    case 'asff':
      return asffReport(stream)
    case 'prometheus':
      return prometheusReport(stream)
    case 'emf':
      return emfReport(stream)
  }
}
