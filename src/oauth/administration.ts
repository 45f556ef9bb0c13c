/**
 * What the administrator signs. A signature counts for one event at one place of one ledger: the text names
 * the ledger, the stream and the version in it, so that nothing signed can be used again or elsewhere.
 */
import { hash } from 'node:crypto'
import { encodeSignedPart } from './event-codec.ts'
import type { Event } from './events.ts'

export interface AdministrationContext {
  /** The ledger's origin. */
  origin: string
  stream: string
  /** Version the event will have in its stream. */
  version: number
}

/** Commitment to a side record: SHA-256(salt ‖ bytes). */
export const sideCommitment = (salt: Uint8Array, side: Uint8Array): Buffer =>
  hash('sha256', Buffer.concat([salt, side]), 'buffer')

/**
 * The text that the administrator's key signs as a "Bitcoin Signed Message".
 *
 * @param event its `signature` is not part of the text
 * @param commitment of the side record, where the event has one
 */
export function administrationText(
  context: AdministrationContext,
  event: Event,
  commitment?: Uint8Array,
): string {
  return [
    'coinstack-signon administration',
    `ledger: ${context.origin}`,
    `stream: ${context.stream}`,
    `version: ${context.version}`,
    `event: ${event.type}`,
    `body: ${hash('sha256', encodeSignedPart(event), 'hex')}`,
    `side: ${commitment ? Buffer.from(commitment).toString('hex') : 'none'}`,
  ].join('\n')
}

/** The text by which a server's Bitcoin key vouches for its checkpoint key. */
export function serverText(event: Extract<Event, { type: 'server.opened' }>): string {
  return [
    'coinstack-signon server',
    `ledger: ${event.origin}`,
    `administrator: ${event.administratorAddress}`,
    `server: ${event.serverAddress}`,
    `checkpoint key: ${event.checkpointKey}`,
  ].join('\n')
}

/** What a server signs: a client's own acts, and users as the operator's repository knows them. */
export type EnrolmentEvent = Extract<
  Event,
  { type: 'client.enrolled' | 'client.amended' | 'client.deregistered' | 'user.linked' | 'user.unlinked' }
>

const enrolmentTypes: ReadonlySet<string> = new Set<EnrolmentEvent['type']>([
  'client.enrolled',
  'client.amended',
  'client.deregistered',
  'user.linked',
  'user.unlinked',
])

export const isEnrolment = (event: Event): event is EnrolmentEvent => enrolmentTypes.has(event.type)

/** The text that a server's key signs for these: a place, as in `administrationText`. */
export function enrolmentText(
  context: AdministrationContext,
  event: EnrolmentEvent,
  commitment?: Uint8Array,
): string {
  return administrationText(context, event, commitment).replace(/^.*/, 'coinstack-signon enrolment')
}

/** Whether this event counts only with the administrator's signature. */
export const isAdministration = (event: Event): boolean =>
  ((event.type.startsWith('client.') || event.type.startsWith('user.')) && !isEnrolment(event)) ||
  event.type === 'login.unlocked' ||
  event.type === 'invitation.issued' ||
  event.type === 'invitation.withdrawn' ||
  event.type === 'rotation.ordered' ||
  (event.type === 'grant.revoked' && event.reason === 'administrator')
