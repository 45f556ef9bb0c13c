/** The server's own keys: what signs anchors, checkpoints and itself, all from `signon.server.privatekeys`. */
import { hkdfSync } from 'node:crypto'
import { type PrivateKey, parseWif } from './chain/keys.ts'
import { signMessage } from './chain/message.ts'
import { serverText } from './oauth/administration.ts'
import type { EventOf } from './oauth/events.ts'
import { ed25519PrivateKey, ed25519PublicKeyBytes } from './tree/ed25519.ts'
import { ed25519Signer, type NoteSigner } from './tree/signed-note.ts'

export interface Identity {
  keys: readonly PrivateKey[]
  /** Address of the first key, under which the server is known. */
  address: string
  checkpointSigner: NoteSigner
  /** Key of the successors of refresh tokens, 32 bytes. */
  successorKey: Buffer
  /** Key of DPoP nonces, 32 bytes. */
  nonceKey: Buffer
  /** The events that bind the checkpoint key to the server's addresses: one of each key, signed by it. */
  openings: readonly EventOf<'server.opened'>[]
  /** Key of the pseudonyms of users who are kept elsewhere, 32 bytes. */
  subjectKey: Buffer
  /** Key of the names that streams of failed logins have, 32 bytes. */
  limitKey: Buffer
  /** Key that encrypts the files of signing keys, 32 bytes. */
  keyFileKey: Buffer
}

/** Independent keys for independent uses (RFC 5869): knowing one tells nothing of the others. */
const derive = (key: PrivateKey, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key.privateKey, 'coinstack-signon', use, 32))

/**
 * @param privateKeys WIF, at least one
 * @throws ChainError for a malformed key
 */
export function createIdentity(
  privateKeys: readonly string[],
  origin: string,
  administratorAddress: string,
): Identity {
  const keys = privateKeys.map(parseWif)
  const key = keys[0]
  if (!key) throw new RangeError('a server has at least one private key')
  const checkpointKey = ed25519PrivateKey(derive(key, 'checkpoint key'))
  const opened = {
    type: 'server.opened',
    origin,
    administratorAddress,
    checkpointKey: ed25519PublicKeyBytes(checkpointKey).toString('base64url'),
  } as const
  const openings = keys.map((own): EventOf<'server.opened'> => {
    const unsigned = { ...opened, serverAddress: own.address, signature: '' }
    return { ...unsigned, signature: signMessage(serverText(unsigned), own) }
  })
  return {
    keys,
    address: key.address,
    checkpointSigner: ed25519Signer(origin, checkpointKey),
    successorKey: derive(key, 'refresh token successors'),
    nonceKey: derive(key, 'dpop nonces'),
    openings,
    subjectKey: derive(key, 'user subjects'),
    limitKey: derive(key, 'failed logins'),
    keyFileKey: derive(key, 'signing key files'),
  }
}
