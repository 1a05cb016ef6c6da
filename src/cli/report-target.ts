/** Which report file in which form: `-o FILE`, `-o FORM:FILE`, `--format FORM`. */
import { InvalidArgumentError } from 'commander'
import { VerifyTrailError } from '../errors.js'
import {
  FORM_ENDINGS,
  formOfName,
  isReportForm,
  REPORT_FORMS,
  RESULT_FORMS,
  type ReportForm,
  type ResultForm,
} from '../reports/forms.js'
import { didYouMean } from './suggestion.js'
import { plainValue } from './values.js'

/** A report file that was asked for. */
export interface ReportTarget {
  readonly path: string
  readonly form: ReportForm
}

/** A file as it was typed: the form where the name or a prefix says it. */
export interface NamedOutput {
  readonly path: string
  readonly form: ReportForm | undefined
}

/** What aws-cli's own --output takes. */
const OF_AWS_CLI = /^(?:json|text|table|yaml|yaml-stream)$/
const NAMES = REPORT_FORMS.join(', ')

/** `FILE` or `FORM:FILE`, once or more. A file whose name begins so is given as `./csv:file`. */
export function outputFiles(value: string, previous: readonly NamedOutput[] | undefined): NamedOutput[] {
  const given = plainValue(value)
  // One letter before a colon is a drive.
  const [, name, rest = ''] = /^([a-z-]{2,}):(.*)$/is.exec(given) ?? []
  const form = name === undefined ? undefined : reportForm(name)
  const path = form === undefined ? given : plainValue(rest)
  if (previous?.some((other) => other.path === path)) throw new InvalidArgumentError('It was given twice.')
  return [...(previous ?? []), { path, form: form ?? formOfName(fileName(path)) }]
}

export function reportForm(value: string): ReportForm {
  if (isReportForm(value)) return value
  throw new InvalidArgumentError(`The forms are ${NAMES}${didYouMean(value, REPORT_FORMS)}.`)
}

/** The files with their forms: `--format` is for one file, whatever its name. Throws `ERR_INVALID_OPTION`. */
export function reportTargets(files: readonly NamedOutput[], format: ReportForm | undefined): ReportTarget[] {
  if (format !== undefined && files.length !== 1)
    throw new VerifyTrailError('ERR_INVALID_OPTION', '--format goes with one -o FILE: for several there is -o FORM:FILE')
  return files.map(({ path, form = format }) => {
    if (form !== undefined) return { path, form: format ?? form }
    const endings = REPORT_FORMS.flatMap((each) => FORM_ENDINGS[each])
    throw new VerifyTrailError(
      'ERR_INVALID_OPTION',
      `the name '${path}' does not say its form: end it in ${endings.join(', ')}, or give FORM:FILE, of ${NAMES}${OF_AWS_CLI.test(path) ? `; for a report on stdout there is --json` : ''}`,
    )
  })
}

/** As `reportTargets`, where there are only results to make the files from. */
export function resultTargets(files: readonly NamedOutput[], format: ReportForm | undefined): ReportTarget[] {
  return reportTargets(files, format).map(({ path, form }) => ({ path, form: resultForm(form) }))
}

/** Throws `ERR_INVALID_OPTION` for what no report holds. */
export function resultForm(form: ReportForm): ResultForm {
  if (form !== 'hashdeep') return form
  throw new VerifyTrailError(
    'ERR_INVALID_OPTION',
    `hashdeep lists what a run reads, which is in no report: give it to the run itself. Here there is ${RESULT_FORMS.join(', ')}`,
  )
}

function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
