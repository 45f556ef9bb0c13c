/**
 * HMAC-SHA256 (RFC 2104) of short texts by one-shot hashes. The object that createHmac makes for each text
 * costs ten times as much, most of it when it is collected (docs/performance.md).
 */
import { hash } from 'node:crypto'

/** Of SHA-256; a key of this class is no longer. */
const blockBytes = 64

export class KeyedHash {
  readonly #inner: Buffer
  readonly #outer: Buffer

  /** @param key at most 64 secret bytes */
  constructor(key: Buffer) {
    if (key.length > blockBytes) throw new RangeError('the key has at most 64 bytes')
    const padded = (pad: number) => Buffer.alloc(blockBytes).map((_, i) => (key[i] ?? 0) ^ pad) as Buffer
    this.#inner = padded(0x36)
    this.#outer = padded(0x5c)
  }

  /** base64url, 43 characters. */
  of(text: string): string {
    const inner = hash('sha256', Buffer.concat([this.#inner, Buffer.from(text)]), 'buffer')
    return hash('sha256', Buffer.concat([this.#outer, inner]), 'base64url')
  }
}
