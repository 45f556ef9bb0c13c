import { describe, expect, test } from 'vitest'
import { addressOfWif } from '../../src/admin/keys.ts'
import { isP2pkhAddress, isPrivateKeyWif } from '../../src/config/base58check.ts'
import { runProgram } from './program.ts'

describe('key create', () => {
  test('prints one key', async () => {
    const { code, stdout, stderr } = await runProgram(['key', 'create'])
    expect(isPrivateKeyWif(stdout.trimEnd())).toBe(true)
    expect([code, stderr]).toEqual([0, ''])
  })

  test('-n and --address: that many lines of a key and its address', async () => {
    const { stdout } = await runProgram(['key', 'create', '-n', '3', '--address'])
    const lines = stdout.trimEnd().split('\n')
    expect(new Set(lines).size).toBe(3)
    for (const line of lines) {
      const [wif = '', address = '', ...rest] = line.split(' ')
      expect([isPrivateKeyWif(wif), isP2pkhAddress(address), rest]).toEqual([true, true, []])
      expect(addressOfWif(wif)).toBe(address)
    }
  })

  test('--json', async () => {
    const { stdout } = await runProgram(['key', 'create', '--json', '-n', '2'])
    const { keys } = JSON.parse(stdout) as { keys: { privateKey: string; address: string }[] }
    expect(keys).toHaveLength(2)
    for (const { privateKey, address } of keys) expect(addressOfWif(privateKey)).toBe(address)
  })

  test.each([
    [['-n', '0'], /^parsing --number .*greater than or equal to 1.* \(see --help\)\n$/],
    [['-n', 'many'], /^parsing --number .*\n$/],
    [['--nonsense'], /^nonexistent flag: --nonsense \(see --help\)\n$/],
    [['word'], /^there is no command "key create word"; see: coinstack-signon help\n$/],
    [
      ['--log', 'loud'],
      /^expected --log=loud to be one of: error, warn, info, debug, trace \(see --help\)\n$/,
    ],
  ])('wrong usage is one line: %j', async (words, message) => {
    const { code, stdout, stderr } = await runProgram(['key', 'create', ...words])
    expect(stderr).toMatch(message)
    expect([code, stdout, stderr.split('\n').length]).toEqual([2, '', 2])
  })
})
