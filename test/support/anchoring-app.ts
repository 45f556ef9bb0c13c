/** The whole server in this process, anchoring on its development node, and the built program beside it. */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import type { Administrator } from '../../src/admin/administration.ts'
import { connectTo } from '../../src/admin/connection.ts'
import { type App, openApp } from '../../src/app.ts'
import { createPrivateKey } from '../../src/chain/keys.ts'
import { homePaths } from '../../src/config/home.ts'
import { loadSettings } from '../../src/config/load.ts'
import { type Finished, start } from '../terminal/child-process.ts'

const program = fileURLToPath(new URL('../../bin/coinstack-signon', import.meta.url))

/** Runs the built program to its end. */
export function runBuilt(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = start(process.execPath, [program, ...words], environment)
  child.endInput()
  return child.finished
}

export interface AnchoringApp {
  home: string
  issuer: string
  serverAddress: string
  administrator: Administrator
  /** Runs the program on this home, with the server running or stopped. */
  cli(...words: string[]): Promise<Finished>
  /** Resolves when so many events are anchored in a block. */
  anchored(): Promise<void>
  stop(): Promise<void>
  close(): Promise<void>
}

export async function openAnchoringApp(): Promise<AnchoringApp> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'signon-receipts-')))
  const key = createPrivateKey()
  const serverKey = createPrivateKey()
  const paths = homePaths(home)
  const environment = {
    COINSTACK_SIGNON_HOME: home,
    COINSTACK_ENDPOINT: 'embedded',
    NODE_PORT: '0',
    NODE_BLOCK_INTERVAL: '200',
    SIGNON_ANCHOR_INTERVAL: '1',
    SIGNON_SERVER_PORT: '0',
    SIGNON_SERVER_PRIVATEKEYS: serverKey.toWif(),
    SIGNON_ADMIN_ADDRESS: key.address,
    SIGNON_LEDGER_ORIGIN: 'test.signon.example',
  }
  const { log: logger } = fastify({ logger: { level: 'silent' } })
  const loaded = loadSettings({ home, environment })
  let app: App | undefined = await openApp({
    loaded,
    paths,
    version: 'test',
    logger,
    environment: {},
    now: Date.now,
  })
  const stop = async () => {
    await app?.close()
    app = undefined
  }
  const connection = await connectTo(paths.controlSocket)
  if (!connection) throw new Error('the server does not answer on its control socket')
  return {
    home,
    issuer: app.issuer,
    serverAddress: serverKey.address,
    administrator: { connection, key, now: Date.now },
    cli: (...words) => runBuilt(words, environment),
    async anchored() {
      for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
        const { anchors } = app!.monitor()
        if (anchors.lagEvents === 0 && anchors.pending === 0) return
        if (Date.now() > end) throw new Error('waited in vain for an anchor')
      }
    },
    stop,
    async close() {
      await stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
