/** Administration: events that count only with the administrator's signature over their place and content. */
import { LedgerError } from '../ledger/errors.ts'
import { rowKey, sideKey } from '../ledger/layout.ts'
import { administrationText, isAdministration, sideCommitment } from '../oauth/administration.ts'
import { isWellFormedAdministration } from '../oauth/administration-shape.ts'
import { usesSecret } from '../oauth/client.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Event, type Recorded, streamOf } from '../oauth/events.ts'
import { type FailedAttempts, liftingFault } from '../oauth/failed-attempts.ts'
import type { User } from '../oauth/user.ts'
import { kindOfStream, stateRowKey, usernameRowKey } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import type { AuthorizationContext } from './context.ts'
import { followEnd } from './end.ts'
import { eraseUser, sidesOfStream } from './erase-user.ts'

/** A signed request as it comes from outside: the event as it will be recorded, and where. */
export interface AdministrationRequest {
  stream: string
  /** Version the event is to have in its stream, as signed. */
  version: number
  event: Event
  /** Salt of the side record, base64url, where the event has one. */
  salt?: string
}

export interface Administered extends Recorded {
  /** Of an erasure: whether the bytes are gone from the ledger's files too. */
  isForgotten?: boolean
}

export type AdministrationFault = 'malformed' | 'signature' | 'stale' | 'exists' | 'not_found' | 'elsewhere'

export class AdministrationError extends Error {
  readonly code: AdministrationFault

  constructor(code: AdministrationFault, message: string) {
    super(message)
    this.name = 'AdministrationError'
    this.code = code
  }
}

const saltBytes = 32

/** The stream an administration event belongs to; a grant or a lock is named by the request itself. */
function expectedStream(event: Event, requested: unknown): string | undefined {
  if ('clientId' in event && event.type.startsWith('client.')) return streamOf.client(event.clientId)
  if ('invitation' in event && event.type.startsWith('invitation.'))
    return streamOf.invitation(event.invitation)
  if ('subject' in event && event.type.startsWith('user.')) return streamOf.user(event.subject ?? '')
  const prefix = event.type === 'login.unlocked' ? streamOf.attempts('') : streamOf.grant('')
  return typeof requested === 'string' && requested.startsWith(prefix) ? requested : undefined
}

/** Takes what JSON brought to the form in which it will be stored, so that what was checked is what is kept. */
function normalise(event: Event): Event {
  try {
    const { code, body, side } = encodeEvent(event)
    return decodeEvent(code, body, side)
  } catch {
    throw new AdministrationError('malformed', 'the event is malformed')
  }
}

/**
 * The event as it will be recorded, once its form, its place and the administrator's signature are right.
 *
 * @throws AdministrationError malformed or signature
 */
export function checkAdministration(
  { settings, verifyMessage }: AuthorizationContext,
  request: AdministrationRequest,
): { event: Event; salt: Buffer | undefined } {
  const event = normalise(request.event)
  const { stream, version } = request
  if (!isAdministration(event) || !isWellFormedAdministration(event))
    throw new AdministrationError('malformed', 'the event is malformed')
  if (expectedStream(event, stream) !== stream)
    throw new AdministrationError('malformed', 'the event does not belong to this stream')
  const { side } = encodeEvent(event)
  if ('side' in request.event !== (side !== undefined))
    throw new AdministrationError('malformed', 'the side record is missing')
  const salt = side && Buffer.from(request.salt ?? '', 'base64url')
  if (salt && salt.length !== saltBytes) throw new AdministrationError('malformed', 'the salt has 32 bytes')
  const text = administrationText(
    { origin: settings.origin, stream, version },
    event,
    side && salt && sideCommitment(salt, side),
  )
  const signature = 'signature' in event ? (event.signature ?? '') : ''
  if (!verifyMessage(settings.administratorAddress, text, signature))
    throw new AdministrationError(
      'signature',
      `not signed by the administrator ${settings.administratorAddress}`,
    )
  return { event, salt }
}

/**
 * Checks the signature and appends.
 *
 * @throws AdministrationError
 * @throws LedgerError unavailable
 */
