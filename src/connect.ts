/** How a command reaches the server of a home: over its control socket, or in its own process where none runs. */
import { type Connection, connectTo, noLedger } from './admin/connection.ts'
import { type HomePaths, prepareHome } from './config/home.ts'
import type { LoadedSettings } from './config/load.ts'
import { type Access, openCore } from './core.ts'
import { hasDatabaseFiles } from './ledger/database-files.ts'
import { operationsOf, statusOf } from './operations.ts'
import type { Monitor } from './projections/monitor.ts'

/**
 * A connection to the server of this home if one runs, else to its data, opened by this process: to read, nothing is
 * appended and no ledger begun.
 *
 * @throws LedgerError, SettingsError, ControlError no_ledger
 */
export async function connect(
  load: () => LoadedSettings,
  paths: HomePaths,
  version: string,
  now: () => number,
  access: Access = 'write',
): Promise<Connection> {
  const running = await connectTo(paths.controlSocket)
  if (running) return running
  const loaded = load()
  if (access === 'write') prepareHome(paths)
  else if (!(await hasDatabaseFiles(paths.ledger))) throw noLedger(paths.ledger)
  const { settings } = loaded
  const core = await openCore(loaded, paths, settings.server.issuer, now, { access })
  if (core.context.ledger.size === 0) {
    await core.close()
    throw noLedger(paths.ledger)
  }
  const status = () => statusOf(core, loaded, version, 0, settings.coinstack.endpoint)
  const stopped = (): Monitor => {
    throw new Error('No process detected')
  }
  const operations = operationsOf(core, loaded, status, stopped)
  return {
    isRunning: false,
    operations: operations as unknown as Connection['operations'],
    reader: core.context.ledger.storage,
    close: () => core.close(),
  }
}
