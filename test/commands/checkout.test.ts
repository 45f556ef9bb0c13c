import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolders } from '../config/temporary-folder.ts'
import { start } from '../terminal/child-process.ts'
import { fakeNpm, greeting, makeCheckout, writeCommand } from './checkout.ts'

const newFolder = temporaryFolders()
let checkout: string

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'signon-checkout-'))
  makeCheckout(checkout)
})
afterAll(() => rmSync(checkout, { recursive: true, force: true }))

const run = (file: string, words: readonly string[] = [], environment: Record<string, string> = {}) =>
  start(process.execPath, [join(checkout, file), ...words], environment).finished
const setup = () => run('bin/setup.js')
const signon = (...words: string[]) => run('bin/coinstack-signon', words)

// The tests of one checkout follow each other: not built, built, changed.
describe('a fresh checkout', () => {
  test('says how to build it', async () => {
    const { code, stdout, stderr } = await signon('try', 'greet')
    expect(stderr).toMatch(/^coinstack-signon is not built yet; run in .*: node bin\/setup\.js\n$/)
    expect([code, stdout]).toEqual([1, ''])
  })

  test('a build that fails shows why, and is not taken for done', async () => {
    writeCommand(checkout, 'try/broken', 'export default 1 as string\n')
    for (const _time of [1, 2]) {
      const { code, stderr } = await setup()
      expect(stderr).toContain('commands/try/broken.ts(1,16): error')
      expect(code).toBe(1)
    }
    unlinkSync(join(checkout, 'commands', 'try', 'broken.ts'))
  })

  test('is built once, then nothing is said and done', async () => {
    const first = await setup()
    expect([first.code, first.stdout]).toEqual([0, ''])
    expect(first.stderr).toMatch(/^building \.\.\.\nbuilt in \d+\.\d s\n$/)
    const second = await setup()
    expect(second).toMatchObject({ code: 0, stdout: '', stderr: '' })
    // The output of the command that is gone is gone too.
    expect((await signon('try', 'broken')).stderr).toBe(
      'there is no command "try broken"; see: coinstack-signon help\n',
    )
  })
})

