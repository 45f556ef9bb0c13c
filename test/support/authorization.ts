/** An authorization server without HTTP: real ledger on disk, a clock that stands still, signatures that are hashes. */
import { createHash } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import { type AdministrationRequest, administer } from '../../src/authorization-server/administer.ts'
import { authorize } from '../../src/authorization-server/authorize.ts'
import { DevicePolling } from '../../src/authorization-server/by-device-code.ts'
import { ClientKeys } from '../../src/authorization-server/client-keys.ts'
import type { AuthorizationContext } from '../../src/authorization-server/context.ts'
import { DpopProofs } from '../../src/authorization-server/dpop.ts'
import { FailureLimits } from '../../src/authorization-server/failure-limits.ts'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'
import { PrivateKeyFiles } from '../../src/authorization-server/private-key-files.ts'
import { SecretChecker } from '../../src/authorization-server/secret-checker.ts'
import type { LiveSession } from '../../src/authorization-server/session.ts'
import { SigningKeys } from '../../src/authorization-server/signing-keys.ts'
import { requestToken as requestTokens, type TokenRequest } from '../../src/authorization-server/token.ts'
import { TokenSecrets } from '../../src/authorization-server/token-secrets.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { Storage } from '../../src/ledger/storage.ts'
import { administrationText, sideCommitment } from '../../src/oauth/administration.ts'
import type { Client } from '../../src/oauth/client.ts'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import { decodeEvent, encodeEvent } from '../../src/oauth/event-codec.ts'
import { type Event, type Recorded, streamOf } from '../../src/oauth/events.ts'
import type { TokenAnswer } from '../../src/oauth/grants/token-answer.ts'
import type { User } from '../../src/oauth/user.ts'
import { Outbound } from '../../src/outbound/outbound.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { openWatchedStorage, temporaryFolder, type WatchedStorage } from './ledger.ts'
import { sampleMetadata, someTimeMs } from './oauth.ts'

export const eventCodec = { encode: encodeEvent, decode: decodeEvent }
export const administratorAddress = 'administrator'
export const serverAddress = 'server'
export const redirectUri = 'https://client.example/callback'

/** Stands for a "Bitcoin Signed Message": whoever knows the address can sign, which is enough here. */
export const signAs = (address: string, text: string): string =>
  createHash('sha256').update(`${address}\n${text}`).digest('base64')

export interface World<S extends Storage = WatchedStorage> {
  context: AuthorizationContext
  ledger: Ledger<Event>
  storage: S
  models: ReadModels
  /** The only clock. */
  clock: { nowMs: number }
  /** All that `committed$` has told. */
  heard: Recorded[]
}

export async function openWorld({ folder = temporaryFolder(), cacheEntries = 100 } = {}): Promise<World> {
  return worldOn(await openWatchedStorage(folder), cacheEntries)
}

/** The server on a storage, which it closes with the test. */
export function worldOn<S extends Storage>(storage: S, cacheEntries = 100): World<S> {
  const ledger = new Ledger<Event>(storage, eventCodec, projectRows)
  onTestFinished(() => ledger.close())
  const heard: Recorded[] = []
  ledger.committed$.subscribe((events) => heard.push(...events))
  const models = new ReadModels(ledger, cacheEntries)
  const clock = { nowMs: someTimeMs }
  const outbound = new Outbound({ allow: [], clientHosts: [] })
  const keys = new SigningKeys({
    ledger,
    models,
    files: new PrivateKeyFiles(temporaryFolder(), Buffer.alloc(32, 8)),
    serverAddresses: ['server'],
    schedule: { algorithms: ['ES256', 'EdDSA'], rotationSeconds: 90 * 86_400, leadSeconds: 86_400 },
    accessSeconds: 3600,
    now: () => clock.nowMs,
  })
  const loaded = keys.load()
  onTestFinished(() => loaded.then(() => keys.close()))
  const context: AuthorizationContext = {
    ledger,
    models,
    settings: {
      issuer: 'https://signon.example',
      origin: 'ledger.example/one',
      administratorAddress,
      codeSeconds: 60,
      pushedRequestSeconds: 90,
      pushedRequestsOnly: false,
      accessSeconds: 3600,
      refreshSeconds: 86_400,
      sessionSeconds: 1800,
      registration: 'token',
      refreshGraceMs: 5000,
    },
    secrets: new TokenSecrets(Buffer.alloc(32, 5)),
    secretChecker: new SecretChecker(),
    devicePolling: new DevicePolling(),
    dpop: new DpopProofs(new KeyedHash(Buffer.alloc(32, 6)), { nonceRequired: false }, () => clock.nowMs),
    keys,
    limits: new FailureLimits({ ledger, models, now: () => clock.nowMs }, Buffer.alloc(32, 9)),
    outbound,
    clientKeys: new ClientKeys(outbound, () => clock.nowMs),
    signer: { address: serverAddress, sign: (text) => signAs(serverAddress, text) },
    now: () => clock.nowMs,
    verifyMessage: (address, text, signature) => signature === signAs(address, text),
  }
  return { context, ledger, storage, models, clock, heard }
}

