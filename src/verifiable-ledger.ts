/**
 * The ledger of a home as verification reads it: through the running server, or from the files of a stopped one just as
 * they are. What keeps a server from starting on them is a fault to be named, not a reason to give up.
 */
import { type Connection, connectTo, nodeEndpoint, noLedger } from './admin/connection.ts'
import type { CoinAddresses } from './admin/operations.ts'
import type { Fault, FaultKind } from './audit/fault.ts'
import type { KeptOutside } from './audit/verification.ts'
import { parseWif } from './chain/keys.ts'
import type { HomePaths } from './config/home.ts'
import { chosenOrigin, type LoadedSettings } from './config/load.ts'
import { readCheckpointFile } from './ledger/checkpoints.ts'
import { hasDatabaseFiles } from './ledger/database-files.ts'
import { isDamage, type LedgerError } from './ledger/errors.ts'
import { readHeadFile } from './ledger/head-file.ts'
import { openSegmentedStorage, type SegmentedStorage } from './ledger/segments/segmented-storage.ts'
import type { Registration, SegmentDamage } from './ledger/segments/segments.ts'
import type { StorageReader } from './ledger/storage.ts'

export interface VerifiableLedger {
  isRunning: boolean
  reader: StorageReader
  /** What is registered now of the files of older events. */
  segments(): Promise<readonly Registration[]>
  kept: KeptOutside
  /** What was found wrong in opening it. */
  found: readonly Fault[]
  /** By the settings: who may sign, and what the log calls itself where that was chosen. */
  addresses: CoinAddresses
  origin: string | undefined
  /** Of the server's node; undefined for an embedded one that does not run. */
  endpoint: string | undefined
  close(): Promise<void>
}

/** @throws ControlError no_ledger and those of `connectTo`; ChainError; LedgerError locked, unavailable */
export async function openToVerify(loaded: LoadedSettings, paths: HomePaths): Promise<VerifiableLedger> {
  const running = await connectTo(paths.controlSocket)
  return running ? ofRunningServer(running) : ofStoppedServer(loaded, paths)
}

/** The server holds its files against what it keeps of them when it starts. */
export const ofRunningServer = async (connection: Connection): Promise<VerifiableLedger> => ({
  isRunning: true,
  reader: connection.reader,
  segments: () => connection.operations.segments({}),
  kept: {},
  found: [],
  addresses: await connection.operations.coinAddresses({}),
  origin: undefined,
  endpoint: await nodeEndpoint(connection),
  close: () => connection.close(),
})

async function ofStoppedServer(loaded: LoadedSettings, paths: HomePaths): Promise<VerifiableLedger> {
  const { server, admin, peer, coinstack } = loaded.settings
  const addresses = {
    administrator: admin.address,
    servers: server.privateKeys.map((key) => parseWif(key).address),
    peers: [...peer.addresses],
  }
  // Before the log is opened, which then cannot be behind them.
  const kept = await readKept(paths)
  const files = await openFiles(paths)
  if (files.isEmpty && !kept.checkpoint && !kept.head) {
    await files.close()
    throw noLedger(paths.ledger)
  }
  const { reader, segments, found, close } = files
  return {
    isRunning: false,
    reader,
    segments,
    kept,
    found,
    addresses,
    origin: chosenOrigin(loaded),
    endpoint: coinstack.endpoint === 'embedded' ? undefined : coinstack.endpoint,
    close,
  }
}

async function readKept({ checkpointFile, headFile }: HomePaths): Promise<KeptOutside> {
  const note = await orNothing(readCheckpointFile(checkpointFile))
  const text = await orNothing(readHeadFile(headFile))
  return {
    ...(note !== undefined && { checkpoint: { source: checkpointFile, note } }),
    ...(text !== undefined && { head: { source: headFile, text } }),
  }
}

/** A folder in place of a file says nothing, which is malformed. */
const orNothing = (text: Promise<string | undefined>): Promise<string | undefined> =>
  text.catch((error: unknown) => {
    if (isDamage(error)) return ''
    throw error
  })

type OpenedFiles = Pick<VerifiableLedger, 'reader' | 'segments' | 'found' | 'close'> & { isEmpty: boolean }

/** LevelDB would make a database where there is none. */
async function openFiles({ ledger, segments }: HomePaths): Promise<OpenedFiles> {
  let storage: SegmentedStorage
  try {
    if (!(await hasDatabaseFiles(ledger))) return withoutStorage(noEntries, true)
    storage = await openSegmentedStorage(ledger, segments, { isToBeVerified: true })
  } catch (error) {
    if (!isDamage(error)) throw error
    return withoutStorage(refusing(error), false)
  }
  try {
    return await ofStorage(storage)
  } catch (error) {
    await storage.close()
    throw error
  }
}

async function ofStorage(storage: SegmentedStorage): Promise<OpenedFiles> {
  const registered = [...storage.segments.list, ...storage.damage].flatMap(
    ({ registration }) => registration ?? [],
  )
  const byFirst = new Map(registered.map((it) => [it.first, it]))
  return {
    reader: storage,
    segments: async () => [...byFirst.values()],
    found: storage.damage.flatMap(faultOf),
    isEmpty: await isEmpty(storage),
    close: () => storage.close(),
  }
}

const withoutStorage = (reader: StorageReader, isEmpty: boolean): OpenedFiles => ({
  reader,
  segments: async () => [],
  found: [],
  isEmpty,
  close: async () => {},
})

/** What cannot be read is something. */
async function isEmpty(storage: StorageReader): Promise<boolean> {
  try {
    for await (const _ of storage.entries({ gte: Buffer.alloc(1), lt: Buffer.of(0xff), limit: 1 }))
      return false
    return true
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

/** A file that is not as it was written is told when all of them are looked at. */
const faultOf = ({ kind, position, message }: SegmentDamage): Fault[] =>
  kind === 'segment' ? [] : [{ position: position ?? null, kind: faultKindOf[kind], detail: message }]

const faultKindOf = {
  registration: 'segment_unregistered',
  stranger: 'segment_unexpected',
} as const satisfies Record<string, FaultKind>

const noEntries: StorageReader = { get: () => undefined, async *entries() {} }

const refusing = (error: LedgerError): StorageReader => {
  const refuse = () => {
    throw error
  }
  return { get: refuse, entries: refuse }
}
