/** The whole server in this process, as `server run` opens it: on free ports, in a home that goes with it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import type { Administrator } from '../../src/admin/administration.ts'
import { connectTo } from '../../src/admin/connection.ts'
import { type App, openApp } from '../../src/app.ts'
import { createPrivateKey } from '../../src/chain/keys.ts'
import { homePaths } from '../../src/config/home.ts'
import { loadSettings } from '../../src/config/load.ts'

export interface HttpApp {
  app: App
  issuer: string
  /** Registers and removes through the control socket, as the CLI does. */
  administrator: Administrator
  home: string
  /** Lines of the server log. */
  log: string[]
  close(): Promise<void>
}

const nothingByItself = 86_400

/** @param environment settings, as environment variables, over those of a quiet test server */
export async function openHttpApp(environment: Record<string, string> = {}): Promise<HttpApp> {
  const home = await mkdtemp(join(tmpdir(), 'signon-http-'))
  const removeHome = () => rm(home, { recursive: true, force: true })
  const key = createPrivateKey()
  const paths = homePaths(home)
  const log: string[] = []
  const { log: logger } = fastify({
    logger: {
      level: environment.SIGNON_LOG_LEVEL ?? 'debug',
      stream: { write: (line: string) => void log.push(line) },
    },
  })
  try {
    const loaded = loadSettings({
      home,
      environment: {
        COINSTACK_ENDPOINT: 'embedded',
        NODE_PORT: '0',
        NODE_BLOCK_INTERVAL: String(3_600_000),
        SIGNON_ANCHOR_INTERVAL: String(nothingByItself),
        SIGNON_SERVER_PORT: '0',
        SIGNON_SERVER_PRIVATEKEYS: createPrivateKey().toWif(),
        SIGNON_ADMIN_ADDRESS: key.address,
        SIGNON_LEDGER_ORIGIN: 'test.signon.example',
        ...environment,
      },
    })
    const app = await openApp({ loaded, paths, version: 'test', logger, environment: {}, now: Date.now })
    const close = async () => {
      await app.close()
      await removeHome()
    }
    const connection = await connectTo(paths.controlSocket)
    if (!connection) {
      await close()
      throw new Error('the server does not answer on its control socket')
    }
    return { app, home, issuer: app.issuer, administrator: { connection, key, now: Date.now }, log, close }
  } catch (error) {
    await removeHome()
    throw error
  }
}
