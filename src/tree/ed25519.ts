/** Ed25519 keys as their 32 bytes (RFC 8032 section 5.1.5), wrapped for node:crypto as RFC 8410 section 7 and 4 say. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { TreeError } from './errors.ts'

const KEY_BYTES = 32
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  assertKeyBytes(seed)
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

export function ed25519PublicKey(bytes: Uint8Array): KeyObject {
  assertKeyBytes(bytes)
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' })
}

/** The 32 bytes of a public key, or of the public key that belongs to a private one. */
export function ed25519PublicKeyBytes(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new TreeError('invalid_key', 'this is not an Ed25519 key')
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

function assertKeyBytes(bytes: Uint8Array): void {
  if (bytes.length !== KEY_BYTES)
    throw new TreeError('invalid_key', `an Ed25519 key has 32 bytes, not ${bytes.length}`)
}
