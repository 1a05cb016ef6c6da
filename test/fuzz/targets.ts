import { parsers } from './parsers.js'
import { streams } from './streams.js'
import type { Target } from './target.js'

export const targets: readonly Target[] = [...parsers, ...streams]
