/**
 * Administration as the operator's side of it: build the event, sign it with the administrator's key in this
 * process, hand it over. The key and the clear text of passwords and secrets never leave the process.
 */
import { randomBytes } from 'node:crypto'
import type { AdministrationRequest } from '../authorization-server/administer.ts'
import { hashSecret } from '../authorization-server/secret-checker.ts'
import type { PrivateKey } from '../chain/keys.ts'
import { signMessage } from '../chain/message.ts'
import { administrationText, sideCommitment } from '../oauth/administration.ts'
import { usesSecret } from '../oauth/client.ts'
import {
  type ClientRegistration,
  discouragedGrants,
  parseClientRegistration,
} from '../oauth/client-metadata.ts'
import { encodeEvent } from '../oauth/event-codec.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import {
  assertAuthorities,
  assertPassword,
  parseUserRegistration,
  type User,
  type UserRegistration,
} from '../oauth/user.ts'
import { type Connection, ControlError } from './connection.ts'
import { deleteElsewhere, saveElsewhere } from './users-elsewhere.ts'

export interface Administrator {
  connection: Connection
  key: PrivateKey
  /** Milliseconds since 1970. */
  now: () => number
}

export interface RegisteredClient {
  clientId: string
  position: number
  /** Only where it was made here: nobody can show it again. */
  clientSecret?: string
  /** Grant types it was registered for that RFC 9700 advises against. */
  discouragedGrantTypes: string[]
}

export interface RegisteredUser {
  username: string
  /** Missing where the ledger hears of the user at the first login only. */
  subject?: string
  position?: number
}

/**
 * Registers a client of either form; a confidential one without a secret is given one.
 *
 * @throws ClientMetadataError, ControlError
 */
export const registerClient = (administrator: Administrator, input: unknown): Promise<RegisteredClient> =>
  submitClient(administrator, parseClientRegistration(input))

/**
 * Registers clients one after the other. All are looked at first: where one is malformed or there already, none is
 * registered.
 *
 * @throws ClientMetadataError, ControlError
 */
export async function* registerClients(
  administrator: Administrator,
  inputs: readonly unknown[],
): AsyncGenerator<RegisteredClient> {
  const clients = inputs.map(parseClientRegistration)
  for (const [i, { clientId }] of clients.entries())
    if (
      clients.findIndex((other) => other.clientId === clientId) !== i ||
      (await administrator.connection.operations.client({ clientId }))
    )
      throw new ControlError('exists', `the client ${clientId} exists already`)
  for (const client of clients) yield submitClient(administrator, client)
}

async function submitClient(
  administrator: Administrator,
  { clientId, clientSecret, metadata }: ClientRegistration,
): Promise<RegisteredClient> {
  const made =
    clientSecret === undefined && usesSecret(metadata) ? randomBytes(32).toString('base64url') : undefined
  const secret = clientSecret ?? made
  const secretHash = secret === undefined ? undefined : await hashSecret(secret)
  const position = await submit(administrator, streamOf.client(clientId), (signedAtSeconds) => ({
    type: 'client.registered',
    clientId,
    metadata,
    signedAtSeconds,
    signature: '',
    side: { ...(secretHash !== undefined && { secretHash }) },
  }))
  return {
    clientId,
    position,
    discouragedGrantTypes: discouragedGrants(metadata),
    ...(made !== undefined && { clientSecret: made }),
  }
}

/** @throws ControlError not_found */
export const removeClient = (administrator: Administrator, clientId: string): Promise<number> =>
  submit(administrator, streamOf.client(clientId), (signedAtSeconds) => ({
    type: 'client.removed',
    clientId,
    signedAtSeconds,
    signature: '',
  }))

/**
 * Registers a user under a new random subject.
 *
 * @throws UserError, ControlError exists
 */
export const registerUser = (administrator: Administrator, input: unknown): Promise<RegisteredUser> =>
  submitUser(administrator, parseUserRegistration(input))

/**
 * Registers users one after the other. All are looked at first: where one is malformed or there already, none is
 * registered.
 *
 * @throws UserError, ControlError exists
 */
export async function* registerUsers(
  administrator: Administrator,
  inputs: readonly unknown[],
): AsyncGenerator<RegisteredUser> {
  const users = inputs.map(parseUserRegistration)
  for (const [i, { username }] of users.entries())
    if (
      users.findIndex((other) => other.username === username) !== i ||
      (await administrator.connection.operations.user({ username }))
    )
      throw new ControlError('exists', `the user ${username} exists already`)
  for (const user of users) yield submitUser(administrator, user)
}

