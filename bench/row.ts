/** One line of a benchmark's table. */
export interface Row {
  readonly what: string
  /** Ours, with its unit. */
  readonly ours: string
  /** The peer's or the physical limit's, with its unit. */
  readonly limit: string
  /** How ours compares; see `better`. */
  readonly ratio: number
  readonly target: number
  /** Whether a larger or a smaller ratio is better. */
  readonly better: 'more' | 'less'
}

/** Prints a table, and says of each row whether it meets its target. */
export function printRows(name: string, rows: readonly Row[]): void {
  const cells = rows.map(({ what, ours, limit, ratio, target, better }) => [
    what,
    ours,
    limit,
    ratio.toFixed(2),
    `${better === 'more' ? '≥' : '≤'} ${target}`,
    (better === 'more' ? ratio >= target : ratio <= target) ? 'met' : 'NOT MET',
  ])
  const table = [['what', 'ours', 'peer or limit', 'ratio', 'target', ''], ...cells]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  process.stdout.write(`\n${name}\n`)
  for (const row of table)
    process.stdout.write(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
}
