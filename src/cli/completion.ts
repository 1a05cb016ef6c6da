/** What completes the command in a shell: a script for each, made from the options as they are parsed. */
import type { Command, Option } from 'commander'
import { REPORT_FORMS } from '../reports/forms.js'
import { ATTEST_ACTIONS } from './attest-arguments.js'
import { CLUSTER_ACTIONS } from './cluster-arguments.js'
import { SHELLS } from './command-options.js'

type Shell = (typeof SHELLS)[number]
type Commands = ReadonlyMap<string, () => Command>

/** What may stand first behind the name of a command. */
const FIRST: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['attest', ATTEST_ACTIONS],
  ['cluster', CLUSTER_ACTIONS],
  ['completion', SHELLS],
])

/** Ends in a line break. */
export function completionScript(shell: Shell, commands: Commands): string {
  const all = [...commands].map(([name, make]) => completed(name, make()))
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](all)
}

interface Completed {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletedOption[]
  readonly first: readonly string[]
}

interface CompletedOption {
  readonly long: string
  readonly short: string | undefined
  readonly description: string
  /** What its value may be; undefined of a flag. */
  readonly value: { readonly name: string; readonly isFile: boolean; readonly words: readonly string[] } | undefined
  readonly isRepeatable: boolean
}

function completed(name: string, command: Command): Completed {
  const help = { long: '--help', short: undefined, description: 'print this help', value: undefined, isRepeatable: false }
  return {
    name,
    summary: firstSentence(command.description()),
    options: [...command.options.map(completedOption), help],
    first: FIRST.get(name) ?? [],
  }
}

function completedOption({ flags, long, short, required, description }: Option): CompletedOption {
  const name = /<(.*)>$/.exec(flags)?.[1] ?? ''
  const words = name === 'form' ? REPORT_FORMS : []
  return {
    long: long ?? '',
    short,
    description,
    value: required ? { name: name.replace('[form:]', ''), isFile: /file|pem|target|place/.test(name), words } : undefined,
    isRepeatable: /repeatable/.test(description),
  }
}

function firstSentence(text: string): string {
  return /^.*?\.(?= |$)/.exec(text)?.[0] ?? text
}

const longNames = (options: readonly CompletedOption[]): string => options.map(({ long }) => long).join(' ')
const namesOf = ({ long, short }: CompletedOption): readonly string[] => (short === undefined ? [long] : [short, long])

/** Where it offers nothing, bash offers files. */
function bashScript(all: readonly Completed[]): string {
  const words = all.flatMap(({ name, options }) =>
    options.flatMap((option) =>
      option.value?.words.length
        ? [
            `    ${namesOf(option)
              .map((each) => `${name}:${each}`)
              .join('|')}) words='${option.value.words.join(' ')}' ;;`,
          ]
        : [],
    ),
  )
  const values = all.map(({ name, options }) => {
    const names = options.filter(({ value }) => value !== undefined && value.words.length === 0).flatMap(namesOf)
    return names.length === 0 ? '' : `    ${names.map((each) => `${name}:${each}`).join('|')}) return ;;\n`
  })
  const first = all.flatMap(({ name, first }) => (first.length === 0 ? [] : [`    ${name}:2) words='${first.join(' ')}' ;;`]))
  return `# verify-trail in bash: source <(verify-trail completion bash)
_verify_trail() {
  local IFS=$' \\t\\n' command=\${COMP_WORDS[1]} current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  case $current in =) current= ;; esac
  case $previous in =) previous=\${COMP_WORDS[COMP_CWORD-2]} ;; esac
  case $command in
    ${all.map(({ name }) => name).join('|')}) ;;
    *) command=verify ;;
  esac
  case $command:$previous in
${words.join('\n')}
${values.join('').trimEnd()}
  esac
  case $command:$COMP_CWORD in
${first.join('\n')}
  esac
  if [[ $current == -* ]]; then
    case $command in
${all.map(({ name, options }) => `      ${name}) words='${longNames(options)}' ;;`).join('\n')}
    esac
  fi
  if [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  elif [[ $COMP_CWORD == 1 ]]; then
    COMPREPLY=($(compgen -W '${all.map(({ name }) => name).join(' ')} help' -- "$current"))
    IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -o default -F _verify_trail verify-trail
`
}

function zshScript(all: readonly Completed[]): string {
  const cases = all.map(({ name, options, first }) => {
    const operand = first.length === 0 ? '*:file:_files' : `2:action:(${first.join(' ')})`
    const operands =
      name === 'verify'
        ? ["'1: :_verify_trail_first'", "'*:source:_files'"]
        : ["'1: :'", quoted(operand), ...(first.length === 0 ? [] : ["'*:file:_files'"])]
    return `    ${name}) _arguments -S \\\n${[...options.map(zshOption), ...operands].map((each) => `      ${each}`).join(' \\\n')} ;;`
  })
  return `#compdef verify-trail
# verify-trail in zsh: verify-trail completion zsh > _verify-trail, in a directory of $fpath
_verify_trail_first() {
  local -a names=(
${all.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  _alternative 'commands:command:{_describe command names}' 'files:source:_files'
}
_verify_trail() {
  local command=verify
  case $words[2] in
    ${all.map(({ name }) => name).join('|')}) command=$words[2] ;;
  esac
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _verify-trail ]]; then _verify_trail; else compdef _verify_trail verify-trail; fi
`
}

function zshOption({ long, short, description, value, isRepeatable }: CompletedOption): string {
  const text = `[${description.replace(/[[\]\\]/g, '\\$&')}]`
  const action = value === undefined ? '' : value.isFile ? '_files' : value.words.length > 0 ? `(${value.words.join(' ')})` : ''
  const end = value === undefined ? text : `${text}:${value.name.replaceAll(':', '\\:')}:${action}`
  const flag = value === undefined ? long : `${long}=`
  const many = isRepeatable ? '*' : short === undefined ? '' : `(${short} ${long})`
  return short === undefined ? quoted(many + flag + end) : `${quoted(many)}{${short},${flag}}${quoted(end)}`
}

function fishScript(all: readonly Completed[]): string {
  const others = all.map(({ name }) => name).filter((name) => name !== 'verify')
  const lines = all.flatMap(({ name, summary, options, first }) => {
    const within =
      name === 'verify' ? `not __fish_seen_subcommand_from ${others.join(' ')}` : `__fish_seen_subcommand_from ${name}`
    return [
      `complete -c verify-trail -n __fish_is_first_arg -a ${name} -d ${quotedForFish(summary)}`,
      ...(first.length === 0
        ? []
        : [`complete -c verify-trail -n '${within}; and __fish_is_nth_token 2' -a '${first.join(' ')}'`]),
      ...options.map((option) => `complete -c verify-trail -n '${within}' ${fishOption(option)}`),
    ]
  })
  return `# verify-trail in fish: verify-trail completion fish | source\n${lines.join('\n')}\n`
}

function fishOption({ long, short, description, value }: CompletedOption): string {
  const names = `-l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`
  const what =
    value === undefined ? '' : value.isFile ? ' -r -F' : value.words.length > 0 ? ` -x -a '${value.words.join(' ')}'` : ' -x'
  return `${names}${what} -d ${quotedForFish(description)}`
}

/** For zsh, within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function quotedForFish(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
