/** Options of every `aws` command that `aws cloudtrail validate-logs` takes too, and that are none here: what there is instead. */
const NONE = 'is an option of aws-cli: there is nothing here that it would change'

const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['--ca-bundle', 'is an option of aws-cli: set NODE_EXTRA_CA_CERTS to the file'],
  ['--cli-auto-prompt', NONE],
  ['--cli-binary-format', NONE],
  ['--cli-connect-timeout', 'is an option of aws-cli: what does not answer is tried again here, and then called not readable'],
  ['--cli-read-timeout', 'is an option of aws-cli: what does not answer is tried again here, and then called not readable'],
  ['--color', 'is an option of aws-cli: here colours are for terminals alone; NO_COLOR, --no-color and FORCE_COLOR are honoured'],
  ['--debug', 'is an option of aws-cli: for every digest and log file there is -v, for machines --ndjson'],
  ['--no-cli-auto-prompt', NONE],
  ['--no-cli-pager', NONE],
  ['--no-paginate', 'is an option of aws-cli: half a listing would prove nothing'],
  ['--no-sign-request', 'is an option of aws-cli: a bucket that all can read is read with credentials too'],
  [
    '--no-verify-ssl',
    'is an option of aws-cli: keys and objects from nobody knows whom would prove nothing; for an own authority set NODE_EXTRA_CA_CERTS to its certificate',
  ],
  ['--query', 'is an option of aws-cli: query the report that --json prints, with jq for instance'],
])

/** A sentence on a flag that is unknown here; undefined where it is aws-cli's neither. */
export function insteadOf(flag: string): string | undefined {
  const instead = INSTEAD.get(flag)
  return instead === undefined ? undefined : `${flag} ${instead}`
}
