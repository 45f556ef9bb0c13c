import { ChainError } from './errors.ts'

/** The hash of 32 bytes as people and APIs write it: reversed, in hex. */
export function displayHash(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString('hex')
}

/** @throws ChainError `malformed` unless it is 64 hex digits. */
export function hashBytes(hash: string): Buffer {
  if (!/^[0-9a-f]{64}$/i.test(hash))
    throw new ChainError('malformed', `"${hash.slice(0, 80)}" is no hash of 64 hex digits`)
  return Buffer.from(hash, 'hex').reverse()
}
