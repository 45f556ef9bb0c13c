/** A ledger with a life in it, on disk, and hands to tamper with its bytes. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, expect } from 'vitest'
import {
  type Verification,
  type VerifyOptions,
  verifyLedger,
  verifyLedgerInOrder,
} from '../../src/audit/verify.ts'
import type { PrivateKey } from '../../src/chain/keys.ts'
import { signMessage, verifyMessage } from '../../src/chain/message.ts'
import { Checkpoints } from '../../src/ledger/checkpoints.ts'
import { frontierKey, rangeOf } from '../../src/ledger/layout.ts'
import { type AppendOptions, Ledger } from '../../src/ledger/ledger.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { TreeWriter } from '../../src/ledger/tree-writer.ts'
import { administrationText, serverText, sideCommitment } from '../../src/oauth/administration.ts'
import { decodeEvent, encodeEvent } from '../../src/oauth/event-codec.ts'
import { type Event, type EventOf, streamOf } from '../../src/oauth/events.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { ed25519PrivateKey, ed25519PublicKeyBytes } from '../../src/tree/ed25519.ts'
import { ed25519Signer } from '../../src/tree/signed-note.ts'
import { testKey } from '../chain/support.ts'

export const origin = 'signon.example.com'
export const codec = { encode: encodeEvent, decode: decodeEvent }
export const startMs = Date.UTC(2026, 10, 2, 10, 0, 0)
export const administrator = testKey('administrator')
export const server = testKey('server')
export const salt = Buffer.alloc(32, 9)
/** What an auditor knows beforehand. */
export const trusted = { serverAddresses: [server.address], administratorAddress: administrator.address }
const checkpointKey = ed25519PrivateKey(Buffer.alloc(32, 7))

export const openCheckpoints = (ledger: Ledger<Event>, directory: string): Promise<Checkpoints> =>
  Checkpoints.open(ledger, join(directory, 'checkpoint'), origin, ed25519Signer(origin, checkpointKey))

const roots: string[] = []
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true })
})

export async function temporaryDirectory(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'signon-audit-'))
  roots.push(root)
  return root
}

export const token = (kind: 'ac' | 'at' | 'rt' | 'se', name: string) => `cs_${kind}_${name.padEnd(43, '_')}`

/** The event with the signature of `key` for its place. */
export function signed<E extends Event>(
  event: E,
  stream: string,
  version: number,
  key: PrivateKey = administrator,
): E {
  const { side } = encodeEvent(event)
  const text = administrationText({ origin, stream, version }, event, side && sideCommitment(salt, side))
  return { ...event, signature: signMessage(text, key) }
}

export function serverOpened(changes: Partial<EventOf<'server.opened'>> = {}): EventOf<'server.opened'> {
  const event: EventOf<'server.opened'> = {
    type: 'server.opened',
    origin,
    administratorAddress: administrator.address,
    serverAddress: server.address,
    checkpointKey: ed25519PublicKeyBytes(checkpointKey).toString('base64url'),
    signature: '',
    ...changes,
  }
  return { ...event, signature: signMessage(serverText(event), server) }
}

/** An open ledger; each append is a second later than the one before. */
export class SampleLedger {
  readonly directory: string
  readonly storage: Storage
  readonly ledger: Ledger<Event>
  readonly checkpoints: Checkpoints
  #nowMs = startMs

  private constructor(directory: string, storage: Storage, ledger: Ledger<Event>, checkpoints: Checkpoints) {
    this.directory = directory
    this.storage = storage
    this.ledger = ledger
    this.checkpoints = checkpoints
  }

  static async open(directory: string): Promise<SampleLedger> {
    const storage = await openStorage(join(directory, 'ledger'))
    const ledger = new Ledger<Event>(storage, codec, projectRows)
    const checkpoints = await openCheckpoints(ledger, directory)
    return new SampleLedger(directory, storage, ledger, checkpoints)
  }

  async append(stream: string, version: number, events: Event[], options: AppendOptions = {}): Promise<void> {
    this.#nowMs += 1000
    await this.ledger.append(stream, version, events, this.#nowMs, { salt, ...options })
  }

  administer(event: Event, stream: string, version: number, key?: PrivateKey): Promise<void> {
    return this.append(stream, version, [signed(event, stream, version, key)])
  }

  /** Tokens that a client got for itself: one event each. */
  async issueToClient(count: number, name = 'own'): Promise<void> {
    const nowMs = this.#nowMs
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        this.ledger.append(streamOf.grant(`${name}-${i}`), 0, [clientToken(`${name}${i}`)], nowMs),
      ),
    )
  }
}

export const clientToken = (name: string): EventOf<'token.issued'> => ({
  type: 'token.issued',
  grantType: 'client_credentials',
  clientId: 'trusted',
  clientVersion: 0,
  subject: null,
  scopes: ['read'],
  accessTokenHash: hashToken(token('at', name)),
  accessExpiresAtSeconds: startMs / 1000 + 3600,
  refreshTokenHash: null,
  refreshExpiresAtSeconds: null,
})

export const clientRegistered = (clientId = 'trusted'): EventOf<'client.registered'> => ({
  type: 'client.registered',
  clientId,
  metadata: {
    authenticationMethod: 'client_secret_basic',
    grantTypes: ['authorization_code', 'client_credentials', 'refresh_token'],
    redirectUris: ['https://client.example/callback'],
    scopes: ['read', 'write'],
    authorities: [],
    autoApproves: [],
    resourceIds: [],
    additionalInformation: {},
  },
  signedAtSeconds: startMs / 1000,
  signature: '',
  side: { secretHash: 'argon2id-of-a-secret' },
})

