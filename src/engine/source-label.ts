import type { Source } from '../sources/source.js'

type Named = Pick<Source, 'kind' | 'name'>

/** What sentences call a source: equal exports give equal reports wherever they lie, so an export is not called by its path. */
export function sourceLabel(source: Named, sources: readonly Named[]): string {
  if (source.kind === 'store') return source.name
  if (sources.length === 1) return 'the export'
  return `source ${sources.findIndex(({ name }) => name === source.name) + 1}`
}

/** What an object is called of which nobody can say where CloudTrail delivered it: by where it lies. */
export function foundAs(source: Named, key: string, sources: readonly Named[]): string {
  return source.kind === 'export' && sources.length === 1 ? key : `${sourceLabel(source, sources)}/${key}`
}
