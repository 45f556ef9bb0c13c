/** The hash by which the log knows a token, whatever its form. */
import { rowKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { streamOf } from '../oauth/events.ts'
import { hashOfAccessToken, isJwtText, verifyJwt } from '../oauth/jwt.ts'
import { hashToken, isToken, type TokenKind } from '../oauth/token-format.ts'
import { decodeLoaded, stateRowKey } from '../projections/rows.ts'

const tokenKinds: readonly TokenKind[] = ['access', 'refresh', 'code', 'session']

/** A JWT counts if a key of this log signed it, long retired ones included; undefined for what is no token. */
export async function hashOfToken(reader: StorageReader, token: string): Promise<string | undefined> {
  if (tokenKinds.some((kind) => isToken(kind, token))) return hashToken(token)
  if (!isJwtText(token)) return undefined
  const verified = await verifyJwt(token, async (kid) => {
    const row = await reader.get(rowKey(stateRowKey(streamOf.signingKey(kid))))
    return decodeLoaded('signing_key', row).state
  })
  return verified && hashOfAccessToken(verified)
}
