import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow by a tenth over what is alive before garbage is looked for. By itself V8 waits until it is three to four
 * times as large: that is sooner, but not by much here, and a run is to stay small beside other work. Looked at by V8 each
 * time it has collected, so it may be set while it runs.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=10')
}
