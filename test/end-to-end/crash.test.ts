/** kill -9 under load: whatever was acknowledged is there after the restart. */
import { describe, expect, it } from 'vitest'
import { isActive, issueToken, refreshToken, registerSample, signOn } from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

const connections = 16
const rounds = 4

/** A refresh token family as its holder knows it. */
interface Family {
  access: string
  refresh: string
  /** Whether a rotation was asked for whose answer has not come: then its access token may have ended. */
  isRotating: boolean
}

class Load {
  readonly acknowledged: string[] = []
  readonly families: Family[]
  #isKilled = false
  #kill: () => void = () => {}

  constructor(families: Family[]) {
    this.families = families
  }

  /** Sends requests over all connections until the server is killed, once so many answers have come. */
  async run(server: TestServer, answersUntilKill: number): Promise<void> {
    let answers = 0
    const killed = new Promise<void>((resolve, reject) => {
      this.#kill = () => {
        this.#isKilled = true
        server.kill('SIGKILL').then(() => resolve(), reject)
      }
    })
    const answered = () => {
      answers++
      if (answers === answersUntilKill) this.#kill()
    }
    const workers = this.families.map(async (family) => {
      while (!this.#isKilled) await this.#work(server.url, family, answered)
    })
    await Promise.all([killed, ...workers])
    this.#isKilled = false
  }

  /** One round of requests; ends early, and without an error, where the server was killed meanwhile. */
  async #work(url: string, family: Family, answered: () => void): Promise<void> {
    try {
      const { access_token: token } = await issueToken(url)
      this.acknowledged.push(token)
      answered()
      family.isRotating = true
      const rotated = await refreshToken(url, family.refresh)
      Object.assign(family, {
        access: rotated.access_token,
        refresh: rotated.refresh_token,
        isRotating: false,
      })
      answered()
      expect(await isActive(url, token)).toBe(true)
      answered()
    } catch (error) {
      // fetch tells a broken connection as a TypeError.
      if (!(this.#isKilled && error instanceof TypeError)) throw error
    }
  }
}

async function newFamily(url: string): Promise<Family> {
  const { access_token: access, refresh_token: refresh = '' } = await signOn(url)
  return { access, refresh, isRotating: false }
}

async function auditOf(server: TestServer): Promise<unknown> {
  const { stdout, stderr, exitCode } = await server.cli(['audit', 'verify', '--json', '--profile', 'test'])
  return exitCode === 0 ? JSON.parse(stdout) : { exitCode, stdout, stderr }
}

describe('kill -9 under load', () => {
  it('whatever was acknowledged is there, and the audit passes', { timeout: 300_000 }, async () => {
    // Longer than a restart on a busy machine takes: the retries below are those of a lost answer.
    const server = await startServer({ environment: { SIGNON_SERVER_REFRESH_TOKEN_GRACE: '300' } })
    await registerSample(server)
    const families: Family[] = []
    for (let count = 0; count < connections; count++) families.push(await newFamily(server.url))
    const load = new Load(families)

    for (let round = 0; round < rounds; round++) {
      await load.run(server, 50 + Math.floor(Math.random() * 400))
      expect((await server.finished).signal).toBe('SIGKILL')
      await server.restart()
      for (const token of load.acknowledged) expect(await isActive(server.url, token)).toBe(true)
      for (const family of families) {
        if (!family.isRotating) {
          expect(await isActive(server.url, family.access)).toBe(true)
          expect(await isActive(server.url, family.refresh)).toBe(true)
        }
        // Also where the answer to the last rotation was lost, its holder goes on.
        const { access_token: access, refresh_token: refresh = '' } = await refreshToken(
          server.url,
          family.refresh,
        )
        Object.assign(family, { access, refresh, isRotating: false })
        expect(await isActive(server.url, access)).toBe(true)
      }
      expect(await auditOf(server)).toMatchObject({ ok: true, faults: [] })
    }

    expect(load.acknowledged.length).toBeGreaterThan(rounds * 10)
    expect((await server.stop()).code).toBe(0)
    // Of a stopped server the read models are compared with the events, too.
    expect(await auditOf(server)).toMatchObject({
      ok: true,
      faults: [],
      unchecked: expect.not.arrayContaining(['the read models were not compared with the events']),
    })
  })
})
