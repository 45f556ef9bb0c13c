/** Events that a server signs for a client that registered itself: built, signed for their place, appended. */
import { randomBytes } from 'node:crypto'
import { type EnrolmentEvent, enrolmentText, sideCommitment } from '../oauth/administration.ts'
import { encodeEvent } from '../oauth/event-codec.ts'
import type { AuthorizationContext } from './context.ts'

const saltBytes = 32

type Unsigned<E> = E extends EnrolmentEvent ? Omit<E, 'serverAddress' | 'signature'> : never

/**
 * Resolves once the event is on disk.
 *
 * @throws LedgerError conflict where the stream has moved on, for which the signature does not hold
 */
export async function appendSigned(
  { ledger, settings, signer, now }: AuthorizationContext,
  stream: string,
  version: number,
  unsigned: Unsigned<EnrolmentEvent>,
): Promise<void> {
  const event = { ...unsigned, serverAddress: signer.address, signature: '' } as EnrolmentEvent
  const { side } = encodeEvent(event)
  const salt = side && randomBytes(saltBytes)
  const commitment = side && salt && sideCommitment(salt, side)
  event.signature = signer.sign(
    enrolmentText({ origin: settings.origin, stream, version }, event, commitment),
  )
  await ledger.append(stream, version, [event], now(), salt ? { salt } : {})
}
