/** The composition root: opens every room and hands each what it needs. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { interval } from 'rxjs'
import { listenOnControlSocket } from './admin/control-socket.ts'
import type { ServerStatus } from './admin/operations.ts'
import { type Anchorer, openAnchorer } from './anchor/anchorer.ts'
import { openSessionUpkeep } from './authorization-server/session-upkeep.ts'
import { type HomePaths, prepareHome } from './config/home.ts'
import type { LoadedSettings } from './config/load.ts'
import { derivedIssuer } from './config/settings.ts'
import { type Core, openCore } from './core.ts'
import { DevNodeError } from './devnode/errors.ts'
import { type DevNode, type DevNodeSettings, openDevNode } from './devnode/node.ts'
import { gracefulClose } from './graceful-close.ts'
import type { Health } from './http/routes/health.ts'
import { createHttpServer } from './http/server.ts'
import { publishedLog } from './ledger/published-log.ts'
import { nodeClient } from './node-client.ts'
import { operationsOf, statusOf } from './operations.ts'
import { type Counters, counters$, zeroCounters } from './projections/counters.ts'
import { flatHistory, type History, history$ } from './projections/history.ts'
import { LifetimeFollower } from './projections/lifetime-follower.ts'
import { type Monitor, monitor } from './projections/monitor.ts'
import { receiptSource } from './receipts.ts'
import { policyOf, startRetention } from './retention.ts'
import { startSealing } from './sealing.ts'
import { keepSigningKeys, takeOverSigningKey } from './signing-keys.ts'

/** What the embedded node keeps each server key at. */
const developmentFundsSats = 10n * 100_000_000n

export interface AppOptions {
  loaded: LoadedSettings
  paths: HomePaths
  version: string
  logger: FastifyBaseLogger
  /** Credentials for the node. */
  environment: Readonly<Record<string, string | undefined>>
  now: () => number
}

export interface App {
  /** Where browsers and clients reach the server. */
  issuer: string
  port: number
  status(): ServerStatus
  monitor(): Monitor
  /** Ends in the order of dependence: no new requests, the last checkpoint, the ledger, the node. */
  close(): Promise<void>
}

/** A clock that is set right by its network moves by less. */
const clockStepMs = 60_000

/** An address that another program holds. */
export class PortInUseError extends Error {
  readonly code = 'port_in_use'
}

/**
 * Opens everything; when this resolves, the server serves. What was opened is closed again where a later
 * step fails.
 *
 * @throws LedgerError, ChainError, DevNodeError, PortInUseError, HomeError
 */
