/** What the audit commands and the quickstart share: whom to trust, which node to ask. */
import type { Connection } from './admin/connection.ts'
import { type Verification, verifyLedger } from './audit/verify.ts'
import { verifyMessage } from './chain/message.ts'
import type { ChainClient } from './chain/types.ts'

export interface AuditOptions {
  /** Addresses from the settings, not from the log. */
  trusted: { administratorAddress: string; serverAddresses: readonly string[] }
  /** The node to ask about the anchors; without it they are checked as far as the log tells. */
  chain?: ChainClient | undefined
  onProgress?: (done: number, total: number) => void
}

/** Verifies the whole log of a server, running or stopped, in this process. */
export function verifyHistory(connection: Connection, options: AuditOptions): Promise<Verification> {
  const { trusted, chain, onProgress } = options
  return verifyLedger(connection.reader, {
    verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    trusted,
    // A running server goes on writing its read models while they would be compared.
    rows: !connection.isRunning,
    ...(chain && { chain }),
    ...(onProgress && { onProgress }),
  })
}

/** The node's own endpoint; none for an embedded node that is not running. */
export async function nodeEndpoint({ operations }: Connection): Promise<string | undefined> {
  const { endpoint } = await operations.status({})
  return endpoint === 'embedded' ? undefined : endpoint
}