export const userRegistered = (subject: string, username: string): EventOf<'user.registered'> => ({
  type: 'user.registered',
  subject,
  authorities: ['USER'],
  signedAtSeconds: startMs / 1000,
  signature: '',
  side: { username, passwordHash: 'argon2id-of-a-password' },
})

export const codeIssued: EventOf<'code.issued'> = {
  type: 'code.issued',
  codeHash: hashToken(token('ac', 'one')),
  clientId: 'trusted',
  clientVersion: 0,
  subject: 'alice-subject',
  session: 'browser',
  scopes: ['read', 'write'],
  redirectUri: 'https://client.example/callback',
  redirectUriSent: true,
  codeChallenge: null,
  expiresAtSeconds: startMs / 1000 + 60,
}

export const userToken: EventOf<'token.issued'> = {
  ...clientToken('one'),
  grantType: 'authorization_code',
  subject: 'alice-subject',
  scopes: ['read', 'write'],
  refreshTokenHash: hashToken(token('rt', 'one')),
  refreshExpiresAtSeconds: startMs / 1000 + 86_400,
}

export const refreshed: EventOf<'token.refreshed'> = {
  type: 'token.refreshed',
  scopes: ['read'],
  accessTokenHash: hashToken(token('at', 'two')),
  accessExpiresAtSeconds: startMs / 1000 + 7200,
  refreshTokenHash: hashToken(token('rt', 'two')),
  refreshExpiresAtSeconds: startMs / 1000 + 172_800,
}

export const revoked: EventOf<'grant.revoked'> = {
  type: 'grant.revoked',
  reason: 'client',
  signedAtSeconds: null,
  signature: null,
}

/**
 * Positions 0 server, 1 client, 2 alice, 3 session, 4 consent, 5 code, 6 and 7 redeemed, 8 refreshed, 9 revoked,
 * 10 session ended, 11 bob, 12 bob removed; checkpoints of 5 and 13 events.
 */
export const lifeEvents = 13

export async function liveThrough(log: SampleLedger): Promise<void> {
  await log.append(streamOf.server(server.address), 0, [serverOpened()])
  await log.administer(clientRegistered(), streamOf.client('trusted'), 0)
  await log.administer(userRegistered('alice-subject', 'alice'), streamOf.user('alice-subject'), 0)
  await log.append(streamOf.session('browser'), 0, [
    {
      type: 'session.started',
      subject: 'alice-subject',
      cookieHash: hashToken(token('se', 'one')),
      expiresAtSeconds: startMs / 1000 + 3600,
      side: { address: '192.0.2.7', userAgent: 'Browser/1\u001b[2J' },
    },
  ])
  await log.append(streamOf.consent('alice-subject', 'trusted'), 0, [
    {
      type: 'consent.given',
      subject: 'alice-subject',
      clientId: 'trusted',
      clientVersion: 0,
      scopes: ['read', 'write'],
    },
  ])
  await log.checkpoints.sign()
  const grant = streamOf.grant('first')
  await log.append(grant, 0, [codeIssued])
  await log.append(grant, 1, [{ type: 'code.redeemed' }, userToken])
  await log.append(grant, 3, [refreshed])
  await log.append(grant, 4, [revoked])
  await log.append(streamOf.session('browser'), 1, [{ type: 'session.ended', reason: 'logout' }])
  const bob = streamOf.user('bob-subject')
  await log.administer(userRegistered('bob-subject', 'bob'), bob, 0)
  await log.administer(
    { type: 'user.removed', subject: 'bob-subject', signedAtSeconds: startMs / 1000, signature: '' },
    bob,
    1,
  )
  await log.checkpoints.sign()
}

/** A ledger that others copy: made once a file. */
export async function template(build: (log: SampleLedger) => Promise<void>): Promise<string> {
  const directory = await temporaryDirectory()
  const log = await SampleLedger.open(directory)
  await build(log)
  await log.ledger.close()
  return directory
}

export async function copyOf(directory: string): Promise<string> {
  const copy = await temporaryDirectory()
  await cp(directory, copy, { recursive: true })
  return copy
}

/** The stored bytes, without the ledger's care. */
export async function tamper(
  directory: string,
  act: (db: Level<Buffer, Buffer>) => Promise<unknown>,
): Promise<void> {
  const encoding = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  const db = new Level<Buffer, Buffer>(join(directory, 'ledger'), encoding)
  await db.open()
  try {
    await act(db)
  } finally {
    await db.close()
  }
}

/** The tree anew from the records as they are: whoever alters them so lacks only the keys. */
export async function rebuildTree(db: Level<Buffer, Buffer>): Promise<void> {
  await db.clear(rangeOf('tile'))
  await db.del(frontierKey)
  const batch = db.batch()
  const writer = TreeWriter.load({ get: () => undefined } as never)
  for await (const record of db.values(rangeOf('event'))) writer.append(record, batch as never)
  writer.finishBatch(batch as never)
  await batch.write()
}

export const options: VerifyOptions = {
  verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
}

export async function verify(directory: string, more: Partial<VerifyOptions> = {}): Promise<Verification> {
  const storage = await openStorage(join(directory, 'ledger'))
  try {
    const all = { ...options, rows: true, ...more }
    const inParts = await verifyLedger(storage, { ...all, rows: false })
    expect(inParts).toEqual(await verifyLedgerInOrder(storage, { ...all, rows: false }))
    return await verifyLedger(storage, all)
  } finally {
    await storage.close()
  }
}

/** Position and kind of each fault. */
export const named = ({ faults }: Verification): [number | null, string][] =>
  faults.map(({ position, kind }) => [position, kind])
