/** Names of files in an export that are no objects, and names that no object is read by. */

/** What operating systems leave behind. */
export const SYSTEM_FILES: readonly string[] = ['.DS_Store', 'Thumbs.db', 'desktop.ini']

/** A file that holds the metadata of the object beside it: the object's name and this. */
export const SIDECAR_SUFFIX = '.metadata.json'

/** Names are attacker-chosen. No `.` or `..`, no empty segment, no NUL, nothing that UTF-8 cannot say. */
export function isSafeKey(key: string): boolean {
  if (key === '') return true
  if (key.includes('\0') || /\p{Surrogate}/u.test(key)) return false
  const path = key.endsWith('/') ? key.slice(0, -1) : key
  return !/(?:^|\/)(?:\/|$)|(?:^|[/\\])\.{1,2}(?:[/\\]|$)/.test(path)
}
