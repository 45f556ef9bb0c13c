/** What a running server and an offline command both stand on: ledger, read models, identity, use cases. */
import { DevicePolling } from './authorization-server/by-device-code.ts'
import { ClientKeys } from './authorization-server/client-keys.ts'
import type { AuthorizationContext } from './authorization-server/context.ts'
import { DpopProofs } from './authorization-server/dpop.ts'
import { finishErasures } from './authorization-server/erase-user.ts'
import { FailureLimits } from './authorization-server/failure-limits.ts'
import { KeyedHash } from './authorization-server/keyed-hash.ts'
import { PrivateKeyFiles } from './authorization-server/private-key-files.ts'
import { Retainer } from './authorization-server/retain.ts'
import { SecretChecker } from './authorization-server/secret-checker.ts'
import { SigningKeys } from './authorization-server/signing-keys.ts'
import { TokenSecrets } from './authorization-server/token-secrets.ts'
import { UserDirectory } from './authorization-server/user-directory.ts'
import { signMessage, verifyMessage } from './chain/message.ts'
import type { HomePaths } from './config/home.ts'
import { chosenOrigin, type LoadedSettings } from './config/load.ts'
import { createIdentity, type Identity } from './identity.ts'
import { Checkpoints } from './ledger/checkpoints.ts'
import { LedgerError } from './ledger/errors.ts'
import { assertHeadHolds, keepHeadFile } from './ledger/head-file.ts'
import { Ledger } from './ledger/ledger.ts'
import { readEvents } from './ledger/reader.ts'
import { Sealer } from './ledger/segments/sealer.ts'
import { openSegmentedStorage, type SegmentedStorage } from './ledger/segments/segmented-storage.ts'
import type { Storage } from './ledger/storage.ts'
import { decodeEvent, encodeEvent } from './oauth/event-codec.ts'
import { type Event, streamOf } from './oauth/events.ts'
import { Outbound } from './outbound/outbound.ts'
import { coldRows } from './projections/cold-rows.ts'
import { ReadModels } from './projections/read-models.ts'
import { projectRows } from './projections/rows.ts'
import { ed25519PublicKey } from './tree/ed25519.ts'
import { ed25519Verifier, type NoteVerifier } from './tree/signed-note.ts'
import { openUserRepository } from './user-repository.ts'

export const eventCodec = { encode: encodeEvent, decode: decodeEvent }

export interface Core {
  identity: Identity
  context: AuthorizationContext
  checkpoints: Checkpoints
  storage: SegmentedStorage
  sealer: Sealer
  retainer: Retainer
  close(): Promise<void>
}

/** What may become of the ledger: a command that only looks must not add to what it looks at. */
export type Access = 'read' | 'write'

export interface CoreOptions {
  access?: Access
  onError?: (error: unknown) => void
}

/**
 * Opens the ledger; to write, makes sure that it knows this server and its keys.
 *
 * @param issuer as it is once the port is known
 * @throws LedgerError locked, damaged or unavailable; ChainError for a malformed key
 */
