/**
 * What operators may ask of a server, as named operations with JSON in and out: the same ones over the control
 * socket of a running server and in this process on the data of a stopped one.
 */
import { type AdministrationRequest, administer } from '../authorization-server/administer.ts'
import type { AuthorizationContext } from '../authorization-server/context.ts'
import type { FailureView, ProverKind } from '../authorization-server/failure-limits.ts'
import { ownerOf } from '../authorization-server/owner.ts'
import { presentedHash } from '../authorization-server/presented-token.ts'
import type { Retained, RetentionProgress } from '../authorization-server/retention-pass.ts'
import {
  type OrderedRotation,
  rotateAsAdministrator,
} from '../authorization-server/rotate-as-administrator.ts'
import type { KeptUser, UserDirectory } from '../authorization-server/user-directory.ts'
import type { Sealed } from '../ledger/segments/sealer.ts'
import type { Registration } from '../ledger/segments/segments.ts'
import type { Client } from '../oauth/client.ts'
import type { SigningAlgorithm } from '../oauth/client-metadata.ts'
import { streamOf } from '../oauth/events.ts'
import { type Grant, isAccessTokenLive } from '../oauth/grant.ts'
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
import { type SigningKey, type SigningKeyStatus, statusOf } from '../oauth/signing-key.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import type { User } from '../oauth/user.ts'
import type { Monitor } from '../projections/monitor.ts'

/** Addresses that `coin recharge` supplies. */
export interface CoinAddresses {
  administrator: string
  servers: string[]
  peers: string[]
}

export interface ServerStatus {
  version: string
  processId: number
  issuer: string
  /** Where it listens; 0 where it is this very process that has opened the data of a stopped one. */
  port: number
  origin: string
  administrator: string
  position: number
  /** The node's REST endpoint; for the embedded one its own. */
  endpoint: string
}

export interface TokenView {
  stream: string
  grant: Grant
  kind: 'access' | 'refresh'
  /** Whether it is live now. */
  active: boolean
}

export interface SigningKeyView {
  key: SigningKey
  status: SigningKeyStatus
}

/** An authorization code: its grant, and those it was given by and to. */
export interface CodeView {
  grant: Grant
  client: Client | null
  user: User | null
}

export interface Operations {
  status(input: Record<string, never>): ServerStatus
  monitor(input: Record<string, never>): Monitor
  coinAddresses(input: Record<string, never>): CoinAddresses
  /** Where an administration event would go: the ledger's origin and the version its stream is at. */
  place(input: { stream: string }): { origin: string; version: number }
  administer(input: AdministrationRequest): Promise<{ position: number; isForgotten?: boolean }>
  /** Rotates a refresh token in its client's place. */
  rotate(input: OrderedRotation): Promise<TokenAnswer>
  client(input: { clientId: string }): Client | null
  clients(input: Record<string, never>): Promise<Client[]>
  user(input: { username: string }): User | null
  /** Where users are kept, if not in the ledger. */
  userKeeper(input: Record<string, never>): UserDirectory['keeper'] | null
  /** Adds a user where they are kept. */
  saveUser(input: KeptUser): Promise<null>
  deleteUser(input: { username: string }): Promise<null>
  /** Failed attempts for a user or a client, known or not. */
  failures(input: { kind: ProverKind; name: string }): FailureView
  /** All who bear the name or bore it, removed users too, as far as they are not erased. */
  bearers(input: { username: string }): Promise<{ subject: string; removed: boolean }[]>
  code(input: { code: string }): CodeView | null
  token(input: { token: string }): Promise<TokenView | null>
  /** Moves events from before a time into segments; null: from before the time that the settings say. */
  seal(input: { beforeMs: number | null }): Promise<Sealed>
  /** Drops what the retention policy does not keep, or tells what would go. */
  retain(input: { isDry: boolean }): Promise<Retained>
  /** How far such a run has come. */
  retention(input: Record<string, never>): RetentionProgress
  segments(input: Record<string, never>): readonly Registration[]
  /** The keys that sign tokens. */
  signingKeys(input: Record<string, never>): SigningKeyView[]
  /** Replaces them now; of one algorithm where it is named. */
  rotateSigningKeys(input: { algorithm?: SigningAlgorithm; compromised: boolean }): Promise<SigningKeyView[]>
}

export type { Retained, Sealed }

export type OperationName = keyof Operations

export interface OperationSources {
  context: AuthorizationContext
  status: () => ServerStatus
  monitor: () => Monitor
  coinAddresses: () => CoinAddresses
  seal: Operations['seal']
  retain: Operations['retain']
  retention: Operations['retention']
  segments: Operations['segments']
}

export function createOperations({
  context,
  status,
  monitor,
  coinAddresses,
  seal,
  retain,
  retention,
  segments,
}: OperationSources): Operations {
  const { models, settings, now, keys } = context
  const signingKeys = (): SigningKeyView[] => keys.list().map((key) => ({ key, status: statusOf(key) }))
  return {
    status,
    monitor,
    coinAddresses,
    seal,
    retain,
    retention,
    segments,
    place: ({ stream }) => ({ origin: settings.origin, version: models.versionOf(stream) }),
    async administer(request) {
      const { position, isForgotten } = await administer(context, request)
      return { position, ...(isForgotten !== undefined && { isForgotten }) }
    },
    rotate: (request) => rotateAsAdministrator(context, request),
    client({ clientId }) {
      const { state } = models.load('client', streamOf.client(clientId))
      return state && !state.removed ? state : null
    },
    async clients() {
      const clients: Client[] = []
      for await (const client of models.list('client')) if (!client.removed) clients.push(client)
      return clients
    },
    user({ username }) {
      const subject = models.subjectOf(username.normalize('NFC'))
      return (subject === undefined ? undefined : models.load('user', streamOf.user(subject)).state) ?? null
    },
    userKeeper: () => context.directory?.keeper ?? null,
    async saveUser(user) {
      await context.directory?.save(user)
      return null
    },
    async deleteUser({ username }) {
      await context.directory?.delete(context, username)
      return null
    },
    failures: ({ kind, name }) => context.limits.view(kind, name.normalize('NFC')),
    async bearers({ username }) {
      const name = username.normalize('NFC')
      const bearers: { subject: string; removed: boolean }[] = []
      for await (const user of models.list('user'))
        if (user.username === name) bearers.push({ subject: user.subject, removed: user.removed })
      return bearers
    },
    code({ code }) {
      const stream = isToken('code', code) ? models.streamOf(hashToken(code)) : undefined
      const grant = stream === undefined ? undefined : models.load('grant', stream).state
      if (!grant) return null
      return {
        grant,
        client: models.load('client', streamOf.client(grant.clientId)).state ?? null,
        user: ownerOf(context, grant) ?? null,
      }
    },
    async token({ token }) {
      const hash = await presentedHash(context, token)
      const stream = hash === undefined ? undefined : models.streamOf(hash)
      const grant = stream === undefined ? undefined : models.load('grant', stream).state
      if (hash === undefined || stream === undefined || !grant) return null
      const isRefreshLive =
        grant.ended === null && grant.refresh?.hash === hash && now() < grant.refresh.expiresAtSeconds * 1000
      return {
        stream,
        grant,
        kind: token.startsWith('cs_rt_') ? 'refresh' : 'access',
        active: isAccessTokenLive(grant, hash, now()) || isRefreshLive,
      }
    },
    signingKeys,
    async rotateSigningKeys({ algorithm, compromised }) {
      await keys.rotate(algorithm && [algorithm], compromised)
      return signingKeys()
    },
  }
}
