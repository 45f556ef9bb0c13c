/** The server as a process: what it leaves behind, what it finds, and how it ends. */
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isActive, issueToken, registerSample, sampleClient } from '../support/oauth-requests.ts'
import {
  type ConfiguredHome,
  eventually,
  makeConfiguredHome,
  startProcess,
  startServer,
  type TestServer,
} from '../support/server.ts'

const hasProcessTable = existsSync('/proc/self/environ')

const failed = (stderr: string) => ({ exitCode: 1, stdout: '', stderr: `${stderr}\n` })
const done = (stdout: string) => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' })
const stopped = { exitCode: 1, stdout: 'Server stopped\n', stderr: '' }

/** Processes that run in a home, by its environment variable. */
const processesOf = ({ home }: ConfiguredHome): string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      const variables = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0')
      return /^\d+$/.test(name) && variables.includes(`COINSTACK_SIGNON_HOME=${home}`)
    } catch {
      return false
    }
  })

/** Nobody runs in the home, nobody holds its ledger, and no file says otherwise. */
async function expectNothingRuns(home: ConfiguredHome): Promise<void> {
  if (hasProcessTable) expect(processesOf(home)).toEqual([])
  expect(readdirSync(dirname(home.paths.pidFile))).toEqual([])
  expect(await home.cli(['client', 'list', '--profile', 'test'])).toMatchObject({ exitCode: 0, stderr: '' })
}

describe('a stale pid file', () => {
  it('of a process that is gone counts for nothing', async () => {
    const server = await startServer()
    await server.kill('SIGKILL')
    expect(existsSync(server.paths.pidFile)).toBe(true)
    expect(await server.cli(['server', 'check'])).toEqual(stopped)
    expect(await server.cli(['server', 'stop'])).toEqual(failed('No process detected'))
    expect(await server.cli(['server', 'monitor'])).toEqual(failed('No process detected'))
    expect(await server.cli(['server', 'start', '--profile', 'test'])).toEqual(done('Server started'))
    expect(await server.cli(['server', 'stop'])).toEqual(done('Server stopped'))
    await expectNothingRuns(server)
  })

  it.skipIf(!hasProcessTable)('of a process that is somebody else leaves that one alone', async () => {
    const home = makeConfiguredHome()
    const foreign = startProcess(['-e', 'console.log("a web server"); setInterval(() => {}, 1000)'])
    await foreign.shows('a web server')
    mkdirSync(dirname(home.paths.pidFile), { recursive: true })
    writeFileSync(home.paths.pidFile, `${foreign.pid}\n`)
    expect(await home.cli(['server', 'check'])).toEqual(stopped)
    expect(await home.cli(['server', 'stop'])).toEqual(failed('No process detected'))
    expect(await home.cli(['server', 'stop', '--force'])).toEqual(failed('No process detected'))
    expect(await home.cli(['server', 'start', '--profile', 'test'])).toEqual(done('Server started'))
    expect(await home.cli(['server', 'restart', '--profile', 'test'])).toMatchObject({ exitCode: 0 })
    expect(await home.cli(['server', 'stop'])).toEqual(done('Server stopped'))
    expect(process.kill(foreign.pid, 0)).toBe(true)
    foreign.kill('SIGTERM')
    await foreign.finished
  })

  it('that holds nonsense counts for nothing', async () => {
    const home = makeConfiguredHome()
    mkdirSync(dirname(home.paths.pidFile), { recursive: true })
    for (const text of ['', 'nonsense', '-1', '0', '1.5']) {
      writeFileSync(home.paths.pidFile, text)
      expect(await home.cli(['server', 'stop'])).toEqual(failed('No process detected'))
    }
  })
})

describe('a port in use', () => {
  let other: Server
  let port: number

  beforeAll(async () => {
    other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    port = (other.address() as AddressInfo).port
  })

  afterAll(() => void other.close())

  const texts: [variable: string, text: (port: number) => string][] = [
    ['SIGNON_SERVER_PORT', (port) => `signon.server.port: port ${port} is in use by another program`],
    ['NODE_PORT', (port) => `node.port: port ${port} on 127.0.0.1 is in use by another program`],
  ]

  it.each(texts)('%s: one line names it, and nothing is left running', async (variable, text) => {
    const home = makeConfiguredHome({ [variable]: String(port) })
    for (const verb of ['run', 'start'])
      expect(await home.cli(['server', verb, '--profile', 'test'])).toEqual(failed(text(port)))
    await expectNothingRuns(home)
  })
})

describe('server check looks at this home, and where its settings say', () => {
  let other: HttpServer
  let port: string

  beforeAll(async () => {
    // As the server of another home answers.
    other = createHttpServer((_request, answer) => {
      const anchors = { confirmed: 0, pending: 0, lagEvents: 0, node: 'reachable' }
      answer.end(JSON.stringify({ status: 'ready', ledger: { position: 1 }, anchors }))
    })
    await once(other.listen(0, '127.0.0.1'), 'listening')
    port = String((other.address() as AddressInfo).port)
  })

  afterAll(() => void other.close())

  it('a server under other settings is told with its address; that another answers there is no matter', async () => {
    const server = await startServer()
    const environment = { SIGNON_SERVER_PORT: port }
    const note =
      `the settings say http://127.0.0.1:${port}/health/ready, but the server of this home serves ${server.url} on port ` +
      `${new URL(server.url).port}: name the --profile that it was started with`
    expect(await server.cli(['server', 'check'], { environment })).toEqual({
      exitCode: 1,
      stdout: 'Server is running elsewhere\n',
      stderr: `${note}\n`,
    })
    const { stdout } = await server.cli(['server', 'check', '--json'], { environment })
    expect(JSON.parse(stdout)).toEqual({ state: 'elsewhere', note })
    await server.stop()
    expect(await server.cli(['server', 'check'], { environment })).toEqual(stopped)
  })
})

