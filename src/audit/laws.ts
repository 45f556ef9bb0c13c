/**
 * The laws of the protocol, as an auditor holds them against the log: what may follow on what in a stream.
 * They are stated here once more, apart from the code that decides, so that a fault there is seen here.
 */
import type { Client } from '../oauth/client.ts'
import type { ClientMetadata } from '../oauth/client-metadata.ts'
import { type EventOf, type EventType, type Recorded, streamOf } from '../oauth/events.ts'
import type { FailedAttempts } from '../oauth/failed-attempts.ts'
import type { Grant } from '../oauth/grant.ts'
import { beyondTerms, type Invitation, invitationFault } from '../oauth/invitation.ts'
import type { PushedRequest } from '../oauth/pushed-request.ts'
import { dropFault } from '../oauth/retention.ts'
import type { Session } from '../oauth/session.ts'
import { jwkThumbprint, type SigningKey, type SigningKeyStatus, statusOf } from '../oauth/signing-key.ts'
import type { User } from '../oauth/user.ts'
import { kindOfStream } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'

/** What an event rests on in another stream: an event of that stream must stand before it. */
export interface Reference {
  stream: string
  version: number
}

interface Law<T extends EventType, K extends StreamKind> {
  kind: K
  /** The one stream this event can stand in; undefined where its name is random. */
  stream?: (event: EventOf<T>) => string
  /** What is wrong with the event in this state, or undefined. */
  broken?: (state: States[K] | undefined, event: EventOf<T>, timeMs: number) => string | undefined
  references?: (event: EventOf<T>) => Reference[]
  /** What the event counts by: the other stream, and how many of its events there were. */
  ground?: (event: EventOf<T>, state: States[K] | undefined) => Reference | undefined
  /** What is wrong with the event by the state of that stream. */
  groundless?: (event: EventOf<T>, ground: States[StreamKind] | undefined) => string | undefined
}

const firstOfItsStream = (state: unknown): string | undefined =>
  state ? 'the stream has begun before' : undefined

const isNotThere = (state: Client | User | undefined, what: string): string | undefined =>
  !state || state.removed ? `${what} was not there` : undefined

const hasNotEnrolled = (state: Client | undefined): string | undefined =>
  isNotThere(state, 'the client') ?? (state?.enrolment ? undefined : 'the client did not register itself')
const isNotOver = (state: Session | undefined): string | undefined =>
  !state || state.endedAtSeconds === null ? 'the session had not ended' : undefined

const isOtherUse = (invitation: Invitation | undefined, clientId: string): string | undefined =>
  invitation?.lastClientId === clientId ? undefined : 'the invitation was not used for this client'

const outOfTerms = (metadata: ClientMetadata, ground: States[StreamKind] | undefined): string | undefined => {
  const terms = (ground as Invitation | undefined)?.terms
  return terms ? beyondTerms(metadata, terms) : 'there is no such invitation'
}

const isSubset = (part: readonly string[], whole: readonly string[]) =>
  part.every((item) => whole.includes(item))

const isAfterCode = ({ grantType }: EventOf<'token.issued'>): boolean =>
  grantType === 'authorization_code' || grantType === 'device_code'

function issuing(state: Grant | undefined, event: EventOf<'token.issued'>): string | undefined {
  if (!state) return isAfterCode(event) ? 'a token was issued without a code' : undefined
  if (state.ended) return 'a token was issued on a grant that had ended'
  if (state.device && state.device.status !== 'approved')
    return 'a token was issued to a device that nobody had approved'
  if (!state.device && !state.code?.redeemed) return 'a token was issued before its code was redeemed'
  if (state.access) return 'a second token was issued for one redemption'
  if (
    event.clientId !== state.clientId ||
    event.clientVersion !== state.clientVersion ||
    event.subject !== state.subject
  )
    return 'the token was issued to another client or user than the code'
  return isSubset(event.scopes, state.scopes) ? undefined : 'the token has scopes that nobody gave'
}

function decidingDevice(state: Grant | undefined): string | undefined {
  if (!state?.device) return 'there was no device code to decide upon'
  if (state.ended) return 'a device code was decided upon after its grant had ended'
  return state.device.status === 'pending' ? undefined : 'the device code was decided upon before'
}

function refreshing(state: Grant | undefined, event: EventOf<'token.refreshed'>): string | undefined {
  if (!state?.refresh) return 'there was no refresh token to rotate'
  if (state.ended) return 'a refresh token was rotated on a grant that had ended'
  if (event.refreshTokenHash === state.refresh.hash || event.refreshTokenHash === state.rotated?.fromHash)
    return 'the rotation brought back a refresh token that was used before'
  return isSubset(event.scopes, state.scopes) ? undefined : 'the token has scopes that nobody gave'
}

const clientOf = ({ clientId, clientVersion }: { clientId: string; clientVersion: number }): Reference => ({
  stream: streamOf.client(clientId),
  version: clientVersion,
})
const userOf = (subject: string): Reference => ({ stream: streamOf.user(subject), version: 0 })

