import { styleText } from 'node:util'

/** The colours of a report. Meaning never rests on colour alone. */
export type Colour = 'red' | 'yellow' | 'green' | 'bold' | 'dim'

/** Text in a colour, or as it is. */
export type Paint = (colour: Colour, text: string) => string

/**
 * Whether to colour is decided by the caller, once per stream. One format a call and no stream check: with a list of formats,
 * Node 20's styleText ignores NO_COLOR and pipes.
 */
export function paintWhere(coloured: boolean): Paint {
  return coloured ? (colour, text) => styleText(colour, text, { validateStream: false }) : (_, text) => text
}
