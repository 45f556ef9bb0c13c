/** Events in words: one short line for people, without token hashes and, unless disclosed, without names. */
import type { EventOf, EventType, Recorded, RevocationReason, SessionEndReason } from '../oauth/events.ts'
import type { ReplacementReason } from '../oauth/signing-key.ts'
import { printable } from './fault.ts'
import { type Disclosure, personalFields } from './public-event.ts'

const revokedBecause: Readonly<Record<RevocationReason, string>> = {
  client: 'its client revoked it',
  administrator: 'the administrator revoked it',
  logout: 'the user logged out',
  code_reuse: 'its code was used twice',
  refresh_reuse: 'a replaced refresh token was used again',
  session: 'its session ended',
  password_changed: 'the password of the user was changed',
}

const replacedBecause: Readonly<Record<ReplacementReason, string>> = {
  schedule: 'its time was over',
  operator: 'an operator rotated it',
  compromised: 'an operator declared it compromised',
  missing: 'its private part was lost',
  withdrawn: 'its algorithm is no longer set',
}

const sessionEndedBecause: Readonly<Record<SessionEndReason, string>> = {
  logout: 'the user logged out',
  administrator: 'the administrator ended it',
  expired: 'its time was over',
  user_removed: 'the user was removed',
  password_changed: 'the password of the user was changed',
  replaced: 'the user logged in again',
}

type Words = { [T in EventType]: (event: EventOf<T>, id: string) => string }

const words: Words = {
  'server.opened': (event) =>
    `server ${event.serverAddress} opened the ledger ${event.origin}; administrator ${event.administratorAddress}`,
  'payloads.dropped': ({ from, to, count, ageSeconds }) =>
    `${count} records from position ${from} to ${to - 1} dropped by policy, ${ageSeconds} s after their streams were over; their leaf hashes stay`,
  'side_records.dropped': ({ from, to, count, ageSeconds }) =>
    `${count} side records from position ${from} to ${to - 1} dropped by policy, ${ageSeconds} s after their streams were over`,
  'client.registered': ({ clientId, metadata }) =>
    `client ${clientId} registered by the administrator, ${scopesOf(metadata.scopes ?? [])}`,
  'client.removed': ({ clientId }) => `client ${clientId} removed by the administrator`,
  'client.updated': ({ clientId, metadata }) =>
    `client ${clientId} given new metadata by the administrator, ${scopesOf(metadata.scopes ?? [])}`,
  'client.secret_rotated': ({ clientId, formerUntilSeconds }) =>
    `client ${clientId} given a new secret by the administrator; the former counts until ${at(formerUntilSeconds)}`,
  'client.enrolled': ({ clientId, metadata, invitation }) =>
    `client ${clientId} registered itself by invitation ${invitation}, ${scopesOf(metadata.scopes ?? [])}`,
  'client.amended': ({ clientId, metadata }) =>
    `client ${clientId} changed its registration, ${scopesOf(metadata.scopes ?? [])}`,
  'client.deregistered': ({ clientId }) => `client ${clientId} removed itself`,
  'invitation.issued': ({ invitation, terms }) =>
    `invitation ${invitation} issued by the administrator, ${scopesOf(terms?.scopes ?? [])}`,
  'invitation.withdrawn': ({ invitation }) => `invitation ${invitation} withdrawn by the administrator`,
  'invitation.used': ({ clientId }, id) => `invitation ${id} used for client ${clientId}`,
  'assertion.used': ({ clientId }) => `client ${clientId} proved itself by a signed assertion`,
  'user.registered': ({ subject, authorities }) =>
    `user ${subject} registered by the administrator, authorities ${listOf(authorities)}`,
  'user.removed': ({ subject }) => `user ${subject} removed by the administrator`,
  'user.password_changed': ({ subject }) => `password of user ${subject} changed by the administrator`,
  'user.updated': ({ subject, authorities }) =>
    `user ${subject} changed by the administrator, authorities ${listOf(authorities)}`,
  'user.linked': ({ subject, repository, authorities }) =>
    `user ${subject} of the repository ${repository}, authorities ${listOf(authorities)}`,
  'user.unlinked': ({ subject }) => `user ${subject} is not known to the repository any more`,
  'user.erased': ({ subject }) =>
    `user ${subject} erased by the administrator: nothing names the person any more`,
  'session.started': ({ subject, expiresAtSeconds }, id) =>
    `user ${subject} logged in: session ${id} until ${at(expiresAtSeconds)}`,
  'session.ended': ({ reason }, id) => `session ${id} ended: ${sessionEndedBecause[reason]}`,
  'logout.delivered': ({ clientId }, id) => `client ${clientId} told of the end of session ${id}`,
  'logout.failed': ({ clientId, attempts }, id) =>
    `client ${clientId} could not be told of the end of session ${id}, ${attempts} attempts`,
  'consent.given': ({ subject, clientId, scopes, claims = [] }) =>
    `user ${subject} approved ${scopesOf(scopes)}${claims.length > 0 ? `, claims ${listOf(claims)},` : ''} for client ${clientId}`,
  'code.issued': ({ subject, clientId, scopes, expiresAtSeconds }, id) =>
    `code issued to client ${clientId} for user ${subject}, ${scopesOf(scopes)}, until ${at(expiresAtSeconds)} (grant ${id})`,
  'code.redeemed': (_, id) => `code redeemed (grant ${id})`,
  'token.issued': (event, id) =>
    `token issued to client ${event.clientId} ${event.subject === null ? 'for itself' : `for user ${event.subject}`}, ` +
    `${scopesOf(event.scopes)}, ${lifetimeOf(event)} (grant ${id})`,
  'token.refreshed': (event, id) =>
    `refresh token rotated and token issued, ${scopesOf(event.scopes)}, ${lifetimeOf(event)} (grant ${id})`,
  'device_code.issued': ({ clientId, scopes, expiresAtSeconds }, id) =>
    `device code issued to client ${clientId}, ${scopesOf(scopes)}, until ${at(expiresAtSeconds)} (grant ${id})`,
  'device_code.approved': ({ subject, scopes }, id) =>
    `user ${subject} approved ${scopesOf(scopes)} for a device (grant ${id})`,
  'device_code.denied': (_, id) => `the device was denied access (grant ${id})`,
  'rotation.ordered': (_, id) => `the administrator has the refresh token rotated (grant ${id})`,
  'login.locked': ({ of, failures, untilSeconds, from }) =>
    `${failures} failed attempts for ${of === 'address' ? 'names from one address' : `one ${of}${from === undefined ? '' : ' from one address'}`}: none is looked at until ${at(untilSeconds)}`,
  'login.unlocked': () => 'the pause after failed attempts lifted by the administrator',
  'grant.revoked': ({ reason }, id) => `grant ${id} ended: ${revokedBecause[reason]}`,
  'request.pushed': ({ clientId, expiresAtSeconds }, id) =>
    `authorization request pushed by client ${clientId}, until ${at(expiresAtSeconds)} (request ${id})`,
  'request.used': (_, id) => `pushed authorization request used (request ${id})`,
  'signing_key.published': ({ algorithm, serverAddress }, id) =>
    `signing key ${id} (${algorithm}) published by server ${serverAddress}`,
  'signing_key.activated': (_, id) => `signing key ${id} signs from now on`,
  'signing_key.replaced': ({ reason, lastExpiresAtSeconds }, id) =>
    `signing key ${id} signs no more: ${replacedBecause[reason]}; its last token ends ${at(lastExpiresAtSeconds)}`,
  'signing_key.retired': (_, id) => `signing key ${id} retired`,
}

