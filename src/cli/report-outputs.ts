import type { Writable } from 'node:stream'
import type { Result, Summary } from '../core/results.js'
import type { ReadList } from '../evidence/read-list.js'
import { type ReportForm, type ResultForm, reportWriter } from '../reports/forms.js'
import { type ReportWriter, Sink } from '../reports/report.js'
import { terminalReport } from '../reports/terminal.js'
import { type Console, messageOf, say, showsColours, systemCode, terminalLook } from './console.js'
import type { ReportRequest } from './report-arguments.js'
import { WrittenFile } from './written-file.js'

/** One report on its way to stdout or to a file. */
interface ReportOutput {
  readonly name: string
  readonly writer: ReportWriter
  readonly form: ReportForm
  readonly file?: WrittenFile
}

/**
 * All reports of a run. One that cannot be written is given up with a sentence, and the others go on: what is said about a trail
 * must not hang on a full disk.
 */
export class ReportOutputs {
  readonly #console: Console
  readonly #onAllGone: () => void
  #open: ReportOutput[] = []
  /** Whether a report could not be written. */
  failed = false
  /** Paths of the JSON reports that are there. */
  readonly jsonReports: string[] = []

  private constructor(console: Console, onAllGone: () => void) {
    this.#console = console
    this.#onAllGone = onAllGone
  }

  /**
   * `onAllGone` is called when no report is left to write: the readers have gone away. `stdout`: what stands for the console's;
   * `readList`: where a list of what is read was asked for.
   */
  static async open(
    command: ReportRequest,
    console: Console,
    onAllGone: () => void,
    { stdout = console.stdout, readList }: { readonly stdout?: Writable; readonly readList?: ReadList | undefined } = {},
  ): Promise<ReportOutputs> {
    const outputs = new ReportOutputs(console, onAllGone)
    const { form: stdoutForm, verbose } = command
    if (stdoutForm !== null)
      outputs.#open.push({ name: 'stdout', form: stdoutForm, writer: writerFor(command, stdoutForm, console, stdout) })
    for (const { path, form } of command.outputs) {
      const writer = (stream: Writable): ReportWriter =>
        form === 'hashdeep' ? readListReport(stream, readList) : reportWriter(form, stream, { verbose })
      await outputs.#openFile(path, form, writer)
    }
    return outputs
  }

  /** Returns a promise only where a report asks to wait. */
  write(result: Result): void | Promise<void> {
    const waits: Promise<void>[] = []
    for (const output of this.#open) {
      const wait = output.writer.write(result)
      if (wait) waits.push(wait.catch((error: unknown) => this.#giveUp(output, error)))
    }
    if (waits.length > 0) return Promise.all(waits).then(() => undefined)
  }

  /** Completes the reports; files get their names. */
  async complete(): Promise<void> {
    for (const output of [...this.#open]) {
      try {
        await output.writer.end()
        await output.file?.commit()
        if (output.file !== undefined && output.form === 'json') this.jsonReports.push(output.file.path)
      } catch (error) {
        this.#giveUp(output, error)
      }
    }
  }

  /** What is written about each of the reports, once they are there. */
  async also(paths: readonly string[], write: (path: string) => Promise<void>): Promise<void> {
    for (const path of paths) {
      await write(path).catch((error: unknown) => {
        this.failed = true
        say(this.#console, `cannot seal ${path}: ${messageOf(error)}`)
      })
    }
  }

  /** After a run that broke off: what was printed stays, no file is left. */
  async discard(): Promise<void> {
    for (const { writer, file } of this.#open) {
      await Promise.resolve(writer.end()).catch(() => undefined)
      file?.discard()
    }
  }

  async #openFile(path: string, form: ReportForm, writer: (stream: Writable) => ReportWriter): Promise<void> {
    try {
      const file = await WrittenFile.create(path)
      this.#open.push({ name: path, form, writer: writer(file.stream), file })
    } catch (error) {
      this.failed = true
      say(this.#console, `the report ${path} will be missing: ${messageOf(error)}`)
    }
  }

  /** A reader that has gone away (`| head`) knows it: no sentence then. */
  #giveUp(output: ReportOutput, error: unknown): void {
    if (!this.#open.includes(output)) return
    this.#open = this.#open.filter((other) => other !== output)
    this.failed = true
    output.file?.discard()
    void Promise.resolve(output.writer.end()).catch(() => undefined)
    if (systemCode(error) !== 'EPIPE') say(this.#console, `cannot write the report to ${output.name}: ${messageOf(error)}`)
    if (this.#open.length === 0) this.#onAllGone()
  }
}

/** Someone who looks on gets what fits a screen, unless all or next to nothing was asked for; a pipe gets the whole. */
function writerFor({ verbose, quiet, color }: ReportRequest, form: ResultForm, console: Console, stdout: Writable): ReportWriter {
  const coloured = color && showsColours(console.stdout)
  const look = terminalLook(console)
  if (form !== 'text' || look === undefined || verbose || quiet) return reportWriter(form, stdout, { verbose, quiet, coloured })
  return terminalReport(stdout, { ...look, coloured })
}

/** What was read is known when all was: the run's end is where it is written. */
function readListReport(stream: Writable, list: ReadList | undefined): ReportWriter {
  const sink = new Sink(stream)
  let summary: Summary | undefined
  return {
    write(result) {
      if (result.kind === 'summary') summary = result
    },
    async end() {
      if (list !== undefined && summary !== undefined)
        for await (const chunk of list.chunks(remarksOn(summary))) await sink.write(chunk)
      await sink.end()
    },
  }
}

function remarksOn({ run }: Summary): string[] {
  const { digests = 0, logFiles = 0 } = run.state?.carriedOver ?? {}
  return [
    ...(run.interrupted ? ['The run was interrupted: not all was read'] : []),
    ...(digests + logFiles === 0 ? [] : [`${digests + logFiles} objects were read by earlier runs, and not again`]),
  ]
}
