/**
 * The HTTP server over a real ledger, without port, node and anchors: requests are injected, the time is the
 * test's, and the storage under the ledger fails when it is told to.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Administrator } from '../../src/admin/administration.ts'
import type { Connection } from '../../src/admin/connection.ts'
import { createOperations } from '../../src/admin/operations.ts'
import type { AuthorizationContext } from '../../src/authorization-server/context.ts'
import { createPrivateKey } from '../../src/chain/keys.ts'
import { homePaths, prepareHome } from '../../src/config/home.ts'
import { loadSettings } from '../../src/config/load.ts'
import { openCore } from '../../src/core.ts'
import { createHttpServer, type HttpTimeouts } from '../../src/http/server.ts'
import type { Checkpoints } from '../../src/ledger/checkpoints.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import { publishedLog } from '../../src/ledger/published-log.ts'
import type { Storage } from '../../src/ledger/storage.ts'
import { receiptSource } from '../../src/receipts.ts'

export type Response = LightMyRequestResponse
export type Form = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

export interface HttpRoutes {
  http: FastifyInstance
  context: AuthorizationContext
  checkpoints: Checkpoints
  issuer: string
  administrator: Administrator
  /** Milliseconds since 1970, as the server sees them. */
  clock: { nowMs: number }
  faults: StorageFaults
  /** Messages of the server log, from level "warn" on unless told otherwise. */
  complaints: string[]
  post(path: string, form: Form, headers?: Record<string, string>): Promise<Response>
  close(): Promise<void>
}

interface RoutesOptions {
  /** Settings, as environment variables. */
  environment?: Record<string, string>
  isSecure?: boolean
  timeouts?: HttpTimeouts
  /** Level of the server log from which on lines are kept. */
  logLevel?: string
  trustProxy?: boolean
}

const startMs = Date.UTC(2030, 0, 1)
export const issuer = 'http://signon.example'

export async function openRoutes({
  environment = {},
  isSecure = false,
  timeouts,
  logLevel = 'warn',
  trustProxy = false,
}: RoutesOptions = {}): Promise<HttpRoutes> {
  const home = await mkdtemp(join(tmpdir(), 'signon-routes-'))
  const paths = homePaths(home)
  prepareHome(paths)
  const key = createPrivateKey()
  const clock = { nowMs: startMs }
  const now = () => clock.nowMs
  const loaded = loadSettings({
    home,
    environment: {
      COINSTACK_ENDPOINT: 'embedded',
      SIGNON_SERVER_PRIVATEKEYS: createPrivateKey().toWif(),
      SIGNON_ADMIN_ADDRESS: key.address,
      SIGNON_SERVER_ISSUER: isSecure ? issuer.replace('http:', 'https:') : issuer,
      ...environment,
    },
  })
  const core = await openCore(loaded, paths, loaded.settings.server.issuer, now)
  const { context } = core
  const complaints: string[] = []
  const stream = { write: (line: string) => void complaints.push(JSON.parse(line).msg) }
  const { log: logger } = fastify({ logger: { level: logLevel, stream } })
  const http = await createHttpServer({
    context,
    pages: { isSecure, loginOrigins: loaded.settings.login.origins },
    health: () => ({
      isReady: context.ledger.isWritable,
      ledger: { position: context.ledger.size },
      anchors: { confirmed: 0, pending: 0, lagEvents: 0, node: 'unknown' },
    }),
    log: publishedLog(context.ledger.storage, core.checkpoints),
    receipts: receiptSource(context.ledger.storage),
    logger,
    jsonRequests: loaded.settings.server.jsonRequests,
    trustProxy,
    ...(timeouts && { timeouts }),
  })
  await http.ready()
  // It has been up for a while: DPoP proofs of its first seconds need a nonce.
  clock.nowMs += 60_000
  const unasked = () => {
    throw new Error('not part of these tests')
  }
  const operations = createOperations({
    context,
    status: unasked,
    monitor: unasked,
    coinAddresses: unasked,
    seal: unasked,
    retain: unasked,
    retention: unasked,
    segments: unasked,
  })
  const connection: Connection = {
    isRunning: false,
    operations: operations as unknown as Connection['operations'],
    reader: context.ledger.storage,
    close: async () => undefined,
  }
  return {
    http,
    context,
    checkpoints: core.checkpoints,
    issuer: loaded.settings.server.issuer,
    administrator: { connection, key, now },
    clock,
    faults: new StorageFaults(context.ledger.storage),
    complaints,
    post: (path, form, headers = {}) =>
      http.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        payload: formText(form),
      }),
    async close() {
      await http.close()
      await core.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

export const formText = (form: Form): string =>
  new URLSearchParams((Array.isArray(form) ? form : Object.entries(form)) as [string, string][]).toString()

/** HTTP Basic with form-encoded parts (RFC 6749 section 2.3.1). */
export function basic(clientId: string, secret: string): { authorization: string } {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  const credentials = Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')
  return { authorization: `Basic ${credentials}` }
}

/** Lets a ledger's storage fail as a disk would: by turns or for good, at reading, writing or opening again. */
class StorageFaults {
  /** Reads fail. */
  reading = false
  /** Writes fail, and nothing of them is stored. */
  writing = false
  /** Writes are stored, and then fail all the same. */
  acknowledging = false
  /** Opening again fails, so that a failed write is not got over. */
  opening = false

  constructor(storage: Storage) {
    const { get, batch, reopen } = storage
    const failure = () => new LedgerError('unavailable', 'input/output error at /var/lib/ledger/000005.ldb')
    storage.get = (key) => {
      if (this.reading) throw failure()
      return get.call(storage, key)
    }
    storage.batch = () => {
      const real = batch.call(storage)
      const write = async () => {
        if (this.writing) throw failure()
        await real.write()
        if (this.acknowledging) throw failure()
      }
      return { ...real, write }
    }
    storage.reopen = async () => {
      if (this.opening) throw failure()
      await reopen.call(storage)
    }
  }
}
