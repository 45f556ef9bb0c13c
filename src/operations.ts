/** What may be asked of a ledger that is open, by a running server and by a command in its own process alike. */
import { createOperations, type Operations, type ServerStatus } from './admin/operations.ts'
import type { LoadedSettings } from './config/load.ts'
import type { Core } from './core.ts'
import type { Monitor } from './projections/monitor.ts'
import { policyOf, retainOnDemand } from './retention.ts'
import { sealOnDemand } from './sealing.ts'

/**
 * @param port where the server listens; 0 for none
 * @param endpoint of the node
 */
export const statusOf = (
  { context: { ledger, settings } }: Core,
  { settings: { admin } }: LoadedSettings,
  version: string,
  port: number,
  endpoint: string,
): ServerStatus => ({
  version,
  processId: process.pid,
  issuer: settings.issuer,
  port,
  origin: settings.origin,
  administrator: admin.address,
  position: ledger.size,
  endpoint,
})

export function operationsOf(
  { context, identity, sealer, retainer, storage }: Core,
  { settings }: LoadedSettings,
  status: () => ServerStatus,
  showMonitor: () => Monitor,
): Operations {
  return createOperations({
    context,
    status,
    monitor: showMonitor,
    seal: ({ beforeMs }) =>
      sealOnDemand(sealer, beforeMs, settings.ledger.sealAfterSeconds * 1000, context.now()),
    retain: ({ isDry }) => retainOnDemand(retainer, sealer, policyOf(settings), isDry, context.now()),
    retention: () => retainer.progress,
    segments: () => storage.segments.list.map(({ registration }) => registration),
    coinAddresses: () => ({
      administrator: settings.admin.address,
      servers: identity.keys.map((key) => key.address),
      peers: [...settings.peer.addresses],
    }),
  })
}
