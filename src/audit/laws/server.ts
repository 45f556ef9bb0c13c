import type { ServerEvents } from '../../oauth/events/server.ts'
import { streamOf } from '../../oauth/events.ts'
import { jwkThumbprint, type SigningKey, type SigningKeyStatus, statusOf } from '../../oauth/signing-key.ts'
import { firstOfItsStream, type Laws } from './law.ts'

const keyIsNot = (state: SigningKey | undefined, ...wanted: SigningKeyStatus[]): string | undefined =>
  state && wanted.includes(statusOf(state))
    ? undefined
    : `the signing key was ${state ? statusOf(state) : 'not there'}, not ${wanted.join(' or ')}`

export const serverLaws: Laws<ServerEvents> = {
  'server.opened': {
    kind: 'server',
    stream: ({ serverAddress }) => streamOf.server(serverAddress),
  },
  'signing_key.published': {
    kind: 'signing_key',
    stream: ({ jwk }) => streamOf.signingKey(jwkThumbprint(jwk)),
    broken: firstOfItsStream,
    references: ({ serverAddress }) => [{ stream: streamOf.server(serverAddress), version: 0 }],
  },
  'signing_key.activated': {
    kind: 'signing_key',
    broken: (state) => keyIsNot(state, 'pending'),
  },
  'signing_key.replaced': {
    kind: 'signing_key',
    broken: (state) => keyIsNot(state, 'active'),
  },
  'signing_key.retired': {
    kind: 'signing_key',
    broken: (state) => keyIsNot(state, 'pending', 'retiring'),
  },
}
