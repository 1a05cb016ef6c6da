/** Rows of comma-separated values: fields may stand in quotes, a quote within them is doubled. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  // A field, and what ends it: a comma, the end of a line or of the text.
  const field = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|\r|$)/gy
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, value = '', end = ''] = match
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value)
    if (end === ',') continue
    rows.push(row)
    row = []
    if (end === '' || field.lastIndex >= text.length) break
  }
  return rows
}
