/** The completion of the built program, as a bash does it that has sourced the script. */
import { execFileSync, spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { runProgram } from './program.ts'

const hasBash = spawnSync('bash', ['-c', 'exit 0']).status === 0
if (!hasBash) console.warn('skipped: there is no bash')

describe.skipIf(!hasBash)('completion', () => {
  let script: string
  beforeAll(async () => {
    const { code, stdout, stderr } = await runProgram(['completion'])
    expect([code, stderr]).toEqual([0, ''])
    script = stdout
  })

  /** What bash offers for the last of these words. */
  function offered(...typed: string[]): string[] {
    const ask = `${script}
COMP_WORDS=(coinstack-signon "$@"); COMP_CWORD=$#
_coinstack_signon
printf '%s\\n' "\${COMPREPLY[@]}"`
    const text = execFileSync('bash', ['--norc', '-c', ask, 'bash', ...typed], { encoding: 'utf8' })
    return text.split('\n').filter(Boolean)
  }

  test.each<[string[], string[]]>([
    [[''], expect.arrayContaining(['help', 'client', 'token', 'server'])],
    [['cl'], ['client']],
    [['token', ''], expect.arrayContaining(['check', 'create', 'refresh', 'remove'])],
    [['token', 'cr'], ['create']],
    [['help', 'cod'], ['code']],
    [
      ['help', 'code', ''],
      ['check', 'create'],
    ],
    [['token', 'create', '--cl'], ['--client']],
    [['token', 'create', '--client', 'trusted', '--us'], ['--user']],
    [
      ['token', 'create', '--type', ''],
      ['code', 'implicit', 'password', 'credentials'],
    ],
    [['server', 'check', '-l', 'w'], ['warn']],
    [['nothing', ''], []],
    [['client', 'create', '--file', 'x'], []],
  ])('%j', (typed, words) => {
    expect(offered(...typed)).toEqual(words)
  })

  test('every command is offered', async () => {
    const { stdout } = await runProgram(['help'])
    for (const [, topic] of stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm))
      expect(offered(topic!)).toContain(topic)
  })
})
