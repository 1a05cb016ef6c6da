/** Every option has its variable: `VERIFY_TRAIL_START_TIME` for `--start-time`. What is set so comes before the words that were typed. */
import { type Command, CommanderError, type Option } from 'commander'
import { VerifyTrailError } from '../errors.js'
import { parseQuietly, usageError } from './parse-words.js'
import { didYouMean } from './suggestion.js'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'VERIFY_TRAIL_'
/** Variables that are no option. */
const OTHERS = ['VERIFY_TRAIL_REDIS_PASSWORD']
const ON = /^(?:1|true|yes|on)$/i
const OFF = /^(?:0|false|no|off)$/i

/** The commands that write something other than reports with `-o`: a variable for all of them would have one overwrite the other's. */
const OWN_OUTPUT: ReadonlySet<string> = new Set(['attest', 'export', 'keys', 'plan'])

/** The variable of an option; undefined for `--help` and `--version`. */
export function variableOf(command: string, { long }: Option): string | undefined {
  if (typeof long !== 'string' || long === '--version') return undefined
  const name = long.slice(2).toUpperCase().replaceAll('-', '_')
  return name === 'OUTPUT' && OWN_OUTPUT.has(command) ? `${PREFIX}${command.toUpperCase()}_${name}` : PREFIX + name
}

/** The words for what the environment sets and the command line does not. Throws `ERR_INVALID_OPTION` with a sentence for the user. */
export function wordsOfEnvironment(
  name: string,
  make: () => Command,
  typed: readonly string[],
  environment: Environment,
): readonly string[] {
  const command = make()
  const set = command.options.flatMap((option) => {
    const variable = variableOf(name, option)
    const value = variable === undefined ? undefined : environment[variable]
    return variable === undefined || value === undefined || value === '' ? [] : [{ option, variable, value }]
  })
  // What is wrong with the words themselves, or asks for help, is seen to when they are parsed.
  if (set.length === 0 || failure(command, typed) !== undefined) return []
  return set.flatMap(({ option, variable, value }) => {
    if (command.getOptionValueSource(option.attributeName()) === 'cli') return []
    const words = wordsOf(option, variable, value)
    const wrong = failure(make(), words)
    if (wrong !== undefined) throw usageError(`${variable}: ${wrong.message.replace(/^error: /, '')}`)
    // What was typed wins over what excludes it.
    return failure(make(), [...words, ...typed])?.code === 'commander.conflictingOption' ? [] : words
  })
}

/** Throws `ERR_INVALID_OPTION` where a variable is nearly an option's: what was meant by it would not be done. Others are none of ours. */
export function checkVariables(commands: ReadonlyMap<string, () => Command>, environment: Environment): void {
  const names = Object.keys(environment).filter((name) => name.startsWith(PREFIX))
  if (names.length === 0) return
  const all = [...commands].flatMap(([name, make]) => make().options.map((option) => variableOf(name, option)))
  const known = new Set([...OTHERS, ...all.filter((name) => name !== undefined)].map(withoutPrefix))
  for (const name of names.map(withoutPrefix)) {
    const meant = known.has(name) ? '' : didYouMean(name, [...known])
    if (meant !== '') throw usageError(`${PREFIX}${name} in the environment is no option's${meant.replace("'", `'${PREFIX}`)}`)
  }
}

function withoutPrefix(name: string): string {
  return name.slice(PREFIX.length)
}

function wordsOf(option: Option, variable: string, value: string): string[] {
  const { long } = option
  if (option.required) return value.split('\n').flatMap((line) => (line === '' ? [] : [`${long}=${line}`]))
  if (ON.test(value)) return [`${long}`]
  if (OFF.test(value)) return []
  throw usageError(`${variable}: '${value}' is neither 1, true, yes, on, nor 0, false, no, off`)
}

function failure(command: Command, words: readonly string[]): CommanderError | undefined {
  try {
    parseQuietly(command, words)
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error
    if (error instanceof VerifyTrailError) return new CommanderError(2, error.code, error.message)
    throw error
  }
}
