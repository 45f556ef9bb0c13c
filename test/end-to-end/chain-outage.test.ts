/** The chain may fail: OAuth goes on, the lag shows, and anchoring catches up by itself. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeys } from '../../src/admin/keys.ts'
import { type NodeProcess, startNodeProcess } from '../support/node-process.ts'
import { isActive, issueToken, registerSample } from '../support/oauth-requests.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

interface Ready {
  status: string
  ledger: { position: number }
  anchors: { confirmed: number; pending: number; lagEvents: number; node: string }
}

describe('the node stops for a while', () => {
  let node: NodeProcess
  let server: TestServer

  const ready = async (): Promise<Ready> => {
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(200)
    return (await answer.json()) as Ready
  }
  const readyWith = (what: string, isSo: (health: Ready) => boolean): Promise<Ready> =>
    eventually(what, async () => {
      const health = await ready()
      return isSo(health) && health
    })
  const serveTokens = async () => {
    for (let count = 0; count < 5; count++) {
      const { access_token: token } = await issueToken(server.url)
      expect(await isActive(server.url, token)).toBe(true)
    }
  }

  beforeAll(async () => {
    const key = createKeys(1)[0]!
    node = await startNodeProcess(key.address)
    server = await startServer({
      environment: {
        COINSTACK_ENDPOINT: node.endpoint,
        COINSTACK_TIMEOUT: '1000',
        SIGNON_SERVER_PRIVATEKEYS: key.wif,
      },
    })
    await registerSample(server)
  })

  it('with the node there, everything is anchored', async () => {
    await serveTokens()
    const { anchors } = await readyWith('all is anchored', ({ anchors }) => anchors.lagEvents === 0)
    expect(anchors).toMatchObject({ node: 'reachable' })
    expect(anchors.confirmed).toBeGreaterThan(0)
  })

  it('without it, tokens are issued and introspected, and the lag shows', async () => {
    await node.stop()
    await serveTokens()
    const { anchors } = await readyWith('the outage shows', ({ anchors }) => anchors.node === 'unreachable')
    expect(anchors.lagEvents).toBe(5)
    await serveTokens()
    const { stdout, exitCode } = await server.cli(['server', 'check', '--profile', 'test'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /^Server is running\nAnchors: \d+ confirmed, \d+ pending, 10 events behind, node unreachable\nSessions ended: none; logouts told: none\nGrants ended: none; pauses: none\n$/,
    )
    const monitor = JSON.parse((await server.cli(['server', 'monitor', '--json'])).stdout)
    expect(monitor.anchors).toMatchObject({ lagEvents: 10 })
    expect(monitor.ledger.position).toBe((await ready()).ledger.position)
  })

  it('the server starts without it as well', async () => {
    await server.restart()
    await serveTokens()
    const { anchors } = await readyWith('the outage shows', ({ anchors }) => anchors.node === 'unreachable')
    expect(anchors.lagEvents).toBe(15)
  })

  it('audit verify says that it could not ask, and finds nothing wrong', async () => {
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--json'])
    expect(exitCode).toBe(0)
    const { ok, warnings } = JSON.parse(stdout)
    expect(ok).toBe(true)
    expect(warnings.join()).toContain(`the node at ${node.endpoint} could not be asked`)
  })

  it('back again, anchors catch up by themselves', async () => {
    const before = (await ready()).anchors.confirmed
    await node.start()
    const { anchors } = await readyWith(
      'the anchors have caught up',
      ({ anchors }) => anchors.lagEvents === 0,
    )
    expect(anchors).toMatchObject({ node: 'reachable' })
    expect(anchors.confirmed).toBeGreaterThan(before)
    await serveTokens()
    await readyWith('the last are anchored too', ({ anchors }) => anchors.lagEvents === 0)
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, faults: [], warnings: [], pendingAnchors: 0 })
  })
})
