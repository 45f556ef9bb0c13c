/** Receipts as they are asked for: by the auditor at the command line, and by a token's own client over HTTP. */
import type { Connection } from './admin/connection.ts'
import { decodeReceipt, encodeReceipt, type Receipt } from './audit/receipt.ts'
import { checkReceipt, type ReceiptVerdict } from './audit/receipt-check.ts'
import { eventsOfToken } from './audit/receipt-subjects.ts'
import { ReceiptError, type ReceiptOptions, receiptFor } from './audit/receipts.ts'
import { verifyMessage } from './chain/message.ts'
import type { ChainClient } from './chain/types.ts'
import type { ReceiptSource } from './http/routes/receipts.ts'
import type { StorageReader } from './ledger/storage.ts'

const verifySignature: ReceiptOptions['verifyMessage'] = (address, text, signature) =>
  verifyMessage(text, address, signature)

/** What a receipt is wanted for. */
export type ReceiptSubject = { token: string } | { position: number }

/** @throws ReceiptError, LedgerError damaged or unavailable */
export async function makeReceipt(
  { reader }: Pick<Connection, 'reader'>,
  subject: ReceiptSubject,
  options: Omit<ReceiptOptions, 'verifyMessage'>,
): Promise<Receipt> {
  const positions = 'position' in subject ? [subject.position] : await positionsOf(reader, subject.token)
  return receiptFor(reader, positions, { ...options, verifyMessage: verifySignature })
}

async function positionsOf(reader: StorageReader, token: string): Promise<number[]> {
  const events = await eventsOfToken(reader, token)
  if (!events) throw new ReceiptError('not_found', 'The token not found.')
  return [events.issued, ...events.ended]
}

export interface ReceiptCheck {
  administrator?: string | undefined
  servers?: readonly string[] | undefined
  chain?: ChainClient | undefined
}

/** @throws ProofFileError malformed, unknown_version */
export function verifyReceipt(
  text: string,
  { administrator, servers, chain }: ReceiptCheck,
): Promise<ReceiptVerdict> {
  return checkReceipt(decodeReceipt(text), {
    verifyMessage: verifySignature,
    trusted: {
      ...(administrator !== undefined && { administratorAddress: administrator }),
      ...(servers && { serverAddresses: servers }),
    },
    ...(chain && { chain }),
  })
}

/** Receipts of a client's own tokens: never side records, and the same answer for others' tokens as for none. */
export const receiptSource = (reader: StorageReader): ReceiptSource => ({
  async receiptOf(token, { clientId, registeredAtVersion }) {
    const events = await eventsOfToken(reader, token)
    // A client registered anew inherits nothing.
    const isOwn = events?.client?.clientId === clientId && events.client.clientVersion === registeredAtVersion
    if (!events || !isOwn) return 'unknown'
    try {
      const options = { verifyMessage: verifySignature }
      return { receipt: encodeReceipt(await receiptFor(reader, [events.issued, ...events.ended], options)) }
    } catch (error) {
      if (error instanceof ReceiptError && error.code === 'not_anchored') return 'not_anchored'
      throw error
    }
  },
})
