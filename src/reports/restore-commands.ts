/** Commands that would bring back what CloudTrail delivered. They are printed, never run. */
import type { Finding, Gap, ObjectVersions } from '../core/findings.js'

const MOST_COMMANDS = 20

/** What no copy-source of the AWS CLI can say, and what it would take for the name of a file to read. */
const NOT_FOR_THE_CLI = /\?versionId=|^fileb?:\/\//

/**
 * For each object of which an intact version is there, the command that copies it to the top: content and metadata are the same,
 * and what replaced it stays, as evidence. Safe to show and to paste, whatever the key: printable ASCII, each word quoted.
 */
export function restoreCommands(findings: Iterable<Finding | Gap>): {
  readonly commands: readonly string[]
  readonly more: number
} {
  const commands = new Set<string>()
  for (const finding of findings) {
    const versions = 'versions' in finding ? finding.versions : undefined
    const command = versions === undefined ? undefined : restoreCommand(versions)
    if (command !== undefined) commands.add(command)
  }
  return { commands: [...commands].slice(0, MOST_COMMANDS), more: Math.max(0, commands.size - MOST_COMMANDS) }
}

function restoreCommand({ object, intact }: ObjectVersions): string | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(object) ?? []
  if (bucket === undefined || key === undefined || intact === null || NOT_FOR_THE_CLI.test(key)) return undefined
  const source = `${bucket}/${key}?versionId=${intact.versionId}`
  return `aws s3api copy-object --bucket=${shellWord(bucket)} --key=${shellWord(key)} --copy-source=${shellWord(source)}`
}

const PRINTABLE = /^[\x20-\x7e]*$/

/** One word of a POSIX shell; in the `$'…'` of bash, zsh and ksh where there is more in it than printable ASCII. */
export function shellWord(text: string): string {
  if (PRINTABLE.test(text)) return `'${text.replaceAll("'", "'\\''")}'`
  return `$'${Array.from(Buffer.from(text), shellByte).join('')}'`
}

function shellByte(byte: number): string {
  const character = String.fromCharCode(byte)
  if (character === "'" || character === '\\') return `\\${character}`
  // Three octal digits, always: a digit that follows is not taken for one of them.
  return PRINTABLE.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`
}
