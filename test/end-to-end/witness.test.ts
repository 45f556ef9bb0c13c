/** `audit witness` on a real server, and on one that rewrites its history. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { historyOrigin, historyServer, publishedHistory } from '../support/published-history.ts'
import {
  eventually,
  type Home,
  makeHome,
  startServer,
  type TestServer,
  temporaryFolder,
} from '../support/server.ts'

const evidenceOf = (file: string) =>
  readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.evidence`))

describe('of a real server', () => {
  let server: TestServer
  let home: Home
  let state: string
  let cosignKey: string

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    home = makeHome()
    const folder = temporaryFolder()
    state = join(folder, 'state.json')
    cosignKey = join(folder, 'witness.key')
    const { stdout } = await home.cli(['key', 'witness', 'witness.example/one'])
    writeFileSync(cosignKey, stdout)
    await eventually('a checkpoint', async () => (await fetch(`${server.url}/ledger/checkpoint`)).ok)
  })

  const look = (...more: string[]) =>
    home.cli(['audit', 'witness', server.url, '--state', state, '--once', ...more])
  const stored = () => JSON.parse(readFileSync(state, 'utf8'))
  const servedSize = async () =>
    Number((await (await fetch(`${server.url}/ledger/checkpoint`)).text()).split('\n')[1])

  it('the first look trusts, and says so', async () => {
    const { stdout, stderr, exitCode } = await look('--cosign-key', cosignKey)
    expect(stdout).toMatch(/: first seen with \d+ events\n$/)
    const { key, trust } = stored()
    expect(stderr).toBe(`key trusted on first use: ${key}\ncompare it with what the operator says\n`)
    expect(trust).toBe('first use')
    expect(exitCode).toBe(0)
  })

  it('then the log has grown by more than a tile, and is cosigned', async () => {
    const { size } = stored()
    for (let round = 0; round < 30; round++)
      await Promise.all(Array.from({ length: 10 }, () => issueToken(server.url)))
    await eventually('a checkpoint of it', async () => (await servedSize()) > size + 256)
    const { stdout, exitCode } = await look('--cosign-key', cosignKey)
    expect(stdout).toMatch(new RegExp(`: \\d+ events, which begin with the ${size} seen before\n$`))
    expect(exitCode).toBe(0)
    expect(stored().cosigned).toContain('\u2014 witness.example/one ')
  })

  it('what it saw it shows as JSON, with the key given', async () => {
    const { key } = stored()
    const { stdout, exitCode } = await look('--key', key, '--json')
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ state: { key, cosigned: null } })
  })

  it('follows until it is ended', async () => {
    const words = ['audit', 'witness', server.url, '--state', state, '--interval', '1']
    const running = home.run(words)
    const { seenAt } = stored()
    await eventually('it looked twice', () => stored().seenAt !== seenAt && stored().seenAt)
    running.kill('SIGTERM')
    expect(await running.finished).toMatchObject({ code: 0, stderr: '' })
  })

  it('alone: another one on its state is refused until it has ended, be it by kill -9', async () => {
    const { seenAt } = stored()
    const running = home.run(['audit', 'witness', server.url, '--state', state, '--interval', '1'])
    await eventually('it looked', () => stored().seenAt !== seenAt)
    expect(await look()).toEqual({
      stdout: '',
      stderr: `${state}: another witness keeps it; each needs a state file of its own\n`,
      exitCode: 1,
    })
    running.kill('SIGKILL')
    await running.finished
    expect(await look()).toMatchObject({ stderr: '', exitCode: 0 })
  })

  it('many at once: each looks in its turn or is refused, and the state is whole', async () => {
    const looks = await Promise.all(Array.from({ length: 6 }, () => look()))
    for (const { stdout, stderr, exitCode } of looks)
      expect(exitCode === 0 ? stdout : stderr).toMatch(
        /nothing new|which begin with|another witness keeps it/,
      )
    expect(looks.some(({ exitCode }) => exitCode === 0)).toBe(true)
    expect(stored().origin).toBe(stored().note.split('\n')[0])
  })

  it('a server that is away proves nothing', async () => {
    const before = stored()
    await server.stop()
    const { stdout, stderr, exitCode } = await look()
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
    expect(stderr).toMatch(/^http:\S+\/ledger\/checkpoint: .*ECONNREFUSED.*\n$/)
    expect(stored()).toEqual(before)
    expect(evidenceOf(state)).toEqual([])
  })
})

describe('of a server that rewrites its history', () => {
  const { app, show } = historyServer()
  let home: Home
  let url: string

  beforeAll(async () => {
    home = makeHome()
    url = await (app as FastifyInstance).listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(() => app.close())

  it.each([
    ['rewritten', publishedHistory(700, 3)],
    ['forked', publishedHistory(300, 3)],
    ['shrunk', publishedHistory(299)],
  ])('%s: exit code 1, evidence, and the state stays', async (kind, history) => {
    const state = join(temporaryFolder(), 'state.json')
    const look = (...more: string[]) => home.cli(['audit', 'witness', url, '--state', state, ...more])
    show(publishedHistory(300))
    expect((await look('--once')).exitCode).toBe(0)
    const before = readFileSync(state, 'utf8')
    show(history)
    const { stdout, stderr, exitCode } = await look('--interval', '1')
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 })
    expect(stdout).toMatch(new RegExp(`^ALARM ${historyOrigin} ${kind}: .*\nevidence: .*\n$`))
    const [file, ...others] = evidenceOf(state)
    expect(others).toEqual([])
    expect(JSON.parse(readFileSync(join(dirname(state), file!), 'utf8'))).toMatchObject({
      version: 1,
      kind,
      shown: history.note(),
      seen: JSON.parse(before).note,
    })
    expect(readFileSync(state, 'utf8')).toBe(before)
  })

  it('and goes on where it did not', async () => {
    const state = join(temporaryFolder(), 'state.json')
    for (const size of [1, 255, 256, 700]) {
      show(publishedHistory(size))
      expect((await home.cli(['audit', 'witness', url, '--state', state, '--once'])).exitCode).toBe(0)
    }
  })

  it.each([
    ['no state', '{', 'is not the state of a witness'],
    ['another version', '{"version":2}', 'version 2 of the state is not known'],
    ['half a state', '{"version":1}', 'the state is incomplete'],
  ])('a state file that is %s', async (_, text, message) => {
    const state = join(temporaryFolder(), 'state.json')
    writeFileSync(state, text)
    const { stderr, exitCode } = await home.cli(['audit', 'witness', url, '--state', state, '--once'])
    expect(stderr).toContain(message)
    expect(exitCode).toBe(1)
    expect(readFileSync(state, 'utf8')).toBe(text)
  })
})
