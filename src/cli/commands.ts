/** All commands by their names: what is parsed, completed, documented in the manual, and set by the environment. */
import type { Command } from 'commander'
import { attestCommand } from './attest-arguments.js'
import { clusterCommand } from './cluster-arguments.js'
import {
  completionCommand,
  diffCommand,
  exportCommand,
  keysCommand,
  mergeCommand,
  planCommand,
  reportCommand,
  verifyCommand,
} from './command-options.js'

export const COMMANDS: ReadonlyMap<string, () => Command> = new Map([
  ['verify', verifyCommand],
  ['keys', keysCommand],
  ['export', exportCommand],
  ['plan', planCommand],
  ['report', reportCommand],
  ['diff', diffCommand],
  ['merge', mergeCommand],
  ['attest', attestCommand],
  ['cluster', clusterCommand],
  ['completion', completionCommand],
])
