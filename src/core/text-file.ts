/**
 * A text file's bytes in UTF-8. Windows marks the beginning of text, and PowerShell writes what it redirects to a file in UTF-16; what is
 * not marked so is returned as it is.
 */
export function asUtf8(bytes: Uint8Array): Uint8Array {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.subarray(3)
  if (first === 0xff && second === 0xfe) return Buffer.from(new TextDecoder('utf-16le').decode(bytes))
  if (first === 0xfe && second === 0xff) return Buffer.from(new TextDecoder('utf-16be').decode(bytes))
  return bytes
}