export async function openApp({
  loaded,
  paths,
  version,
  logger,
  environment,
  now,
}: AppOptions): Promise<App> {
  const { settings, sources } = loaded
  prepareHome(paths)
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    const { tls: tlsFiles, host } = settings.server
    const issuerOf = (port: number) =>
      sources['signon.server.issuer'].layer === 'derived'
        ? derivedIssuer(tlsFiles !== undefined, port)
        : settings.server.issuer
    const core = await openCore(loaded, paths, issuerOf(settings.server.port), now, {
      onError: (err) => logger.error({ err }, 'the repository of users failed'),
    })
    closing.push(() => core.close())
    const { context, identity, checkpoints } = core
    // Whoever holds the ledger's lock serves this home; a pid file of a server that is gone is overwritten.
    const removePidFile = () => rm(paths.pidFile, { force: true })
    await writeFile(paths.pidFile, `${process.pid}\n`, { mode: 0o600 })
    closing.push(removePidFile)

    let node: DevNode | undefined
    if (settings.coinstack.endpoint === 'embedded') {
      node = await openNode({
        directory: paths.node,
        port: settings.node.port,
        blockIntervalMs: settings.node.blockIntervalMs,
        fund: { addresses: identity.keys.map((key) => key.address), amountSats: developmentFundsSats },
        clock: now,
        onError: (error) => logger.error({ err: error }, 'the development chain could not mine'),
      })
      const { close: closeNode } = node
      closing.push(() => closeNode())
    }
    const chainCalls = { read: 0, write: 0 }
    const chain = nodeClient({
      endpoint: node?.endpoint ?? settings.coinstack.endpoint,
      timeoutMs: settings.coinstack.timeoutMs,
      environment,
      onCall: (kind) => {
        chainCalls[kind]++
      },
    })
    const anchorer = await openAnchorer({
      ledger: context.ledger,
      checkpoints,
      chain,
      keys: identity.keys,
      feeRateSatsPerByte: settings.anchor.feeRateSatsPerByte,
      intervalMs: settings.anchor.intervalSeconds * 1000,
      now,
      log: logger,
    })

    const lifetimes = new LifetimeFollower(context.ledger, {
      onError: (err) => logger.warn({ err }, 'the index by time could not be written; it is tried again'),
    })
    closing.push(() => lifetimes.stop())
    await takeOverSigningKey(settings.keys.first, context.keys, logger)
    const upkeep = await openSessionUpkeep(context, logger)
    closing.push(() => upkeep.stop())
    const live = followEvents(core)
    closing.push(async () => live.stop())
    const showMonitor = (): Monitor =>
      monitor({
        counters: live.counters,
        history: live.history,
        cacheCounts: context.models.cacheCounts,
        chainCalls,
        position: context.ledger.size,
        anchors: anchorer.status(),
      })
    const http = await createHttpServer({
      context,
      pages: {
        isSecure: new URL(issuerOf(settings.server.port)).protocol === 'https:',
        loginOrigins: settings.login.origins,
      },
      log: publishedLog(context.ledger.storage, checkpoints),
      receipts: receiptSource(context.ledger.storage),
      health: () => healthOf(core, anchorer, showMonitor()),
      logger,
      trustProxy: settings.server.trustProxy,
      jsonRequests: settings.server.jsonRequests,
      ...(tlsFiles && {
        tls: { cert: await readFile(tlsFiles.certificateFile), key: await readFile(tlsFiles.privateKeyFile) },
      }),
    })
    closing.push(
      () => checkpoints.sign(),
      () => anchorer.stop(),
      gracefulClose(http),
    )
    await listen(() => http.listen({ host, port: settings.server.port }), settings.server.port)
    const { port } = http.server.address() as AddressInfo
    context.settings.issuer = issuerOf(port)

    const status = () => statusOf(core, loaded, version, port, chain.endpoint)
    const operations = operationsOf(core, loaded, status, showMonitor)
    const control = await listenOnControlSocket(paths.controlSocket, operations, context.ledger.storage)
    closing.push(async () => {
      await removePidFile()
      await control.close()
      await rm(paths.controlSocket, { force: true })
    })
    const sealing = startSealing(core.sealer, settings.ledger.sealAfterSeconds * 1000, now, logger)
    const retention = startRetention(core.retainer, policyOf(settings), logger)
    // What retention does ends with the sealer, whose turn it takes.
    closing.push(retention, sealing, () => core.sealer.stop())
    const aheadMs = context.ledger.lastTimeMs - now()
    if (aheadMs > clockStepMs)
      logger.warn(
        { aheadSeconds: Math.round(aheadMs / 1000) },
        'the last event is of a later time than the clock says: events bear its time until then',
      )
    anchorer.start()
    const keeping = keepSigningKeys(context.keys, logger)
    closing.push(async () => keeping.stop())
    upkeep.start()
    lifetimes.start()
    logger.info(
      { issuer: context.settings.issuer, position: context.ledger.size, endpoint: chain.endpoint },
      'serving',
    )
    return { issuer: context.settings.issuer, port, status, monitor: showMonitor, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The live projections, kept at their present values. */
function followEvents({ context: { ledger } }: Core) {
  const live: { counters: Counters; history: History; stop(): void } = {
    counters: zeroCounters,
    history: flatHistory,
    stop() {
      counting.unsubscribe()
      drawing.unsubscribe()
    },
  }
  const counted$ = counters$(ledger.committed$)
  const counting = counted$.subscribe((counters) => {
    live.counters = counters
  })
  const drawing = history$(counted$, interval(1000)).subscribe((history) => {
    live.history = history
  })
  return live
}

function healthOf({ context: { ledger } }: Core, anchorer: Anchorer, { anchors }: Monitor): Health {
  return {
    isReady: ledger.isWritable,
    ledger: { position: ledger.size },
    anchors: { ...anchors, node: anchorer.status().node },
  }
}

async function listen(start: () => Promise<unknown>, port: number): Promise<void> {
  try {
    await start()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new PortInUseError(`signon.server.port: port ${port} is in use by another program`, {
        cause: error,
      })
    if (code === 'EACCES')
      throw new PortInUseError(`signon.server.port: port ${port} may not be opened by this user`, {
        cause: error,
      })
    throw error
  }
}

async function openNode(settings: DevNodeSettings): Promise<DevNode> {
  try {
    return await openDevNode(settings)
  } catch (error) {
    if (!(error instanceof DevNodeError) || error.code !== 'port_in_use') throw error
    throw new PortInUseError(`node.port: ${error.message}`, { cause: error })
  }
}
