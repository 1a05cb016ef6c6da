/** Writes man/verify-trail.1 from the options as they are parsed: `npm run man`. A test compares it. */
import { writeFileSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { COMMANDS } from '../src/cli/commands.js'
import { variableOf } from '../src/cli/environment.js'
import { VERSION } from '../src/version.js'

/** The page, in the `man` macros of roff. */
export function manPage(): string {
  const [[, makeVerify] = [], ...others] = COMMANDS
  if (makeVerify === undefined) throw new Error('there are no commands')
  const verify = makeVerify()
  const lines = [
    `.\\" Made by npm run man`,
    `.TH VERIFY\\-TRAIL 1 "" "verify\\-trail ${VERSION}"`,
    '.SH NAME',
    'verify\\-trail \\- proves, or disproves, the integrity of AWS CloudTrail logs',
    '.SH SYNOPSIS',
    usageLines(verify.usage(), 'verify-trail'),
    '.SH DESCRIPTION',
    escaped(
      'Walks the chains of signed digest files that CloudTrail delivers, verifies their signatures and the SHA-256 of every log file, and reports what is missing, modified or out of its chain. The source is a bucket, or an export of one: a directory or an archive. Of an export nobody is asked: public keys are given as a file.',
    ),
    '.SH OPTIONS',
    ...optionLines('verify', verify),
    '.SH COMMANDS',
    ...others.flatMap(([name, make]) => commandLines(name, make())),
    '.SH ENVIRONMENT',
    escaped(
      'Each option has a variable: VERIFY_TRAIL_START_TIME for --start-time. What is typed comes first. A flag is set by 1, true, yes or on. Of what may be repeated, one a line. The -o of export, keys, plan and attest has one of its own:',
    ),
    '.PP',
    escaped(
      others
        .flatMap(([name, make]) => make().options.map((option) => variableOf(name, option)))
        .filter((name) => name?.endsWith('_OUTPUT') && name !== 'VERIFY_TRAIL_OUTPUT')
        .join(', '),
    ),
    ...tagged('VERIFY_TRAIL_REDIS_PASSWORD', 'The password of --redis.'),
    ...tagged('NO_COLOR, FORCE_COLOR', 'Whether there are colours.'),
    ...tagged('AWS_…', 'As with every tool of AWS: credentials, region, profile, endpoints.'),
    '.SH EXIT STATUS',
    ...tagged('0', 'Valid: all of it is proven.'),
    ...tagged('1', 'Invalid: something is proven false.'),
    ...tagged('2', 'Usage or environment error: nothing can be said, or a report could not be written.'),
    ...tagged('3', 'Unverified: nothing false was found, and not all is proven; or interrupted with nothing invalid.'),
    '.SH EXAMPLES',
    ...[
      'verify-trail s3://org-trail-logs --start-time 2026-01-01 --end-time 2026-02-01 -o report.html',
      'verify-trail ./evidence --public-keys public-keys.json',
      'verify-trail report report.json -o findings.csv',
    ].flatMap((line) => ['.EX', escaped(line), '.EE']),
    '.SH SEE ALSO',
    escaped('The pages of docs/ in the source: cli.md, findings.md, how-validation-works.md, from-aws-cli.md.'),
  ]
  return `${lines.join('\n')}\n`
}

function commandLines(name: string, command: Command): string[] {
  const usages = command
    .usage()
    .split(/\n\s*/)
    .map((usage) => (usage.startsWith('verify-trail') ? usage : `verify-trail ${name} ${usage}`))
  return [
    `.SS ${name}`,
    ...usages.flatMap((usage) => [escaped(usage), '.br']),
    escaped(command.description()),
    ...optionLines(name, command),
  ]
}

/** Each way to call it on a line of its own. */
function usageLines(usage: string, first: string): string {
  const each = usage.split(/\n\s*/).map((words) => escaped(words.startsWith('verify-trail') ? words : `${first} ${words}`))
  return each.join('\n.br\n')
}

function optionLines(name: string, command: Command): string[] {
  let heading: string | undefined
  return command.options.flatMap((option) => {
    const begins = name === 'verify' && option.helpGroupHeading !== heading && option.helpGroupHeading !== undefined
    heading = option.helpGroupHeading
    return [...(begins ? [`.SS ${escaped(heading?.replace(/:$/, '') ?? '')}`] : []), ...tagged(option.flags, sentence(option))]
  })
}

function sentence({ description }: Option): string {
  return `${description.charAt(0).toUpperCase()}${description.slice(1)}.`
}

function tagged(tag: string, text: string): string[] {
  return ['.TP', `.B ${escaped(tag)}`, escaped(text)]
}

const LETTERS: Readonly<Record<string, string>> = { '\\': '\\e', '-': '\\-', '’': '\\(cq', '…': '...', "'": '\\(aq' }

/** Text as it is, whatever is in it. */
function escaped(text: string): string {
  return text.replace(/[\\\-’…']/g, (letter) => LETTERS[letter] ?? letter).replace(/^\./gm, '\\&.')
}

if (process.argv[1] === import.meta.filename) writeFileSync(new URL('../man/verify-trail.1', import.meta.url), manPage())
