import { createHash } from 'node:crypto'

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Order of the secp256k1 group (SEC 2, section 2.4.1): a private key lies in 1..order-1. */
const groupOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

// The longest text that is meaningful here is a WIF of 52 characters; the bound keeps decoding cheap.
const longestText = 60

/** Payload of a Base58Check text (version byte included), or undefined if it is malformed. */
export function decodeBase58Check(text: string): Buffer | undefined {
  if (text.length === 0 || text.length > longestText) return undefined
  let value = 0n
  for (const character of text) {
    const digit = alphabet.indexOf(character)
    if (digit < 0) return undefined
    value = value * 58n + BigInt(digit)
  }
  const leadingZeros = text.length - text.replace(/^1+/, '').length
  const hex = value === 0n ? '' : value.toString(16)
  const bytes = Buffer.concat([
    Buffer.alloc(leadingZeros),
    Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'),
  ])
  if (bytes.length < 5) return undefined
  const payload = bytes.subarray(0, -4)
  return sha256(sha256(payload)).subarray(0, 4).equals(bytes.subarray(-4)) ? payload : undefined
}

/** Whether the text is a P2PKH address of Bitcoin's main network (version byte 0x00, 20 bytes of hash). */
export function isP2pkhAddress(text: string): boolean {
  const payload = decodeBase58Check(text)
  return payload !== undefined && payload.length === 21 && payload[0] === 0x00
}

/** Whether the text is a private key in wallet import format (version byte 0x80, compressed or not). */
export function isPrivateKeyWif(text: string): boolean {
  const payload = decodeBase58Check(text)
  if (payload === undefined || payload[0] !== 0x80) return false
  const compressed = payload.length === 34 && payload[33] === 0x01
  if (!compressed && payload.length !== 33) return false
  const key = BigInt(`0x${payload.subarray(1, 33).toString('hex')}`)
  return key > 0n && key < groupOrder
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