const keyIsNot = (state: SigningKey | undefined, ...wanted: SigningKeyStatus[]): string | undefined =>
  state && wanted.includes(statusOf(state))
    ? undefined
    : `the signing key was ${state ? statusOf(state) : 'not there'}, not ${wanted.join(' or ')}`
const sessionOf = (id: string): Reference => ({ stream: streamOf.session(id), version: 0 })

const law = <T extends EventType, K extends StreamKind>(_: T, it: Law<T, K>): Law<EventType, StreamKind> =>
  it as unknown as Law<EventType, StreamKind>

const laws: Readonly<Record<EventType, Law<EventType, StreamKind>>> = {
  'server.opened': law('server.opened', {
    kind: 'server',
    stream: ({ serverAddress }) => streamOf.server(serverAddress),
  }),
  'payloads.dropped': law('payloads.dropped', {
    kind: 'retention',
    stream: () => streamOf.retention('payloads'),
    broken: (_, event) => dropFault(event),
  }),
  'side_records.dropped': law('side_records.dropped', {
    kind: 'retention',
    stream: () => streamOf.retention('side_records'),
    broken: (_, event) => dropFault(event),
  }),
  'client.registered': law('client.registered', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state: Client | undefined) =>
      state && !state.removed ? 'the client was there already' : undefined,
  }),
  'client.removed': law('client.removed', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state: Client | undefined) => isNotThere(state, 'the client'),
  }),
  'client.updated': law('client.updated', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state: Client | undefined) => isNotThere(state, 'the client'),
  }),
  'client.secret_rotated': law('client.secret_rotated', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state: Client | undefined) => isNotThere(state, 'the client'),
  }),
  'client.enrolled': law('client.enrolled', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: firstOfItsStream,
    ground: ({ invitation, invitationVersion: version }) => ({
      stream: streamOf.invitation(invitation),
      version,
    }),
    groundless: ({ clientId, metadata }, ground) =>
      isOtherUse(ground as Invitation | undefined, clientId) ?? outOfTerms(metadata, ground),
  }),
  'client.amended': law('client.amended', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: hasNotEnrolled,
    ground: ({ invitationVersion: version }, state: Client | undefined) =>
      state?.enrolment && { stream: streamOf.invitation(state.enrolment.invitation), version },
    groundless: ({ metadata }, ground) => outOfTerms(metadata, ground),
  }),
  'client.deregistered': law('client.deregistered', {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: hasNotEnrolled,
  }),
  'invitation.issued': law('invitation.issued', {
    kind: 'invitation',
    stream: ({ invitation }) => streamOf.invitation(invitation),
    broken: (state: Invitation | undefined) =>
      state && !state.withdrawn ? 'the invitation was there already' : undefined,
  }),
  'invitation.withdrawn': law('invitation.withdrawn', {
    kind: 'invitation',
    stream: ({ invitation }) => streamOf.invitation(invitation),
    broken: (state: Invitation | undefined) =>
      !state || state.withdrawn ? 'the invitation was not there' : undefined,
  }),
  'invitation.used': law('invitation.used', {
    kind: 'invitation',
    broken: (state: Invitation | undefined, _, timeMs) => invitationFault(state, timeMs),
  }),
  'assertion.used': law('assertion.used', {
    kind: 'assertion',
    broken: (state) => (state ? 'the assertion was used before' : undefined),
    references: (event) => [clientOf(event)],
  }),
  'user.registered': law('user.registered', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: firstOfItsStream,
  }),
  'user.removed': law('user.removed', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state: User | undefined) => isNotThere(state, 'the user'),
  }),
  'user.password_changed': law('user.password_changed', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state: User | undefined) => isNotThere(state, 'the user'),
  }),
  'user.linked': law('user.linked', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state: User | undefined, { repository }) =>
      !state
        ? undefined
        : state.repository !== repository
          ? 'the user is not of this repository'
          : state.removed && !state.unlinked
            ? 'the user had been removed'
            : undefined,
  }),
  'user.unlinked': law('user.unlinked', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state: User | undefined) => isNotThere(state, 'the user'),
  }),
  'user.updated': law('user.updated', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state: User | undefined) => isNotThere(state, 'the user'),
  }),
  'user.erased': law('user.erased', {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    // Again too: what was written at the very moment of the first time is erased by the second.
    broken: (state: User | undefined) => (state ? undefined : 'there was no user to erase'),
  }),
  'session.started': law('session.started', {
    kind: 'session',
    broken: firstOfItsStream,
    references: ({ subject, continues }) => [
      userOf(subject),
      ...(continues === undefined ? [] : [{ stream: streamOf.session(continues), version: 0 }]),
    ],
  }),
  'session.ended': law('session.ended', {
    kind: 'session',
    broken: (state: Session | undefined) =>
      !state
        ? 'there was no session'
        : state.endedAtSeconds !== null
          ? 'the session had ended before'
          : undefined,
  }),
  'logout.delivered': law('logout.delivered', { kind: 'session', broken: isNotOver }),
  'logout.failed': law('logout.failed', { kind: 'session', broken: isNotOver }),
  'consent.given': law('consent.given', {
    kind: 'consent',
    stream: ({ subject, clientId }) => streamOf.consent(subject, clientId),
    references: (event) => [userOf(event.subject), clientOf(event)],
  }),
  'code.issued': law('code.issued', {
    kind: 'grant',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event), userOf(event.subject), sessionOf(event.session)],
  }),
  'code.redeemed': law('code.redeemed', {
    kind: 'grant',
    broken: (state: Grant | undefined) => {
      if (!state?.code) return 'there was no code to redeem'
      if (state.ended) return 'a code was redeemed on a grant that had ended'
      return state.code.redeemed ? 'the code was redeemed before' : undefined
    },
  }),
  'token.issued': law('token.issued', {
    kind: 'grant',
    broken: issuing,
    // After a code they are the code's own, and were looked at there.
    references: (event) =>
      isAfterCode(event)
        ? []
        : [
            clientOf(event),
            ...(event.subject === null ? [] : [userOf(event.subject)]),
            ...(event.session === undefined ? [] : [sessionOf(event.session)]),
            ...(event.parent === undefined ? [] : [{ stream: streamOf.grant(event.parent), version: 0 }]),
          ],
  }),
  'device_code.issued': law('device_code.issued', {
    kind: 'grant',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event)],
  }),
  'device_code.approved': law('device_code.approved', {
    kind: 'grant',
    broken: (state: Grant | undefined, { scopes }) =>
      decidingDevice(state) ??
      (isSubset(scopes, state!.scopes) ? undefined : 'the device was given scopes that it did not ask for'),
    references: ({ subject, session }) => [userOf(subject), sessionOf(session)],
  }),
  'device_code.denied': law('device_code.denied', { kind: 'grant', broken: decidingDevice }),
  'rotation.ordered': law('rotation.ordered', {
    kind: 'grant',
    broken: (state: Grant | undefined, { refreshTokenHash }) =>
      !state || state.ended || state.refresh?.hash !== refreshTokenHash
        ? 'the refresh token that was to be rotated was not the live one'
        : undefined,
  }),
  'token.refreshed': law('token.refreshed', { kind: 'grant', broken: refreshing }),
  'login.locked': law('login.locked', { kind: 'attempts' }),
  'login.unlocked': law('login.unlocked', {
    kind: 'attempts',
    broken: (state: FailedAttempts | undefined) => (state ? undefined : 'there was no lock'),
  }),
  'grant.revoked': law('grant.revoked', {
    kind: 'grant',
    broken: (state: Grant | undefined, { reason }) => {
      if (!state) return 'there was no grant to revoke'
      // The administrator may put his signature to what had ended by itself.
      return state.ended && reason !== 'administrator' ? 'the grant had ended before' : undefined
    },
  }),
  'request.pushed': law('request.pushed', {
    kind: 'par',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event)],
  }),
  'request.used': law('request.used', {
    kind: 'par',
    broken: (state: PushedRequest | undefined) => {
      if (!state) return 'there was no pushed request to use'
      return state.used ? 'the pushed request was used before' : undefined
    },
  }),
  'signing_key.published': law('signing_key.published', {
    kind: 'signing_key',
    stream: ({ jwk }) => streamOf.signingKey(jwkThumbprint(jwk)),
    broken: firstOfItsStream,
    references: ({ serverAddress }) => [{ stream: streamOf.server(serverAddress), version: 0 }],
  }),
  'signing_key.activated': law('signing_key.activated', {
    kind: 'signing_key',
    broken: (state: SigningKey | undefined) => keyIsNot(state, 'pending'),
  }),
  'signing_key.replaced': law('signing_key.replaced', {
    kind: 'signing_key',
    broken: (state: SigningKey | undefined) => keyIsNot(state, 'active'),
  }),
  'signing_key.retired': law('signing_key.retired', {
    kind: 'signing_key',
    broken: (state: SigningKey | undefined) => keyIsNot(state, 'pending', 'retiring'),
  }),
}

/** What is wrong with the event's stream, whatever its state. */
export function misplacement(event: EventOf<EventType>, stream: string): string | undefined {
  const { kind, stream: expected } = laws[event.type]
  if (kindOfStream(stream) !== kind) return `${event.type} does not belong into stream ${stream}`
  if (expected && expected(event) !== stream)
    return `${event.type} of ${expected(event)} stands in stream ${stream}`
  return undefined
}

/** Which law the event breaks in the state it was appended to. */
export const brokenLaw = (
  state: States[StreamKind] | undefined,
  { event, timeMs }: Recorded,
): string | undefined => laws[event.type].broken?.(state, event as never, timeMs)

/** What the event counts by, where that is another stream. */
export const groundOf = (
  event: EventOf<EventType>,
  state: States[StreamKind] | undefined,
): Reference | undefined => laws[event.type].ground?.(event, state)

export const groundless = (
  event: EventOf<EventType>,
  ground: States[StreamKind] | undefined,
): string | undefined => laws[event.type].groundless?.(event, ground)

export const referencesOf = (event: EventOf<EventType>): Reference[] =>
  laws[event.type].references?.(event) ?? noReferences
const noReferences: Reference[] = []
