/** A server of this ledger and its keys: the fold of its stream. */
import type { Recorded } from './events.ts'

export interface Server {
  origin: string
  administratorAddress: string
  serverAddress: string
  checkpointKey: string
}

export function evolveServer(state: Server | undefined, { event }: Recorded): Server | undefined {
  if (event.type !== 'server.opened') return state
  const { origin, administratorAddress, serverAddress, checkpointKey } = event
  return { origin, administratorAddress, serverAddress, checkpointKey }
}
