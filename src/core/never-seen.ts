/** What no run can see: said by every report. */
export const NEVER_SEEN: readonly string[] = [
  'Whether other trails, accounts or regions existed cannot be seen here.',
  'Log files that were listed only by a backfill digest that is no longer here cannot be seen.',
  'What the trails were configured to record cannot be seen here.',
]
