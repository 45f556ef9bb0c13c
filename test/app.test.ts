/** What a server says when it starts. */
import { join } from 'node:path'
import fastify from 'fastify'
import { expect, test } from 'vitest'
import { openApp } from '../src/app.ts'
import { createPrivateKey } from '../src/chain/keys.ts'
import { homePaths } from '../src/config/home.ts'
import { loadSettings } from '../src/config/load.ts'
import { temporaryFolder } from './support/ledger.ts'

test('a clock that is behind the last event', async () => {
  const home = join(temporaryFolder(), 'home')
  const loaded = loadSettings({
    home,
    environment: {
      COINSTACK_ENDPOINT: 'embedded',
      NODE_PORT: '0',
      SIGNON_SERVER_PORT: '0',
      SIGNON_SERVER_PRIVATEKEYS: createPrivateKey().toWif(),
      SIGNON_ADMIN_ADDRESS: createPrivateKey().address,
      SIGNON_LEDGER_ORIGIN: 'test.signon.example',
    },
  })
  const warningsAt = async (nowMs: number) => {
    const lines: Record<string, unknown>[] = []
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const { log: logger } = fastify({ logger: { level: 'warn', stream } })
    const app = await openApp({
      loaded,
      paths: homePaths(home),
      version: 'test',
      logger,
      environment: {},
      now: () => nowMs,
    })
    await app.close()
    return lines.filter((line) => 'aheadSeconds' in line)
  }
  const openedMs = Date.UTC(2026, 5, 1)
  const warned = {
    aheadSeconds: 86_400,
    msg: 'the last event is of a later time than the clock says: events bear its time until then',
  }
  expect(await warningsAt(openedMs)).toEqual([])
  expect(await warningsAt(openedMs - 86_400_000)).toMatchObject([warned])
  expect(await warningsAt(openedMs - 10_000)).toEqual([])
})
