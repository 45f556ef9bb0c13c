import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addressOfWif } from '../../src/admin/keys.ts'
import { loadSettings } from '../../src/config/load.ts'
import { temporaryFolders } from '../config/temporary-folder.ts'
import { runProgram } from './program.ts'

const newFolder = temporaryFolders()
const address = '1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix'

/** A home directory that does not exist yet, and the file that will be in it. */
function newHome() {
  const home = join(newFolder(), 'home')
  return { home, file: join(home, 'conf', 'coinstack.yaml'), environment: { COINSTACK_SIGNON_HOME: home } }
}

describe('server configure --batch', () => {
  const words = ['server', 'configure', '--batch']

  test('writes what the environment says, and prints the file and the addresses', async () => {
    const { home, file, environment } = newHome()
    const { code, stdout, stderr } = await runProgram(words, {
      environment: {
        ...environment,
        ADMIN_ADDRESS: address,
        SIGNON_SERVER_PORT: '8181',
        N_SERVER_PRIVATEKEYS: '2',
        NODE_ENDPOINT: 'http://node.example:3000/',
      },
    })
    const { settings, warnings } = loadSettings({ home })
    expect([code, stderr, warnings]).toEqual([0, '', []])
    expect(stdout.trimEnd().split('\n')).toEqual([
      `Configuration file: ${file}`,
      ...settings.server.privateKeys.map((wif) => `Server address: ${addressOfWif(wif)}`),
    ])
    expect(settings.server).toMatchObject({ port: 8181, issuer: 'http://localhost:8181' })
    expect(settings.server.privateKeys).toHaveLength(2)
    expect(settings.coinstack.endpoint).toBe('http://node.example:3000')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('--home and --json', async () => {
    const { home, file } = newHome()
    const environment = { ADMIN_ADDRESS: address }
    const { stdout } = await runProgram([...words, '--json', '--home', home], { environment })
    expect(JSON.parse(stdout)).toEqual({
      file,
      adminAddress: address,
      addresses: [expect.stringMatching(/^1/)],
    })
  })

  test.each([
    [{}, 'ADMIN_ADDRESS is missing'],
    [{ ADMIN_ADDRESS: '1abc' }, 'ADMIN_ADDRESS cannot be "1abc"'],
    [{ ADMIN_ADDRESS: address, SIGNON_SERVER_PORT: 'x' }, 'SIGNON_SERVER_PORT cannot be "x"'],
  ])('a wrong answer is one line, and nothing is written: %j', async (answers, message) => {
    const { file, environment } = newHome()
    const { code, stdout, stderr } = await runProgram(words, { environment: { ...environment, ...answers } })
    expect(stderr).toContain(message)
    expect([code, stdout, stderr.split('\n').length]).toEqual([1, '', 2])
    expect(() => statSync(file)).toThrow()
  })

  test('an existing file stays without --force, and is kept beside with it', async () => {
    const { home, file, environment } = newHome()
    mkdirSync(join(home, 'conf'), { recursive: true })
    writeFileSync(file, 'mine')
    const options = { environment: { ...environment, ADMIN_ADDRESS: address } }
    const refused = await runProgram(words, options)
    expect(refused.stderr).toBe(
      `${file} exists already; use --force to replace it (the former file is kept)\n`,
    )
    expect([refused.code, readFileSync(file, 'utf8')]).toEqual([1, 'mine'])
    const forced = await runProgram([...words, '--force'], options)
    expect([forced.code, forced.stderr]).toEqual([0, `the former file is kept as ${file}.1\n`])
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('mine')
    expect(loadSettings({ home }).settings.admin.address).toBe(address)
  })
})

describe('server configure', () => {
  const words = ['server', 'configure']

  test('asks in the order of 1.1, takes defaults, asks again after a wrong answer', async () => {
    const { home, environment } = newHome()
    const input = `\n8181\nnonsense\n${address}\n3\ny\n`
    const { code, stdout, stderr } = await runProgram(words, { environment, input })
    expect(code).toBe(0)
    expect(stderr.split('\n').filter((line) => /[:\]] $/.test(line))).toEqual([
      'Coinstack node endpoint [http://localhost:3000]: ',
      'Server port [8080]: ',
      "Administrator's address: ",
      "Administrator's address: ",
      'Number of private keys [1]: ',
      'Process to generate the configuration file? [y/n] ',
    ])
    expect(stderr).toContain('the address cannot be "nonsense"; expected a P2PKH Bitcoin address')
    expect(stdout.trimEnd().split('\n')).toHaveLength(4)
    expect(loadSettings({ home }).settings).toMatchObject({
      coinstack: { endpoint: 'http://localhost:3000' },
      server: { port: 8181 },
    })
  })

  test.each([
    ['no', `\n\n${address}\n\nn\n`, 'nothing was written'],
    [
      'the end of the input',
      `\n\n${address}\n`,
      'the input ended before this was answered: Number of private',
    ],
  ])('%s writes nothing', async (_name, input, message) => {
    const { file, environment } = newHome()
    const { code, stdout, stderr } = await runProgram(words, { environment, input })
    expect(stderr).toContain(message)
    expect([code, stdout]).toEqual([1, ''])
    expect(() => statSync(file)).toThrow()
  })

  test('an existing file is replaced only after a yes', async () => {
    const { home, file, environment } = newHome()
    mkdirSync(join(home, 'conf'), { recursive: true })
    writeFileSync(file, 'mine')
    const refused = await runProgram(words, { environment, input: `\n\n${address}\n\nn\n` })
    expect(refused.stderr).toContain(`${file} exists already. Replace it`)
    expect([refused.code, readFileSync(file, 'utf8')]).toEqual([1, 'mine'])
    const agreed = await runProgram(words, { environment, input: `\n\n${address}\n\ny\ny\n` })
    expect([agreed.code, readFileSync(`${file}.1`, 'utf8')]).toEqual([0, 'mine'])
  })
})