async function submitUser(
  administrator: Administrator,
  { username, password, authorities, claims }: UserRegistration,
): Promise<RegisteredUser> {
  const subject = randomBytes(16).toString('base64url')
  const passwordHash = await hashSecret(password)
  const kept = { username, passwordHash, authorities, ...(claims && { claims }) }
  if (await saveElsewhere(administrator, kept)) return { username }
  const position = await submit(administrator, streamOf.user(subject), (signedAtSeconds) => ({
    type: 'user.registered',
    subject,
    authorities,
    signedAtSeconds,
    signature: '',
    side: { username, passwordHash, ...(claims && { claims }) },
  }))
  return { username, subject, position }
}

/**
 * @returns the position of the removal; undefined where the user was not the ledger's to remove
 * @throws ControlError not_found
 */
export async function removeUser(
  administrator: Administrator,
  username: string,
): Promise<number | undefined> {
  if (await deleteElsewhere(administrator, username)) return undefined
  const { subject } = await presentUser(administrator, username)
  return submit(administrator, streamOf.user(subject), (signedAtSeconds) => ({
    type: 'user.removed',
    subject,
    signedAtSeconds,
    signature: '',
  }))
}

/**
 * Gives a user another password; all sessions and tokens of the user end.
 *
 * @throws UserError, ControlError not_found
 */
export async function changePassword(
  administrator: Administrator,
  username: string,
  password: string,
): Promise<number> {
  assertPassword(password)
  const { subject, claims, username: name } = await presentUser(administrator, username)
  const passwordHash = await hashSecret(password)
  return submit(administrator, streamOf.user(subject), (signedAtSeconds) => ({
    type: 'user.password_changed',
    subject,
    signedAtSeconds,
    signature: '',
    side: { username: name!, passwordHash, ...(claims && { claims }) },
  }))
}

/** Gives a user other authorities. @throws UserError, ControlError not_found */
export async function updateUser(
  administrator: Administrator,
  username: string,
  authorities: readonly string[],
): Promise<number> {
  assertAuthorities(authorities)
  const { subject } = await presentUser(administrator, username)
  return submit(administrator, streamOf.user(subject), (signedAtSeconds) => ({
    type: 'user.updated',
    subject,
    authorities: [...new Set(authorities)],
    signedAtSeconds,
    signature: '',
  }))
}

/** Lifts the pause that failed attempts have brought for a name. @throws ControlError not_found */
export async function unlock(
  administrator: Administrator,
  kind: 'user' | 'client',
  name: string,
): Promise<number> {
  const { stream } = await administrator.connection.operations.failures({ kind, name })
  return submit(administrator, stream, (signedAtSeconds) => ({
    type: 'login.unlocked',
    signedAtSeconds,
    signature: '',
  }))
}

async function presentUser({ connection }: Administrator, username: string): Promise<User> {
  const user = await connection.operations.user({ username })
  if (!user) throw new ControlError('not_found', 'The user not found.')
  return user
}

/**
 * Revokes the grant of a token: the token and the refresh token issued with it.
 *
 * @returns the position of the revocation; undefined where the grant had ended before
 * @throws ControlError not_found
 */
export async function removeToken(administrator: Administrator, token: string): Promise<number | undefined> {
  const view = await administrator.connection.operations.token({ token })
  if (!view) throw new ControlError('not_found', 'The token not found.')
  if (view.grant.ended) return undefined
  return submit(administrator, view.stream, (signedAtSeconds) => ({
    type: 'grant.revoked',
    reason: 'administrator',
    signedAtSeconds,
    signature: '',
  }))
}

const submit = async (...how: Parameters<typeof submitEvent>): Promise<number> =>
  (await submitEvent(...how)).position

/** Signs the event for its place and hands it over; resolves with its position once it is on disk. */
export const submitEvent = async (
  ...how: Parameters<typeof signEvent>
): Promise<{ position: number; isForgotten?: boolean }> =>
  how[0].connection.operations.administer(await signEvent(...how))

/** The event, signed for the next version of its stream. */
export async function signEvent(
  { connection, key, now }: Administrator,
  stream: string,
  eventOf: (signedAtSeconds: number) => Event & { signature: string | null },
): Promise<AdministrationRequest> {
  const { origin, version } = await connection.operations.place({ stream })
  const event = eventOf(Math.floor(now() / 1000))
  const { side } = encodeEvent(event)
  const salt = side && randomBytes(32)
  const commitment = side && salt && sideCommitment(salt, side)
  event.signature = signMessage(administrationText({ origin, stream, version }, event, commitment), key)
  return { stream, version, event, ...(salt && { salt: salt.toString('base64url') }) }
}