export async function openCore(
  loaded: LoadedSettings,
  paths: HomePaths,
  issuer: string,
  now: () => number,
  { access = 'write', onError }: CoreOptions = {},
): Promise<Core> {
  const { settings } = loaded
  const storage = await openSegmentedStorage(paths.ledger, paths.segments)
  try {
    const ledger = new Ledger<Event>(storage, eventCodec, projectRows)
    const origin = (await originOf(storage, chosenOrigin(loaded))) ?? settings.ledger.origin
    const identity = createIdentity(settings.server.privateKeys, origin, settings.admin.address)
    const models = new ReadModels(ledger, settings.cache.entries)
    const checkpoints = await Checkpoints.open(
      ledger,
      paths.checkpointFile,
      origin,
      identity.checkpointSigner,
      await checkpointKeysOf(models, origin),
    )
    if (access === 'read') await assertHeadHolds(ledger, paths.headFile)
    else {
      await keepHeadFile(ledger, paths.headFile)
      // What cannot be finished now stays noted.
      await finishErasures(ledger).catch(() => {})
      await introduceServer(ledger, models, identity, now)
    }
    const outbound = new Outbound({
      allow: settings.outbound.allow,
      clientHosts: settings.registration.hosts,
    })
    const secretChecker = new SecretChecker()
    const repository = await openUserRepository(settings.users, paths.home, (hash, secret) =>
      secretChecker.check(hash, secret),
    )
    const context: AuthorizationContext = {
      ledger,
      models,
      settings: {
        issuer,
        origin,
        administratorAddress: settings.admin.address,
        codeSeconds: settings.server.codeValiditySeconds,
        pushedRequestSeconds: settings.server.pushedRequestValiditySeconds,
        pushedRequestsOnly: settings.server.pushedRequestsOnly,
        accessSeconds: settings.server.tokenValiditySeconds,
        refreshSeconds: settings.server.refreshTokenValiditySeconds,
        sessionSeconds: settings.server.sessionValiditySeconds,
        registration: settings.registration.mode,
        refreshGraceMs: settings.server.refreshTokenGraceSeconds * 1000,
      },
      secrets: new TokenSecrets(identity.successorKey),
      secretChecker,
      ...(repository && {
        directory: new UserDirectory(repository, new KeyedHash(identity.subjectKey), (error) =>
          onError?.(error),
        ),
      }),
      devicePolling: new DevicePolling(),
      dpop: new DpopProofs(new KeyedHash(identity.nonceKey), settings.dpop, now),
      keys: await SigningKeys.open({
        ledger,
        models,
        files: new PrivateKeyFiles(paths.signingKeys, identity.keyFileKey),
        serverAddresses: identity.keys.map(({ address }) => address),
        schedule: settings.keys,
        accessSeconds: settings.server.tokenValiditySeconds,
        now,
      }),
      limits: new FailureLimits({ ledger, models, now }, identity.limitKey),
      outbound,
      clientKeys: new ClientKeys(outbound, now),
      signer: { address: identity.address, sign: (text) => signMessage(text, identity.keys[0]!) },
      now,
      verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    }
    const sealer = new Sealer({ ledger, storage, coldRows })
    const retainer = new Retainer({ context, storage, sealer })
    const close = async () => {
      await sealer.stop()
      await context.keys.close()
      await ledger.close()
    }
    return { identity, context, checkpoints, storage, sealer, retainer, close }
  } catch (error) {
    await storage.close()
    throw error
  }
}

/** A ledger keeps the origin of its first event: signatures and checkpoints of the past name it. */
async function originOf(storage: Storage, chosen: string | undefined): Promise<string | undefined> {
  for await (const { event } of readEvents(storage, eventCodec, 0, 1)) {
    if (event.type !== 'server.opened')
      throw new LedgerError('damaged', 'the ledger does not begin with its server')
    if (chosen !== undefined && event.origin !== chosen)
      throw new LedgerError(
        'damaged',
        `the ledger is that of ${event.origin}, but signon.ledger.origin is ${chosen}`,
      )
    return event.origin
  }
  return undefined
}

/** The keys that servers of this ledger sign checkpoints with, former ones included. */
async function checkpointKeysOf(models: ReadModels, origin: string): Promise<NoteVerifier[]> {
  const keys = new Set<string>()
  for await (const { checkpointKey } of models.list('server')) keys.add(checkpointKey)
  return [...keys].map((key) => ed25519Verifier(origin, ed25519PublicKey(Buffer.from(key, 'base64url'))))
}

/**
 * First events of a ledger, one of each of the server's keys, and again whenever a key or the administrator has
 * changed. The first key comes first. Dying between two of them leaves the rest for the next start.
 */
async function introduceServer(
  ledger: Ledger<Event>,
  models: ReadModels,
  { openings }: Identity,
  now: () => number,
): Promise<void> {
  for (const opened of openings) {
    const stream = streamOf.server(opened.serverAddress)
    const { state, version } = models.load('server', stream)
    const isKnown =
      state?.checkpointKey === opened.checkpointKey &&
      state.administratorAddress === opened.administratorAddress
    if (!isKnown) await ledger.append(stream, version, [opened], now())
  }
}
