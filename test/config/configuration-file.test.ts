import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConfigurationExistsError,
  ConfigurationValueError,
  checkedValue,
  configurationText,
  writeConfiguration,
} from '../../src/config/configuration-file.ts'
import { answersFromEnvironment } from '../../src/config/configure.ts'
import { loadSettings } from '../../src/config/load.ts'
import { nodeEndpoint } from '../../src/config/value-types.ts'
import { parseYamlSettings } from '../../src/config/yaml-layer.ts'
import { temporaryFolders } from './temporary-folder.ts'

const newFolder = temporaryFolders()
const configuration = {
  endpoint: 'http://localhost:3000',
  port: 8080,
  adminAddress: '1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix',
  privateKeys: ['KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617'],
}

describe('conf/coinstack.yaml', () => {
  test('what is written loads again, and only its owner can read it', () => {
    const home = join(newFolder(), 'new', 'home')
    const file = join(home, 'conf', 'coinstack.yaml')
    writeConfiguration(file, configuration, { overwrite: false })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(home).mode & 0o777).toBe(0o700)
    const { settings, warnings } = loadSettings({ home })
    expect(settings.server.privateKeys).toEqual(configuration.privateKeys)
    expect(settings.admin.address).toBe(configuration.adminAddress)
    expect(warnings).toEqual([])
    expect(readdirSync(join(home, 'conf'))).toEqual(['coinstack.yaml'])
  })

  test('an existing file stays, and no other file is left behind', () => {
    const home = newFolder()
    const file = join(home, 'coinstack.yaml')
    writeFileSync(file, 'mine')
    expect(() => writeConfiguration(file, configuration, { overwrite: false })).toThrow(
      ConfigurationExistsError,
    )
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(readdirSync(home)).toEqual(['coinstack.yaml'])
  })

  test('replaced, the former files are kept, because their keys exist nowhere else', () => {
    const file = join(newFolder(), 'coinstack.yaml')
    expect(writeConfiguration(file, configuration, { overwrite: true }).keptAs).toBeUndefined()
    const first = readFileSync(file, 'utf8')
    expect(writeConfiguration(file, { ...configuration, port: 1 }, { overwrite: true }).keptAs).toBe(
      `${file}.1`,
    )
    expect(writeConfiguration(file, { ...configuration, port: 2 }, { overwrite: true }).keptAs).toBe(
      `${file}.2`,
    )
    expect(readFileSync(`${file}.1`, 'utf8')).toBe(first)
    expect(readFileSync(file, 'utf8')).toContain('port: 2')
  })

  test('every endpoint that is accepted survives the file', () => {
    fc.assert(
      fc.property(
        fc.string().map((rest) => `http://h${rest}`),
        (endpoint) => {
          const parsed = nodeEndpoint.parse([endpoint])
          fc.pre('value' in parsed)
          const text = configurationText({ ...configuration, endpoint: parsed.value })
          expect(parseYamlSettings(text, 'f').settings[0]?.texts).toEqual([parsed.value])
        },
      ),
    )
  })
})

describe('answers', () => {
  const ADMIN_ADDRESS = configuration.adminAddress

  test('defaults of SignOn 1.1', () => {
    expect(answersFromEnvironment({ ADMIN_ADDRESS, SIGNON_SERVER_PORT: '' })).toEqual({
      endpoint: 'http://localhost:3000',
      port: 8080,
      adminAddress: ADMIN_ADDRESS,
      keyCount: 1,
    })
  })

  test.each([
    [{}, /^ADMIN_ADDRESS is missing/],
    [{ ADMIN_ADDRESS: '1abc' }, /^ADMIN_ADDRESS cannot be "1abc"/],
    [{ ADMIN_ADDRESS, SIGNON_SERVER_PORT: '80a' }, /^SIGNON_SERVER_PORT cannot be "80a"/],
    [{ ADMIN_ADDRESS, NODE_ENDPOINT: 'localhost' }, /^NODE_ENDPOINT cannot be "localhost"/],
    [{ ADMIN_ADDRESS, N_SERVER_PRIVATEKEYS: '0' }, /^N_SERVER_PRIVATEKEYS cannot be "0"/],
    [{ ADMIN_ADDRESS, N_SERVER_PRIVATEKEYS: '1001' }, /^N_SERVER_PRIVATEKEYS cannot be "1001"/],
  ])('%o', (environment, message) => {
    expect(() => answersFromEnvironment(environment)).toThrow(ConfigurationValueError)
    expect(() => answersFromEnvironment(environment)).toThrow(message)
  })

  test('a hostile answer stays on one harmless line', () => {
    expect(() => checkedValue('signon.server.port', '1\u001b[2J\n2')).toThrow(/cannot be "1\\u001b\[2J\\n2"/)
  })
})
