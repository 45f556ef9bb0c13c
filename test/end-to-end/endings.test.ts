/** Commands that run until they are ended: by Ctrl-C, SIGTERM or a terminal that is closed, and nothing is left of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { program } from '../commands/program.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import {
  eventually,
  makeConfiguredHome,
  startServer,
  type TestServer,
  temporaryFolder,
} from '../support/server.ts'
import { hasTerminal, type Running, start, startOnTerminal } from '../terminal/child-process.ts'

const hasProcessTable = existsSync('/proc/self/environ')
let server: TestServer

beforeAll(async () => {
  server = await startServer()
  await registerSample(server)
})

const environment = (home: string, mark: string) => ({
  HOME: home,
  COINSTACK_SIGNON_HOME: home,
  SIGNON_SERVER_PORT: '0',
  NODE_PORT: '0',
  SIGNON_TEST_MARK: mark,
})

/** Processes that bear the mark in their environment. */
const marked = (mark: string): string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      const variables = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0')
      return /^\d+$/.test(name) && variables.includes(`SIGNON_TEST_MARK=${mark}`)
    } catch {
      return false
    }
  })

let marks = 0
interface Case {
  words: () => string[]
  home: () => string
  shows: string
}

const cases: Record<string, Case> = {
  'server monitor': {
    words: () => ['server', 'monitor'],
    home: () => server.home,
    shows: '# Current services',
  },
  'server log': { words: () => ['server', 'log'], home: () => server.home, shows: 'serving' },
  'audit witness': {
    words: () => ['audit', 'witness', server.url, '--state', `${temporaryFolder()}/state`],
    home: () => server.home,
    shows: 'first seen with',
  },
  'server run': {
    words: () => ['server', 'run', '--profile', 'test'],
    home: () => makeConfiguredHome().home,
    shows: 'Server started: ',
  },
}

describe.runIf(hasTerminal && hasProcessTable)('on a terminal', () => {
  /** The terminal's modes before and after, and the exit code between them, around the program. */
  function began(name: string) {
    const { words, home, shows } = cases[name]!
    const mark = `mark ${++marks}`
    const folder = home()
    const line = [process.execPath, program, ...words()].map((word) => `'${word}'`).join(' ')
    const script = `trap : INT; stty -g; ${line}; echo "ended with $?"; stty -g`
    const child = startOnTerminal('sh', ['-c', script], environment(folder, mark))
    return { child, mark, shows, folder }
  }

  it.each(Object.keys(cases))('%s: Ctrl-C ends it and the terminal is as it was', async (name) => {
    const { child, mark, shows } = began(name)
    await child.shows(shows)
    child.write('\u0003')
    const { stdout } = await child.finished
    const lines = stdout.split(/\r?\n/).map((line) => line.trim())
    expect(stdout).toContain('ended with 0')
    expect(lines.at(-2)).toBe(lines[0])
    expect(stdout.split('\u001b[?1049h').length).toBe(stdout.split('\u001b[?1049l').length)
    expect(marked(mark)).toEqual([])
  })

  it.each(Object.keys(cases))('%s: nothing of it outlives a terminal that is closed', async (name) => {
    const { child, mark, shows, folder } = began(name)
    await child.shows(shows)
    // The process that holds the other end of the terminal.
    child.kill('SIGKILL')
    await child.finished
    await eventually('all its processes are gone', () => marked(mark).length === 0)
    if (name === 'server run') expect(readdirSync(`${folder}/run`)).toEqual([])
  })
})

describe('without a terminal', () => {
  const began = (name: string): { child: Running; shows: string } => {
    const { words, home, shows } = cases[name]!
    return { child: start(process.execPath, [program, ...words()], environment(home(), 'none')), shows }
  }

  it.each(
    Object.keys(cases).flatMap((name) =>
      (['SIGTERM', 'SIGHUP'] as const).map((signal) => [name, signal] as const),
    ),
  )('%s: %s ends it', async (name, signal) => {
    const { child, shows } = began(name)
    await child.shows(shows)
    child.kill(signal)
    expect(await child.finished).toMatchObject({ code: 0, signal: null })
  })

  it('a server serves on when nobody reads what it says any more', async () => {
    const quiet = await startServer({ environment: { SIGNON_LOG_LEVEL: 'trace' } })
    await registerSample(quiet)
    quiet.closeOutput()
    const log = () =>
      readdirSync(quiet.paths.logs)
        .map((name) => readFileSync(`${quiet.paths.logs}/${name}`, 'utf8'))
        .join('')
    const before = log().length
    for (let i = 0; i < 5; i++) await issueToken(quiet.url)
    await eventually('the log goes on', () => log().length > before)
    const { code } = await quiet.stop()
    expect(code).toBe(0)
    expect(readdirSync(dirname(quiet.paths.pidFile))).toEqual([])
  })
})
