/** Events that a server signs, of clients that registered themselves and of users of its repository. */
import { randomBytes } from 'node:crypto'
import type { AppendOptions } from '../ledger/ledger.ts'
import { type EnrolmentEvent, enrolmentText, sideCommitment } from '../oauth/administration.ts'
import { encodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import type { AuthorizationContext } from './context.ts'

const saltBytes = 32

export type Unsigned<E> = E extends EnrolmentEvent ? Omit<E, 'serverAddress' | 'signature'> : never

/**
 * Signs an event for its place and appends it; resolves once it is on disk.
 *
 * @throws LedgerError conflict where the stream has moved on, for which the signature does not hold
 */
export async function appendSigned(
  { ledger, settings, signer, now }: AuthorizationContext,
  stream: string,
  version: number,
  unsigned: Unsigned<EnrolmentEvent>,
  options: AppendOptions = {},
): Promise<Recorded> {
  const event = { ...unsigned, serverAddress: signer.address, signature: '' } as EnrolmentEvent
  const { side } = encodeEvent(event)
  const salt = side && randomBytes(saltBytes)
  const commitment = side && salt && sideCommitment(salt, side)
  event.signature = signer.sign(
    enrolmentText({ origin: settings.origin, stream, version }, event, commitment),
  )
  const [recorded] = await ledger.append(stream, version, [event], now(), {
    ...options,
    ...(salt && { salt }),
  })
  return recorded!
}