describe('a second server on the same data', () => {
  it('is refused, and the first goes on', async () => {
    const server = await startServer()
    await registerSample(server)
    const { processId } = server
    const { access_token: token } = await issueToken(server.url)
    expect(await server.cli(['server', 'run', '--profile', 'test'])).toEqual(
      failed(`the ledger in ${server.paths.ledger} is in use by another process`),
    )
    for (const words of [['start'], ['run', '--daemon']])
      expect(await server.cli(['server', ...words, '--profile', 'test'])).toEqual(
        failed(`a server runs already (process ${processId})`),
      )
    expect(readFileSync(server.paths.pidFile, 'utf8')).toBe(`${processId}\n`)
    expect(await isActive(server.url, token)).toBe(true)
    await issueToken(server.url)
    expect(await server.cli(['server', 'check', '--profile', 'test'])).toMatchObject({ exitCode: 0 })
  })
})

describe('a server that is halted', () => {
  it('is told as what it is, and can be ended by force', async () => {
    const server = await startServer()
    process.kill(server.processId, 'SIGSTOP')
    expect(await server.cli(['server', 'check', '--profile', 'test'])).toMatchObject({
      exitCode: 1,
      stdout: 'Server is booting\n',
      stderr: `process ${server.processId} does not answer; server stop --force would end it\n`,
    })
    expect(await server.cli(['client', 'list'])).toEqual(
      failed('the server does not answer; server stop --force would end it'),
    )
    expect(await server.cli(['server', 'stop', '--force'])).toEqual(done('Server stopped'))
    expect((await server.finished).signal).toBe('SIGKILL')
    await server.restart()
    expect((await server.stop()).code).toBe(0)
  })
})

/** A token request whose headers the server has, and whose body it waits for. */
async function beginTokenRequest(url: string): Promise<{ finish(): Promise<string> }> {
  const { clientId, clientSecret } = sampleClient
  const body = 'grant_type=client_credentials'
  const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  socket.write(
    [
      'POST /oauth/token HTTP/1.1',
      'Host: localhost',
      `Authorization: Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
      '\r\n',
    ].join('\r\n'),
  )
  await eventually('the server takes the request', () => answer.includes('100 Continue'))
  return {
    async finish() {
      socket.write(body)
      await once(socket, 'close')
      return answer.slice(answer.indexOf('\r\n\r\n') + 4)
    },
  }
}

describe('SIGTERM', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
  })

  it('under load: what is under way is answered, then the process ends with 0 and its files are gone', async () => {
    const acknowledged: string[] = []
    let isEnding = false
    const { url } = server
    const workers = Array.from({ length: 8 }, async () => {
      for (;;) {
        const answer = await issueToken(url).catch((error: unknown) => {
          // Refused or told to go elsewhere, but only once the end has come, and never half an answer.
          if (isEnding && (error instanceof TypeError || /answered 503/.test(String(error)))) return undefined
          throw error
        })
        if (answer === undefined) return
        acknowledged.push(answer.access_token)
      }
    })
    const begun = await beginTokenRequest(url)
    await eventually('the load is on', () => acknowledged.length > 50)
    isEnding = true
    const ended = server.stop()
    await Promise.all(workers)
    const late = await begun.finish()
    expect(late).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    acknowledged.push(
      (JSON.parse(late.slice(late.indexOf('\r\n\r\n'))) as { access_token: string }).access_token,
    )
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/Server stopped\n$/)
    await expectNothingRuns(server)
    await server.restart()
    for (const token of acknowledged) expect(await isActive(server.url, token)).toBe(true)
  })

  it('with idle connections open ends at once', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    await isActive(server.url, 'cs_at_unknown')
    const startedMs = performance.now()
    expect((await server.stop()).code).toBe(0)
    await closed
    // Requests under way may take ten seconds; nothing is under way here.
    expect(performance.now() - startedMs).toBeLessThan(9000)
    await server.restart()
  })

  it('while the server starts: it ends as any other', async () => {
    const home = makeConfiguredHome()
    const child = home.run(['server', 'run', '--profile', 'test'])
    await eventually('the server is starting', () => existsSync(home.paths.pidFile))
    child.kill('SIGTERM')
    expect((await child.finished).code).toBe(0)
    await expectNothingRuns(home)
  })

  it('SIGINT ends it the same way', async () => {
    const { code } = await server.kill('SIGINT')
    expect(code).toBe(0)
    await expectNothingRuns(server)
  })
})

describe('files', () => {
  it('the home is for its owner alone', async () => {
    const server = await startServer()
    const { home, paths } = server
    const modeOf = (path: string) => statSync(path).mode & 0o777
    for (const file of [paths.configurationFile, paths.pidFile, paths.controlSocket])
      expect(modeOf(file), file).toBe(0o600)
    for (const folder of [home, paths.logs, paths.ledger, join(home, 'run')])
      expect(modeOf(folder)).toBe(0o700)
    await server.stop()
  })
})
