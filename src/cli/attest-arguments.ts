/** `verify-trail attest`: check a sealed report, and have an authority say when it was sealed. */
import type { Command } from 'commander'
import type { AwsOptions } from './aws-options.js'
import { logJson, newCommand, option, sharedVerifyOptions } from './command-options.js'
import { checkSources, type PrintCommand, parseWords, usageError } from './parse-words.js'
import { didYouMean } from './suggestion.js'
import { type Place, single, text } from './values.js'

/** `verify-trail attest check report.json [source…]` */
export interface AttestCheckCommand extends AwsOptions {
  readonly command: 'attest'
  readonly action: 'check'
  readonly report: string
  /** Where it is not beside the report. */
  readonly envelope?: string
  /** PEM files: whose signature it must be, and which time-stamping authorities are trusted. */
  readonly signer: string
  readonly tsa?: string
  /** The evidence, where it is to be verified again. */
  readonly sources: readonly string[]
  readonly publicKeys?: string
  readonly metadata?: string
  readonly bucket?: Place
  readonly byName?: true
  readonly unvalidatedTrails: boolean
  readonly concurrency?: number
  readonly workers?: number
}

/** `verify-trail attest request report.json -o FILE.tsq` */
export interface AttestRequestCommand {
  readonly command: 'attest'
  readonly action: 'request'
  readonly report: string
  readonly output: string
}

/** `verify-trail attest attach report.json FILE.tsr` */
export interface AttestAttachCommand {
  readonly command: 'attest'
  readonly action: 'attach'
  readonly report: string
  readonly response: string
}

export type AttestCommand = AttestCheckCommand | AttestRequestCommand | AttestAttachCommand

export const ATTEST_ACTIONS = ['check', 'request', 'attach'] as const

const USAGE = [
  'check <report.json> --signer <pem> [source...] [options]',
  'verify-trail attest request <report.json> -o <file.tsq>',
  'verify-trail attest attach <report.json> <file.tsr>',
].join('\n       ')

export function attestCommand(): Command {
  const command = newCommand('verify-trail attest')
    .usage(USAGE)
    .description(
      'Checks a report that was sealed with --sign, and time-stamps it (RFC 3161). The envelope is FILE.json.dsse.json.',
    )
    .argument('[action]', 'check: report, envelope and signature, and that the evidence still gives that report; request, attach')
    .argument('[report]', 'the sealed report')
    .argument('[rest...]', 'check: the evidence, to verify it again; attach: the response of the authority')
    .addOption(option('--signer <pem>', 'check: the public key, or certificate, that must have signed', single(text)))
    .addOption(option('--envelope <file>', 'check: the envelope, where it is not beside the report', single(text)))
    .addOption(option('--tsa <pem>', 'check: certificates of the time-stamping authorities that are trusted', single(text)))
    .addOption(option('-o, --output <file>', 'request: where to write the time-stamp request', single(text)))
    .addOption(logJson())
  for (const each of sharedVerifyOptions()) command.addOption(each.helpGroup('Where the evidence is verified again:'))
  return command.addHelpText('after', `\n${EXIT_CODES}`)
}

const EXIT_CODES =
  'Exit code of check: 0 all of it holds, 1 something does not, 2 usage or environment error. The verdict in the report is not its concern.'

interface AttestFlags extends AwsOptions {
  readonly signer?: string
  readonly envelope?: string
  readonly tsa?: string
  readonly output?: string
  readonly publicKeys?: string
  readonly metadata?: string
  readonly bucket?: Place
  readonly byName?: true
  readonly unvalidatedTrails?: true
  readonly concurrency?: number
  readonly workers?: number
}

export function parseAttest(words: readonly string[]): AttestCommand | PrintCommand {
  const command = attestCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const [action, report, ...rest] = command.args
  const flags = command.opts<AttestFlags>()
  if (action !== 'check' && action !== 'request' && action !== 'attach')
    throw usageError(
      `attest ${action === undefined ? 'what' : `'${action}'`}: give check, request or attach${didYouMean(action ?? '', ATTEST_ACTIONS)}`,
    )
  if (report === undefined || report === '') throw usageError(`attest ${action}: no report`)
  switch (action) {
    case 'check':
      return parseCheck(report, rest, flags)
    case 'request':
      if (rest.length > 0 || flags.output === undefined) throw usageError('attest request: give one report, and -o FILE.tsq')
      return { command: 'attest', action, report, output: flags.output }
    case 'attach': {
      const [response] = rest
      if (response === undefined || rest.length > 1) throw usageError('attest attach: give one report and one response')
      return { command: 'attest', action, report, response }
    }
  }
}

function parseCheck(report: string, sources: readonly string[], flags: AttestFlags): AttestCheckCommand {
  const { signer, unvalidatedTrails = false, output, ...rest } = flags
  if (signer === undefined) throw usageError('attest check: say whose signature it must be with --signer PEM')
  if (output !== undefined) throw usageError('attest check writes no file: leave out -o')
  checkSources(sources)
  return { ...rest, command: 'attest', action: 'check', report, sources, signer, unvalidatedTrails }
}
