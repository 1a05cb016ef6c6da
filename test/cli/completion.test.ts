/** What completes the command, in the shells themselves. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BARE_ENVIRONMENT, verifyTrailCommand } from '../support/command.js'
import { hasTool } from '../support/tools.js'

/** What is typed, and words that the shell offers or completes it to; of zsh the whole line. */
const TYPED: readonly (readonly [string, string])[] = [
  ['exp', 'export'],
  ['--regi', '--region'],
  ['eviden', 'evidence.d'],
  ['export --metad', '--metadata'],
  ['report --format pro', 'prometheus'],
  ['report --format=pro', 'prometheus'],
  ['report -o eviden', 'evidence.d'],
  ['cluster sub', 'submit'],
  ['attest check eviden', 'evidence.d'],
]

const SHELLS = {
  bash: (script: string, typed: string) => {
    const words = ['verify-trail', ...typed.split(/ |(=)/).filter((word) => word !== undefined)]
    const program = `source ${script}; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _verify_trail
      if [[ \${#COMPREPLY[@]} == 0 ]]; then compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"; fi; printf '%s\\n' "\${COMPREPLY[@]}"`
    return { program: 'bash', words: ['--norc', '-c', program] }
  },
  fish: (script: string, typed: string) => ({
    program: 'fish',
    words: ['--no-config', '-c', `source ${script}; complete -C 'verify-trail ${typed}'`],
  }),
  // It completes in a line editor only: it is given a terminal, and says what is on the line.
  zsh: (script: string, typed: string) => ({
    program: 'zsh',
    words: [
      '-f',
      '-c',
      `zmodload zsh/zpty; zpty z zsh -f -i; line=
      zpty -w z "PS1= PS2=; autoload -U compinit; compinit -u -D; source ${script}; shown() { print -r -- \\"<\\$BUFFER>\\" }; zle -N shown; bindkey '^G' shown; bindkey '^I' complete-word; print rea''dy"
      while [[ $line != *ready* ]]; do zpty -r z line || exit; done
      zpty -n -w z $'verify-trail ${typed}\\t\\a'
      while [[ $line != *'<'*'>'* ]]; do zpty -r z line || exit; done; print -r -- $line`,
    ],
  }),
}

for (const [shell, call] of Object.entries(SHELLS)) {
  t.test(`${shell} completes commands, options, forms and files`, async (t) => {
    if (!hasTool(shell as keyof typeof SHELLS)) {
      t.plan(0, `NOT TESTED: ${shell} is not there`)
      return
    }
    const folder = t.testdir({ 'evidence.d': {} })
    const { stdout, code } = await verifyTrailCommand(['completion', shell])
    t.equal(code, 0)
    const script = join(folder, 'script')
    writeFileSync(script, stdout)
    for (const [typed, offered] of TYPED) {
      const { program, words } = call(script, typed)
      const options = {
        cwd: folder,
        env: { ...BARE_ENVIRONMENT, HOME: folder, TERM: 'dumb' },
        encoding: 'utf8' as const,
        timeout: 20_000,
      }
      const answer = spawnSync(program, words, options)
      t.match(answer.stdout, offered, `${typed}: ${answer.stdout}${answer.stderr}`)
      t.equal(answer.stderr, '')
    }
  })
}
