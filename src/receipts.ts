/** Receipts as they are asked for: by the auditor at the command line, and by a token's own client over HTTP. */
import type { Connection } from './admin/connection.ts'
import { fetchReceipt, hashOfTokenAt } from './admin/receipt-request.ts'
import { decodeReceipt, encodeReceipt, type Receipt } from './audit/receipt.ts'
import { checkReceipt, type ReceiptVerdict } from './audit/receipt-check.ts'
import { eventsOfToken, eventsOfTokenHash } from './audit/receipt-subjects.ts'
import { ReceiptError, type ReceiptOptions, receiptFor } from './audit/receipts.ts'
import { type AuditorKnowledge, trustOf, verifySignature } from './auditor.ts'
import type { PrivateKey } from './chain/keys.ts'
import type { ReceiptReader, ReceiptReference, ReceiptSource } from './http/routes/receipts.ts'
import type { StorageReader } from './ledger/storage.ts'

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

/**
 * Asks a server over HTTP, as the administrator.
 *
 * @throws ControlError malformed, unreachable, refused, not_found; ProofFileError malformed for an answer that is no receipt
 */
export async function askForReceipt(
  issuer: string,
  subject: ReceiptSubject,
  key: PrivateKey,
  nowMs: number,
): Promise<Receipt> {
  const reference =
    'position' in subject ? String(subject.position) : await hashOfTokenAt(issuer, subject.token)
  return decodeReceipt(await fetchReceipt(issuer, reference, key, nowMs))
}

async function positionsOf(reader: StorageReader, token: string): Promise<number[]> {
  const events = await eventsOfToken(reader, token)
  if (!events) throw new ReceiptError('not_found', 'The token not found.')
  return [events.issued, ...events.ended]
}

/** @throws ProofFileError malformed, unknown_version */
export const verifyReceipt = (
  text: string,
  known: AuditorKnowledge & { token?: string | undefined },
): Promise<ReceiptVerdict> => checkReceipt(decodeReceipt(text), { ...trustOf(known), token: known.token })

/** Receipts over HTTP: never side records, and for a client the same answer for others' tokens as for none. */
export const receiptSource = (reader: StorageReader): ReceiptSource => ({
  async receiptOf(reference, caller) {
    try {
      const positions = await positionsFor(reader, reference, caller)
      if (!positions) return 'unknown'
      const options = { verifyMessage: verifySignature }
      return { receipt: encodeReceipt(await receiptFor(reader, positions, options)) }
    } catch (error) {
      if (!(error instanceof ReceiptError)) throw error
      return error.code === 'not_found' ? 'unknown' : error.code
    }
  },
})

async function positionsFor(
  reader: StorageReader,
  reference: ReceiptReference,
  caller: ReceiptReader,
): Promise<number[] | undefined> {
  if ('position' in reference) return caller === 'administrator' ? [reference.position] : undefined
  const events = await eventsOfTokenHash(reader, reference.hash)
  if (!events) return undefined
  // A client registered anew inherits nothing.
  const isOwn =
    caller === 'administrator' ||
    (events.client?.clientId === caller.clientId &&
      events.client.clientVersion === caller.registeredAtVersion)
  return isOwn ? [events.issued, ...events.ended] : undefined
}
