/** States as bytes: positional, so that names are not stored with every token. */
import type { Client } from '../oauth/client.ts'
import type { Consent } from '../oauth/consent.ts'
import type { Grant } from '../oauth/grant.ts'
import { decodeCbor, encodeCbor, positionalCodec } from '../oauth/positional-codec.ts'
import type { Server } from '../oauth/server.ts'
import type { Session } from '../oauth/session.ts'
import type { User } from '../oauth/user.ts'

/** The states by the kind of their stream. */
export interface States {
  server: Server
  client: Client
  user: User
  session: Session
  consent: Consent
  grant: Grant
}

export type StreamKind = keyof States

interface StateCodec<S> {
  encode(state: S): Buffer
  decode(bytes: Buffer): S
}

const flat = <S extends object>(
  fields: readonly string[],
  optional: readonly string[] = [],
): StateCodec<S> => {
  const codec = positionalCodec(fields, optional)
  return { encode: (state) => codec.encode(state), decode: (bytes) => codec.decode(bytes) as S }
}

const nest = (...fields: string[]) => {
  const codec = positionalCodec(fields)
  return {
    encode: (value: object | null) => value && codec.encode(value),
    decode: (bytes: unknown) => (bytes ? codec.decode(bytes as Buffer) : null),
  }
}

const code = nest(
  'hash:hash',
  'redirectUri',
  'redirectUriSent',
  'challenge:hash',
  'expiresAtSeconds',
  'redeemed',
)
const access = nest('hash:hash', 'scopes', 'issuedAtSeconds', 'expiresAtSeconds')
const refresh = nest('hash:hash', 'expiresAtSeconds')
const ended = nest('reason', 'atSeconds')
const grant = positionalCodec([
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
])

const grantCodec: StateCodec<Grant> = {
  encode: (state) =>
    grant.encode({
      ...state,
      code: code.encode(state.code),
      access: access.encode(state.access),
      refresh: refresh.encode(state.refresh),
      // Milliseconds do not fit 32 bits; text keeps the encoding one that any CBOR reader writes alike.
      rotated:
        state.rotated &&
        encodeCbor([Buffer.from(state.rotated.fromHash, 'base64url'), String(state.rotated.atMs)]),
      ended: ended.encode(state.ended),
    }),
  decode: (bytes) => {
    const row = grant.decode(bytes)
    const [from, at] = row.rotated ? (decodeCbor(row.rotated as Buffer) as [Uint8Array, string]) : []
    return {
      ...row,
      code: code.decode(row.code),
      access: access.decode(row.access),
      refresh: refresh.decode(row.refresh),
      rotated: from && at ? { fromHash: Buffer.from(from).toString('base64url'), atMs: Number(at) } : null,
      ended: ended.decode(row.ended),
    } as Grant
  },
}

export const stateCodecs: { readonly [K in StreamKind]: StateCodec<States[K]> } = {
  server: flat(['origin', 'administratorAddress', 'serverAddress', 'checkpointKey:hash']),
  client: flat(['clientId', 'registeredAtVersion', 'metadata', 'secretHash', 'removed'], ['secretHash']),
  user: flat(['subject', 'username', 'passwordHash', 'authorities', 'removed'], ['username', 'passwordHash']),
  session: flat(['id', 'subject', 'startedAtSeconds', 'expiresAtSeconds', 'endedAtSeconds']),
  consent: flat(['clientVersion', 'scopes']),
  grant: grantCodec,
}
