/** What the command lines of all commands have in common. */
import { type Command, CommanderError } from 'commander'
import { VerifyTrailError } from '../errors.js'

/** Help or version: printed, and done. */
export interface PrintCommand {
  readonly command: 'print'
  readonly text: string
}

/** The text of `--help` or `--version` where that was asked for. */
export function parseWords(command: Command, words: readonly string[]): string | undefined {
  let printed = ''
  command.exitOverride().configureOutput({
    writeOut: (out) => {
      printed += out
    },
    outputError: () => undefined,
  })
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return printed
    throw usageError(error.message.replace(/^error: /, ''))
  }
  return undefined
}

export function usageError(message: string): VerifyTrailError {
  return new VerifyTrailError('ERR_INVALID_OPTION', `${message} (see verify-trail --help)`)
}

export function checkSources(sources: readonly string[]): void {
  for (const [i, source] of sources.entries()) {
    if (source === '') throw usageError('a source is empty: give s3://bucket[/prefix] or the directory of an exported bucket')
    if (sources.indexOf(source) !== i) throw usageError(`the source '${source}' was given twice`)
  }
}
