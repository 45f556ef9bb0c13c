import { expect, test } from 'vitest'
import { type Anchor, decodeAnchor, encodeAnchor } from '../../src/anchor/anchor.ts'

const pending: Anchor = {
  size: 12,
  root: Buffer.alloc(32, 1),
  origin: 'signon.example.com',
  txid: 'a1'.repeat(32),
  raw: Buffer.from('0100000001', 'hex'),
  status: 'pending',
  sentAtMs: 1_800_000_000_000,
}
const block = {
  hash: 'b2'.repeat(32),
  height: 104,
  header: Buffer.alloc(80, 3),
  index: 1,
  branch: ['c4'.repeat(32)],
}
const confirmed: Anchor = { ...pending, status: 'confirmed', block }

test.each<Anchor>([
  pending,
  { ...pending, status: 'reorged' },
  confirmed,
  { ...confirmed, status: 'buried' },
])('a record is read as it was written: $status', (anchor) => {
  expect(decodeAnchor(encodeAnchor(anchor))).toEqual(anchor)
})

test('the stored form', () => {
  expect(JSON.parse(encodeAnchor(confirmed).toString())).toEqual({
    version: 1,
    size: 12,
    root: '01'.repeat(32),
    origin: 'signon.example.com',
    txid: 'a1'.repeat(32),
    raw: '0100000001',
    status: 'confirmed',
    sentAtMs: 1_800_000_000_000,
    block: { ...block, header: '03'.repeat(80) },
  })
})

test.each([
  ['version', { version: 2 }],
  ['size', { size: -1 }],
  ['root', { root: 'ab' }],
  ['origin', { origin: '' }],
  ['txid', { txid: 'A1'.repeat(32) }],
  ['raw', { raw: '0' }],
  ['status', { status: 'lost' }],
  ['sentAtMs', { sentAtMs: 'now' }],
  ['block of a pending one', { status: 'pending' }],
  ['no block', { block: undefined }],
  ['header', { block: { ...block, header: 'ab' } }],
  ['height', { block: { ...block, header: 'ab'.repeat(80), height: 1.5 } }],
  ['branch', { block: { ...block, header: 'ab'.repeat(80), branch: ['x'] } }],
])('a malformed record is refused: %s', (_name, change) => {
  const record = { ...JSON.parse(encodeAnchor(confirmed).toString()), ...change }
  expect(() => decodeAnchor(Buffer.from(JSON.stringify(record)))).toThrow(RangeError)
})

test('bytes that are no record are refused', () => {
  for (const text of ['', '{', 'null', '[]', '"text"'])
    expect(() => decodeAnchor(Buffer.from(text))).toThrow(RangeError)
})
