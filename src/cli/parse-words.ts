/** What the command lines of all commands have in common. */
import { type Command, CommanderError } from 'commander'
import { VerifyTrailError } from '../errors.js'
import { insteadOf } from './aws-cli-flags.js'

/** Help or version: printed, and done. */
export interface PrintCommand {
  readonly command: 'print'
  readonly text: string
}

/** The text of `--help` or `--version` where that was asked for. */
export function parseWords(command: Command, words: readonly string[]): string | undefined {
  const printed: string[] = []
  try {
    parseQuietly(command, words, (text) => printed.push(text))
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return printed.join('')
    const [, flag] = (error.code === 'commander.unknownOption' && /'(--[^'=]*)/.exec(error.message)) || []
    const instead = flag === undefined ? undefined : insteadOf(flag)
    throw usageError(instead ?? error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
  return undefined
}

/** Throws CommanderError, and writes nothing by itself. */
export function parseQuietly(command: Command, words: readonly string[], print: (text: string) => void = () => undefined): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: print, outputError: () => undefined })
    .parse(words, { from: 'user' })
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
