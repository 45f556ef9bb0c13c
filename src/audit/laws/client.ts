import type { Client } from '../../oauth/client.ts'
import type { ClientMetadata } from '../../oauth/client-metadata.ts'
import type { ClientEvents } from '../../oauth/events/client.ts'
import { streamOf } from '../../oauth/events.ts'
import { beyondTerms, type Invitation, invitationFault } from '../../oauth/invitation.ts'
import type { States, StreamKind } from '../../projections/state-codec.ts'
import { clientOf, firstOfItsStream, isNotThere, type Laws } from './law.ts'

const hasNotEnrolled = (state: Client | undefined): string | undefined =>
  isNotThere(state, 'the client') ?? (state?.enrolment ? undefined : 'the client did not register itself')

const isOtherUse = (invitation: Invitation | undefined, clientId: string): string | undefined =>
  invitation?.lastClientId === clientId ? undefined : 'the invitation was not used for this client'

const outOfTerms = (metadata: ClientMetadata, ground: States[StreamKind] | undefined): string | undefined => {
  const terms = (ground as Invitation | undefined)?.terms
  return terms ? beyondTerms(metadata, terms) : 'there is no such invitation'
}

export const clientLaws: Laws<ClientEvents> = {
  'client.registered': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state) => (state && !state.removed ? 'the client was there already' : undefined),
  },
  'client.removed': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state) => isNotThere(state, 'the client'),
  },
  'client.updated': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state) => isNotThere(state, 'the client'),
  },
  'client.secret_rotated': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: (state) => isNotThere(state, 'the client'),
  },
  'client.enrolled': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: firstOfItsStream,
    ground: ({ invitation, invitationVersion: version }) => ({
      stream: streamOf.invitation(invitation),
      version,
    }),
    groundless: ({ clientId, metadata }, ground) =>
      isOtherUse(ground as Invitation | undefined, clientId) ?? outOfTerms(metadata, ground),
  },
  'client.amended': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: hasNotEnrolled,
    ground: ({ invitationVersion: version }, state) =>
      state?.enrolment && { stream: streamOf.invitation(state.enrolment.invitation), version },
    groundless: ({ metadata }, ground) => outOfTerms(metadata, ground),
  },
  'client.deregistered': {
    kind: 'client',
    stream: ({ clientId }) => streamOf.client(clientId),
    broken: hasNotEnrolled,
  },
  'invitation.issued': {
    kind: 'invitation',
    stream: ({ invitation }) => streamOf.invitation(invitation),
    broken: (state) => (state && !state.withdrawn ? 'the invitation was there already' : undefined),
  },
  'invitation.withdrawn': {
    kind: 'invitation',
    stream: ({ invitation }) => streamOf.invitation(invitation),
    broken: (state) => (!state || state.withdrawn ? 'the invitation was not there' : undefined),
  },
  'invitation.used': {
    kind: 'invitation',
    broken: (state, _, timeMs) => invitationFault(state, timeMs),
  },
  'assertion.used': {
    kind: 'assertion',
    broken: (state) => (state ? 'the assertion was used before' : undefined),
    references: (event) => [clientOf(event)],
  },
}