/** Signs an event for the next version of its stream, or for another place. */
export function signedRequest(
  { context, models }: World,
  event: Event & { signature: string | null },
  place: { stream: string; version?: number; origin?: string },
  by = administratorAddress,
): AdministrationRequest {
  const { stream, version = models.versionOf(stream), origin = context.settings.origin } = place
  const { side } = encodeEvent(event)
  const salt = side && Buffer.alloc(32, 3)
  const text = administrationText(
    { origin, stream, version },
    event,
    side && salt && sideCommitment(salt, side),
  )
  return {
    stream,
    version,
    event: { ...event, signature: signAs(by, text) } as Event,
    ...(salt && { salt: salt.toString('base64url') }),
  }
}

const signed = { signedAtSeconds: 1, signature: '' }

export const clientRegistered = (clientId: string, metadata: ClientMetadata, secretHash?: string) => ({
  type: 'client.registered' as const,
  clientId,
  metadata,
  ...signed,
  side: { ...(secretHash !== undefined && { secretHash }) },
})
export const clientRemoved = (clientId: string) => ({ type: 'client.removed' as const, clientId, ...signed })
export const userRegistered = (subject: string, username: string, passwordHash = 'no hash') => ({
  type: 'user.registered' as const,
  subject,
  authorities: ['USER'],
  ...signed,
  side: { username, passwordHash },
})
export const passwordChanged = (subject: string, username: string, passwordHash: string) => ({
  type: 'user.password_changed' as const,
  subject,
  ...signed,
  side: { username, passwordHash },
})
export const userUpdated = (subject: string, authorities: string[]) => ({
  type: 'user.updated' as const,
  subject,
  authorities,
  ...signed,
})
export const userErased = (subject: string) => ({ type: 'user.erased' as const, subject, ...signed })
export const userRemoved = (subject: string) => ({ type: 'user.removed' as const, subject, ...signed })

/** Registers a client whose scopes need no consent, unless told otherwise. */
export async function registerClient(
  world: World,
  clientId = 'trusted',
  changes: Partial<ClientMetadata> = {},
  secretHash?: string,
): Promise<Client> {
  const metadata = sampleMetadata({ autoApproves: ['read', 'write'], ...changes })
  const stream = streamOf.client(clientId)
  await administer(
    world.context,
    signedRequest(world, clientRegistered(clientId, metadata, secretHash), { stream }),
  )
  return world.models.load('client', stream).state!
}

export async function registerUser(
  world: World,
  subject = 'alice-subject',
  username = 'alice',
  passwordHash?: string,
): Promise<User> {
  const stream = streamOf.user(subject)
  await administer(
    world.context,
    signedRequest(world, userRegistered(subject, username, passwordHash), { stream }),
  )
  return world.models.load('user', stream).state!
}

/** A browser in which this user is logged in, without the session having been recorded. */
export const browserOf = (user: User): LiveSession => ({
  user,
  session: {
    id: 'browser',
    subject: user.subject,
    startedAtSeconds: 0,
    expiresAtSeconds: 2 ** 32 - 1,
    endedAtSeconds: null,
  },
})

/** The code in the redirect to which an authorization request of the client leads. */
export async function receiveCode(world: World, client: Client, user: User): Promise<string> {
  const parameters = { response_type: 'code', client_id: client.clientId, redirect_uri: redirectUri }
  const step = await authorize(world.context, parameters, browserOf(user))
  if (step.kind !== 'redirect') throw new Error(`the server wants to ${step.kind}`)
  return new URL(step.location).searchParams.get('code')!
}

/** A request of this client at the token endpoint, without a DPoP proof. */
export const requestToken = (
  context: AuthorizationContext,
  client: Client,
  form: TokenRequest['form'],
): Promise<TokenAnswer> => requestTokens(context, { client, form, address: '127.0.0.1' })

export const redeemForm = (code: string) => ({
  grant_type: 'authorization_code',
  code,
  redirect_uri: redirectUri,
})
export const rotateForm = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token })

/** Client, user, and the tokens of a redeemed code. */
export async function signedOn(
  world: World,
): Promise<{ client: Client; user: User; code: string; tokens: TokenAnswer & { refresh_token: string } }> {
  const client = await registerClient(world)
  const user = await registerUser(world)
  const code = await receiveCode(world, client, user)
  const tokens = await requestToken(world.context, client, redeemForm(code))
  return { client, user, code, tokens: tokens as TokenAnswer & { refresh_token: string } }
}

/** How often each type of event stands in the ledger, as far as followers have heard. */
export function tally({ heard }: World): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { event } of heard) {
    const name = event.type === 'grant.revoked' ? `${event.type} ${event.reason}` : event.type
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** What a use case came to: its answer, or the code of its error. */
export const answerOrCode = async <T>(run: () => Promise<T> | T): Promise<T | string> => {
  try {
    return await run()
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** No grant was redeemed twice, rotated twice from one token or ended twice, in whatever order it came. */
export function expectNothingTwice({ heard }: World): void {
  const seen = new Set<string>()
  const once = (what: string) => {
    expect(seen).not.toContain(what)
    seen.add(what)
  }
  const live = new Map<string, string | null>()
  for (const { stream, event } of heard) {
    if (event.type === 'code.redeemed') once(`${stream} redeemed`)
    if (event.type === 'grant.revoked') once(`${stream} revoked`)
    if (event.type === 'token.issued') live.set(stream, event.refreshTokenHash)
    if (event.type === 'token.refreshed') {
      once(`${stream} rotated from ${live.get(stream)}`)
      live.set(stream, event.refreshTokenHash)
    }
  }
}