/** `TIME  #POSITION  what happened, by whom, to whom`. */
export function describeEvent(recorded: Recorded, { disclose = false }: Disclosure = {}): string {
  const { position, timeMs, stream, event } = recorded
  const say = words[event.type] as (event: unknown, id: string) => string
  const sentence = say(event, stream.slice(stream.indexOf(':') + 1))
  const names = disclose
    ? Object.entries(personalFields(recorded)).map(([name, value]) => `${labels[name]} ${quoted(value)}`)
    : []
  return `${new Date(timeMs).toISOString()}  #${position}  ${printable([sentence, ...names].join(', '))}`
}

const labels: Readonly<Record<string, string>> = {
  username: 'name',
  address: 'from',
  userAgent: 'with',
  claims: 'claims',
}

const quoted = (value: unknown): string => JSON.stringify(value)

const listOf = (items: readonly string[]): string => (items.length > 0 ? items.join(' ') : 'none')
const scopesOf = (scopes: readonly string[]): string => `scopes ${listOf(scopes)}`

/** Stored numbers may be anything: a date beyond the calendar is told as it is. */
function at(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().replace('.000', '')
}

const lifetimeOf = (token: {
  accessExpiresAtSeconds: number
  refreshExpiresAtSeconds: number | null
}): string =>
  `until ${at(token.accessExpiresAtSeconds)}` +
  (token.refreshExpiresAtSeconds === null ? '' : `, refresh token until ${at(token.refreshExpiresAtSeconds)}`)
