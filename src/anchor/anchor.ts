/** An anchor as the annex keeps it: a transaction that commits to a checkpoint, and how far it has come. */

/** What proves that a block holds the transaction. Hashes in display order. */
export interface AnchorBlock {
  readonly hash: string
  readonly height: number
  /** 80 bytes. */
  readonly header: Buffer
  /** Place of the transaction in the block. */
  readonly index: number
  readonly branch: readonly string[]
}

interface AnchorTransaction {
  readonly size: number
  readonly root: Buffer
  readonly origin: string
  readonly txid: string
  readonly raw: Buffer
  /** When the transaction was stored, just before it was sent for the first time. */
  readonly sentAtMs: number
}

export type WaitingAnchor = AnchorTransaction & { readonly status: 'pending' | 'reorged' }
export type ConfirmedAnchor = AnchorTransaction & {
  readonly status: 'confirmed' | 'buried'
  readonly block: AnchorBlock
}

/**
 * pending: stored, perhaps sent. confirmed: in a block of the best chain. buried: so deep that it is no longer
 * watched. reorged: was confirmed once; its block has left the best chain, and it waits again.
 */
export type Anchor = WaitingAnchor | ConfirmedAnchor

export const isConfirmed = (anchor: Anchor): anchor is ConfirmedAnchor => 'block' in anchor

/** Version of the stored form; another one is refused. */
const version = 1

/** JSON text: version, then the anchor's fields, bytes in hex. */
export function encodeAnchor(anchor: Anchor): Buffer {
  const { size, root, origin, txid, raw, status, sentAtMs } = anchor
  const record = {
    version,
    size,
    root: root.toString('hex'),
    origin,
    txid,
    raw: raw.toString('hex'),
    status,
    sentAtMs,
    ...(isConfirmed(anchor) && { block: { ...anchor.block, header: anchor.block.header.toString('hex') } }),
  }
  return Buffer.from(JSON.stringify(record))
}

/**
 * Checks the form only; whether it proves anything, `verify.ts` says.
 *
 * @throws RangeError for whatever `encodeAnchor` would not have written
 */
export function decodeAnchor(value: Buffer): Anchor {
  const record = object(parseJson(value), 'the record')
  if (record.version !== version) throw malformed(`version ${record.version} is unknown`)
  const transaction = {
    size: count(record.size, 'size'),
    root: bytes(record.root, 'root', 32),
    origin: text(record.origin, 'origin', /./su),
    txid: text(record.txid, 'txid', hashPattern),
    raw: bytes(record.raw, 'raw'),
    sentAtMs: count(record.sentAtMs, 'sentAtMs'),
  }
  const { status } = record
  if (status === 'pending' || status === 'reorged') {
    if (record.block !== undefined) throw malformed(`it is ${status} and has a block`)
    return { ...transaction, status }
  }
  if (status !== 'confirmed' && status !== 'buried') throw malformed(`status "${status}" is unknown`)
  return { ...transaction, status, block: decodeBlock(object(record.block, 'block')) }
}

function decodeBlock(block: Record<string, unknown>): AnchorBlock {
  if (!Array.isArray(block.branch)) throw malformed('branch is no list')
  return {
    hash: text(block.hash, 'block hash', hashPattern),
    height: count(block.height, 'height'),
    header: bytes(block.header, 'header', 80),
    index: count(block.index, 'index'),
    branch: block.branch.map((sibling) => text(sibling, 'branch', hashPattern)),
  }
}

const hashPattern = /^[0-9a-f]{64}$/

const malformed = (why: string) => new RangeError(`malformed anchor: ${why}`)

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString())
  } catch {
    throw malformed('it is no JSON')
  }
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed(`${name} is no object`)
  return value as Record<string, unknown>
}

function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(`${name} is no count`)
  return value as number
}

function text(value: unknown, name: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${name} is malformed`)
  return value
}

function bytes(value: unknown, name: string, length?: number): Buffer {
  const content = Buffer.from(text(value, name, /^(?:[0-9a-f]{2})+$/), 'hex')
  if (length !== undefined && content.length !== length) throw malformed(`${name} has not ${length} bytes`)
  return content
}