export async function administer(
  context: AuthorizationContext,
  request: AdministrationRequest,
): Promise<Administered> {
  const { event, salt } = checkAdministration(context, request)
  const { stream, version } = request
  const objection = 'metadata' in event ? context.keys.objection(event.metadata) : undefined
  if (objection !== undefined) throw new AdministrationError('malformed', objection)
  if (event.type === 'rotation.ordered')
    throw new AdministrationError('malformed', 'a rotation is ordered together with its token')
  const { ledger, models, now } = context
  const present = models.load(kindOfStream(stream), stream)
  assertPossible(event, present.state, now())
  // The signature holds for one version: a race that is lost here cannot be won by trying again.
  if (present.version !== version)
    throw new AdministrationError(
      'stale',
      `signed for version ${version}, but the stream is at ${present.version}`,
    )
  const username = event.type === 'user.registered' ? event.side.username : undefined
  try {
    if (event.type === 'user.erased') {
      const { recorded, isForgotten } = await eraseUser(context, event, version)
      await followEnd(context, recorded)
      return { ...recorded, isForgotten }
    }
    // The password's former hash goes in the same batch.
    const outdated = event.type === 'user.password_changed' ? sidesOfStream(context, stream) : []
    const [recorded] = await ledger.append(stream, version, [event], now(), {
      ...(username !== undefined && { absentRows: [usernameRowKey(username)] }),
      ...(salt && { salt }),
      erase: outdated,
    })
    await followEnd(context, recorded!)
    // The event stands whatever becomes of this. The hash stood in the side records and in the user's row.
    if (outdated.length > 0)
      await ledger.storage.forget([...outdated.map(sideKey), rowKey(stateRowKey(stream))]).catch(() => false)
    return recorded!
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    if (error.code === 'exists')
      throw new AdministrationError('exists', `the user ${username} exists already`)
    if (error.code === 'conflict') throw new AdministrationError('stale', 'the stream has just moved on')
    throw error
  }
}

function assertKeptHere({ repository }: User): void {
  if (repository !== undefined)
    throw new AdministrationError('malformed', `the user is kept in the repository ${repository}`)
}

function assertPossible(event: Event, state: States[StreamKind] | undefined, nowMs: number): void {
  const isThere = state !== undefined && !('removed' in state && state.removed)
  switch (event.type) {
    case 'client.registered':
      if (isThere) throw new AdministrationError('exists', `the client ${event.clientId} exists already`)
      return
    case 'user.registered':
      if (state) throw new AdministrationError('exists', 'the subject exists already')
      return
    case 'invitation.issued':
      if (state && 'withdrawn' in state && !state.withdrawn)
        throw new AdministrationError('exists', 'the invitation exists already')
      return
    case 'invitation.withdrawn':
      if (!state || ('withdrawn' in state && state.withdrawn))
        throw new AdministrationError('not_found', 'The invitation not found.')
      return
    case 'client.secret_rotated':
      if (!isThere) throw new AdministrationError('not_found', 'The client not found.')
      if (!('metadata' in state!) || !usesSecret(state.metadata))
        throw new AdministrationError('malformed', `the client ${event.clientId} has no secret`)
      return
    case 'client.updated':
    case 'client.removed':
      if (!isThere) throw new AdministrationError('not_found', 'The client not found.')
      return
    case 'user.erased':
      if (!state) throw new AdministrationError('not_found', 'The user not found.')
      return
    case 'user.password_changed':
      if (!isThere) throw new AdministrationError('not_found', 'The user not found.')
      assertKeptHere(state as User)
      if ((state as User).username !== event.side.username)
        throw new AdministrationError('malformed', 'the side record is not that of this user')
      return
    case 'user.updated':
      if (!isThere) throw new AdministrationError('not_found', 'The user not found.')
      assertKeptHere(state as User)
      return
    case 'user.removed':
      if (!isThere) throw new AdministrationError('not_found', 'The user not found.')
      return
    case 'login.unlocked':
      if (!state) throw new AdministrationError('not_found', 'There is no lock.')
      if (liftingFault(state as FailedAttempts, event.signedAtSeconds, nowMs))
        throw new AdministrationError('stale', 'signed too long ago, or by a clock that is ahead')
      return
    default:
      if (!isThere || ('ended' in state && state.ended))
        throw new AdministrationError('not_found', 'The token not found.')
  }
}