describe('the built program', () => {
  test('runs a command, from anywhere and through a link', async () => {
    const link = join(checkout, 'link')
    symlinkSync(join(checkout, 'bin', 'coinstack-signon'), link)
    for (const file of ['bin/coinstack-signon', 'link'])
      expect(await run(file, ['try', 'greet'])).toMatchObject({ code: 0, stdout: 'hello\n', stderr: '' })
    expect(JSON.parse((await signon('try', 'greet', '--json')).stdout)).toEqual({ word: 'hello' })
  })

  test.each([
    [['help'], 'USAGE'],
    [['help', 'try'], 'try greet'],
    [['help', 'try', 'greet'], '--log'],
    [['try', '--help'], 'try throw'],
    [['--version'], 'coinstack-signon/'],
    [[], 'USAGE'],
  ])('%j', async (words, expected) => {
    const { code, stdout, stderr } = await signon(...words)
    expect(stdout).toContain(expected)
    expect([code, stderr]).toEqual([0, ''])
  })

  test.each([['nonsense'], ['try', 'nonsense'], ['help', 'nonsense']])('unknown: %s %s', async (...words) => {
    const { code, stdout, stderr } = await signon(...words)
    expect(stderr).toMatch(/^there is no command ".*nonsense"; see: coinstack-signon help\n$/)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('a fault of the program is one line, the stack comes only with --log debug', async () => {
    const quiet = await signon('try', 'throw')
    expect(quiet.stderr).toBe(
      'unexpected error: a fault of the program (run again with --log debug for the details)\n',
    )
    expect(quiet.code).toBe(1)
    const loud = await signon('try', 'throw', '-l', 'debug')
    expect(loud.stderr).toMatch(/^about to throw\nunexpected error: a fault of the program\n +at /)
    const json = await signon('try', 'throw', '--json')
    expect([json.code, json.stdout]).toEqual([1, ''])
  })

  test('a stray error ends it with one line, a warning is one as well', async () => {
    const { code, stderr } = await run('bin/coinstack-signon', ['try', 'throw'], { STRAY: '1' })
    expect(stderr).toMatch(/^warning: take care\nunexpected error: stray .*\n$/)
    expect(code).toBe(1)
  })

  test('writes the generated files, and finds them stale after a change', async () => {
    const room = join(checkout, 'dist', 'src', 'config')
    mkdirSync(room, { recursive: true })
    writeFileSync(join(room, 'reference.js'), 'export const settingsReference = () => "settings"\n')
    expect((await run('bin/generate-docs.js', ['--check'])).stderr).toBe(
      ['oclif.manifest.json', 'docs/cli.md', 'docs/settings.md']
        .map((name) => `${name} is stale; run: node bin/generate-docs.js\n`)
        .join(''),
    )
    expect((await run('bin/generate-docs.js')).code).toBe(0)
    expect(readFileSync(join(checkout, 'docs', 'cli.md'), 'utf8')).toContain('### try greet')
    expect(await run('bin/generate-docs.js', ['--check'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    writeFileSync(join(checkout, 'docs', 'cli.md'), 'changed')
    expect(await run('bin/generate-docs.js', ['--check'])).toMatchObject({ code: 1 })
  })

  test('a changed source is built again', async () => {
    writeCommand(checkout, 'try/greet', greeting('goodbye'))
    expect((await setup()).stderr).toContain('built in')
    expect((await signon('try', 'greet')).stdout).toBe('goodbye\n')
  })
})

describe('dependencies', () => {
  /** A folder with setup.js, a lock file, and the account that npm keeps of what is installed. */
  function folderWith(wanted: object, installed: object | undefined): string {
    const folder = newFolder()
    cpSync(join(checkout, 'bin'), join(folder, 'bin'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...wanted } }))
    mkdirSync(join(folder, 'node_modules'))
    if (installed !== undefined)
      writeFileSync(
        join(folder, 'node_modules', '.package-lock.json'),
        JSON.stringify({ packages: installed }),
      )
    return folder
  }

  const quiet = '--no-audit --no-fund --loglevel=error'
  const setupIn = (folder: string, npm: { readonly path: string }) =>
    start(process.execPath, [join(folder, 'bin', 'setup.js')], {
      PATH: `${npm.path}${delimiter}${process.env.PATH}`,
    }).finished
  const a = { version: '1.0.0', integrity: 'sha512-a' }
  test.each([
    ['nothing installed', { a }, undefined],
    ['an older version', { a }, { a: { ...a, version: '0.9.0' } }],
    ['other content', { a }, { a: { ...a, integrity: 'sha512-b' } }],
    ['one missing', { a, b: a }, { a }],
  ])('%s: npm ci, and why it failed is shown', async (_name, wanted, installed) => {
    const folder = folderWith(wanted, installed)
    const npm = fakeNpm(folder, 'echo npm says no >&2; exit 7')
    const { code, stderr } = await setupIn(folder, npm)
    expect(npm.calls()).toBe(`ci ${quiet}\n`)
    expect(stderr).toBe(
      'installing the dependencies ...\nthe dependencies could not be installed:\nnpm says no\n',
    )
    expect(code).toBe(1)
  })

  test('a lock file without the packages of other platforms: npm install, if it keeps to the lock', async () => {
    const refuse = 'if [ "$1" = ci ]; then echo npm error code EUSAGE >&2; exit 1; fi'
    const folder = folderWith({ a }, undefined)
    const careless = fakeNpm(folder, refuse)
    expect((await setupIn(folder, careless)).stderr).toContain('did not install what package-lock.json says')
    expect(careless.calls()).toBe(`ci ${quiet}\ninstall --no-save ${quiet}\n`)

    const other = folderWith({ a }, undefined)
    const account = join(other, 'node_modules', '.package-lock.json')
    const careful = fakeNpm(other, `${refuse}\ncp '${join(other, 'package-lock.json')}' '${account}'`)
    expect((await setupIn(other, careful)).stderr).toMatch(/installed the dependencies in .* s\nbuilding/)
  })

  test('an optional package of another platform may be missing', async () => {
    const folder = folderWith({ a, b: { ...a, optional: true } }, { a })
    const npm = fakeNpm(folder, 'exit 7')
    const { stderr } = await setupIn(folder, npm)
    expect(() => npm.calls()).toThrow()
    expect(stderr).toContain('building ...')
  })
})
