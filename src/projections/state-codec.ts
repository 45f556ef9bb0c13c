/** States as bytes: positional, so that names are not stored with every token. */
import { readArrayHead, readItem, writeArrayHead, writeItem } from '../oauth/cbor.ts'
import type { Client } from '../oauth/client.ts'
import type { UsedAssertion } from '../oauth/client-assertion.ts'
import type { Consent } from '../oauth/consent.ts'
import type { FailedAttempts } from '../oauth/failed-attempts.ts'
import type { Grant } from '../oauth/grant.ts'
import type { Invitation } from '../oauth/invitation.ts'
import { type FieldCodec, positionalCodec } from '../oauth/positional-codec.ts'
import type { PushedRequest } from '../oauth/pushed-request.ts'
import type { Retention } from '../oauth/retention.ts'
import type { Server } from '../oauth/server.ts'
import type { Session } from '../oauth/session.ts'
import type { SigningKey } from '../oauth/signing-key.ts'
import type { User } from '../oauth/user.ts'

/** The states by the kind of their stream. */
export interface States {
  server: Server
  retention: Retention
  client: Client
  invitation: Invitation
  assertion: UsedAssertion
  user: User
  session: Session
  consent: Consent
  grant: Grant
  signing_key: SigningKey
  attempts: FailedAttempts
  par: PushedRequest
}

export type StreamKind = keyof States

interface StateCodec<S> {
  /** @param reserved bytes in front, for the caller to fill in */
  encode(state: S, reserved?: number): Buffer
  decode(bytes: Buffer): S
}

const flat = <S extends object>(...table: Parameters<typeof positionalCodec>): StateCodec<S> => {
  const codec = positionalCodec(...table)
  return {
    encode: (state, reserved) => codec.encode(state, reserved),
    decode: (bytes) => codec.decode(bytes) as S,
  }
}

const nested = (...fields: string[]): FieldCodec => positionalCodec(fields).field

const listOf = (codec: FieldCodec): FieldCodec => ({
  write(list: never[]) {
    writeArrayHead(list.length)
    for (const item of list) codec.write(item)
  },
  read: () => Array.from({ length: readArrayHead() }, codec.read),
  decode: (list) => (list as unknown[]).map(codec.decode),
})

/** Milliseconds do not fit 32 bits; text keeps the encoding one that any CBOR reader writes alike. */
const milliseconds: FieldCodec = {
  write: (ms) => writeItem(String(ms)),
  read: () => Number(readItem()),
  decode: Number,
}

export const stateCodecs: { readonly [K in StreamKind]: StateCodec<States[K]> } = {
  server: flat(['origin', 'administratorAddress', 'serverAddress', 'checkpointKey:hash']),
  retention: flat(['count', 'streams', 'endedBeforeSeconds']),
  user: flat([
    'subject',
    'username?',
    'passwordHash?',
    'authorities',
    'removed',
    'claims?',
    'repository?',
    'unlinked?',
  ]),
  client: flat(
    ['clientId', 'registeredAtVersion', 'metadata', 'secretHash?', 'removed', 'former?', 'enrolment?'],
    {
      former: nested('secretHash', 'untilSeconds'),
      enrolment: nested(
        'invitation',
        'atSeconds',
        'tokenHash:hash',
        'formerTokenHash:hash?',
        'formerTokenUntilSeconds?',
      ),
    },
  ),
  invitation: flat(['terms', 'uses', 'withdrawn', 'lastClientId?']),
  assertion: flat(['clientId', 'expiresAtSeconds']),
  session: flat([
    'id',
    'subject',
    'startedAtSeconds',
    'expiresAtSeconds',
    'endedAtSeconds',
    'acr?',
    'amr?',
    'continues?',
  ]),
  consent: flat(['clientVersion', 'scopes', 'claims?']),
  grant: flat(
    [
      'clientId',
      'clientVersion',
      'grantType',
      'subject',
      'session',
      'scopes',
      'issuedAtSeconds',
      'code',
      'access',
      'refresh',
      'rotated',
      'ended',
      'authentication?',
      'actor?',
      'parent?',
      'device?',
    ],
    {
      code: nested(
        'hash:hash',
        'redirectUri',
        'redirectUriSent',
        'challenge:hash',
        'expiresAtSeconds',
        'redeemed',
        'nonce?',
        'resources?',
        'claims?',
        'jkt:hash?',
        'approvedClaims?',
      ),
      access: nested('hash:hash', 'scopes', 'issuedAtSeconds', 'expiresAtSeconds', 'resources?', 'jkt:hash?'),
      refresh: nested('hash:hash', 'expiresAtSeconds'),
      rotated: positionalCodec(['fromHash:hash', 'atMs'], { atMs: milliseconds }).field,
      ended: nested('reason', 'atSeconds'),
      authentication: nested('atSeconds', 'acr?', 'amr?'),
      device: nested('hash:hash', 'expiresAtSeconds', 'status', 'resources?'),
    },
  ),
  attempts: flat(['whole', 'pairs'], {
    whole: nested('failures', 'pauses', 'untilSeconds'),
    pairs: listOf(nested('from:hash', 'failures', 'pauses', 'untilSeconds')),
  }),
  par: flat(['clientId', 'clientVersion', 'expiresAtSeconds', 'used', 'parameters?']),
  signing_key: flat(
    [
      'kid',
      'algorithm',
      'jwk',
      'serverAddress',
      'publishedAtSeconds',
      'activatedAtSeconds',
      'replaced',
      'retiredAtSeconds',
    ],
    { replaced: nested('reason', 'atSeconds', 'lastExpiresAtSeconds') },
  ),
}
