/** The vectors in fixtures/vectors: they are what this program makes, and hold by other code than its own. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { checkBundle } from '../../src/audit/bundle-check.ts'
import { decodeReceipt } from '../../src/audit/receipt.ts'
import { checkReceipt } from '../../src/audit/receipt-check.ts'
import { makeVectors } from '../support/vectors.ts'
import { options, temporaryDirectory, trusted } from './support.ts'

const folder = new URL('../../fixtures/vectors/', import.meta.url)
const checkedIn = (name: 'ledger.json' | 'receipt.json' | 'receipt-disclosed.json') =>
  readFileSync(new URL(name, folder), 'utf8')

interface Ledger {
  origin: string
  keys: { checkpoint: { publicKey: string } }
  records: { record: string; leafHash: string; side?: string; commitment?: string }[]
  roots: string[]
  inclusionProofs: { index: number; size: number; path: string[] }[]
  checkpoints: {
    size: number
    note: string
    anchor: { payload: string; transaction: string; txid: string }
  }[]
}
let ledger: Ledger

beforeAll(async () => {
  const made = await makeVectors(await temporaryDirectory())
  const files = Object.entries(made).map(([name, value]): [string, Buffer] => [
    name,
    Buffer.from(
      typeof value === 'string' || Buffer.isBuffer(value) ? value : `${JSON.stringify(value, null, 2)}\n`,
    ),
  ])
  // With WRITE_VECTORS=1 the files are written instead of being compared.
  if (process.env.WRITE_VECTORS === '1') {
    mkdirSync(new URL('bundle', folder), { recursive: true })
    for (const [name, content] of files) writeFileSync(new URL(name, folder), content)
  }
  for (const [name, content] of files)
    expect([name, readFileSync(new URL(name, folder))]).toEqual([name, content])
  expect(files.map(([name]) => name).filter((name) => name.startsWith('bundle/'))).toEqual(
    readdirSync(new URL('bundle', folder)).map((name) => `bundle/${name}`),
  )
  ledger = JSON.parse(checkedIn('ledger.json')) as Ledger
})

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest()
}
const bytes = (hex: string) => Buffer.from(hex, 'hex')

/** RFC 9162 section 2.1.1, as it is written there. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]!
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1))
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

test('leaf hashes, commitments and roots', () => {
  for (const { record, leafHash, side, commitment } of ledger.records) {
    expect(sha256(Buffer.of(0), bytes(record)).toString('hex')).toBe(leafHash)
    if (side !== undefined) {
      expect(sha256(bytes(side)).toString('hex')).toBe(commitment)
      expect(record).toContain(commitment)
    }
  }
  const leaves = ledger.records.map(({ leafHash }) => bytes(leafHash))
  expect(ledger.roots).toEqual(
    Array.from({ length: 14 }, (_, size) => rootOf(leaves.slice(0, size)).toString('hex')),
  )
})

test('checkpoints and the payloads of their anchors', () => {
  const spki = Buffer.concat([bytes('302a300506032b6570032100'), bytes(ledger.keys.checkpoint.publicKey)])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  expect(ledger.checkpoints.map(({ size }) => size)).toEqual([5, 13])
  for (const { size, note, anchor } of ledger.checkpoints) {
    const [text = '', signatures = ''] = note.split(/(?<=\n)\n/)
    const root = bytes(ledger.roots[size]!)
    expect(text).toBe(`${ledger.origin}\n${size}\n${root.toString('base64')}\n`)
    const [, name, base64 = ''] = /^— (\S+) (\S+)\n$/.exec(signatures) ?? []
    expect(name).toBe(ledger.origin)
    expect(verify(null, Buffer.from(text), key, Buffer.from(base64, 'base64').subarray(4))).toBe(true)
    const sizeBytes = Buffer.alloc(8)
    sizeBytes.writeBigUInt64BE(BigInt(size))
    const payload = Buffer.concat([
      Buffer.from('CSO1'),
      sha256(ledger.origin).subarray(0, 8),
      sizeBytes,
      root,
    ])
    expect(anchor.payload).toBe(payload.toString('hex'))
    expect(anchor.transaction).toContain(`6a34${anchor.payload}`)
    const txid = sha256(sha256(bytes(anchor.transaction)))
      .reverse()
      .toString('hex')
    expect(anchor.txid).toBe(txid)
  }
})

test.each(['receipt.json', 'receipt-disclosed.json'] as const)('%s', async (name) => {
  const verdict = await checkReceipt(decodeReceipt(checkedIn(name)), { ...options, trusted })
  expect(verdict.ok).toBe(true)
})

test('the bundle', async () => {
  const verdict = await checkBundle(fileURLToPath(new URL('bundle', folder)), { ...options, trusted })
  expect(verdict).toMatchObject({
    ok: true,
    events: 7,
    checkpoints: 2,
    manifest: { from: 3, to: 9, size: 13 },
  })
})
