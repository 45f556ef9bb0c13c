/**
 * The receipt, version 1: all that proves one or more events, as one JSON object (docs/formats.md).
 *
 * Nothing in it is to be believed by itself: every byte is either checked against another or signed. What
 * could only be believed, such as the height of a block, is left out.
 */
import {
  encodeJson,
  ProofFileError,
  readBase64,
  readHex,
  readList,
  readMembers,
  readObject,
} from './proof-file.ts'

/** A record and its place in a tree. */
export interface ProvenRecord {
  record: Buffer
  /** Salt and content, where disclosed. */
  side?: Buffer
  /** C2SP tlog-proof, the signed checkpoint included. */
  proof: string
}

/** What proves that a block holds the transaction that commits to a checkpoint. Hashes in display order. */
export interface ProvenAnchor {
  transaction: Buffer
  block: {
    /** 80 bytes. */
    header: Buffer
    /** Place of the transaction in the block. */
    index: number
    branch: string[]
  }
}

export interface Receipt {
  /** What is proved, in the order of the log. */
  events: ProvenRecord[]
  /** The `server.opened` events that bind the keys that signed, in the order of the log. */
  servers: ProvenRecord[]
  /** One for each anchored checkpoint of the events, by size; none in a receipt without anchor. */
  anchors: ProvenAnchor[]
}

const format = 'coinstack-signon receipt'
const version = 1

/** A receipt proves a handful of events; one of this size or longer is none. */
export const longestReceiptBytes = 4 << 20
const mostItems = 64

export const encodeReceipt = ({ events, servers, anchors }: Receipt): string =>
  encodeJson({
    format,
    version,
    events: events.map(encodeProven),
    servers: servers.map(encodeProven),
    anchors: anchors.map(encodeAnchor),
  })

/** @throws ProofFileError malformed, unknown_version */
export function decodeReceipt(text: string): Receipt {
  if (Buffer.byteLength(text) >= longestReceiptBytes)
    throw new ProofFileError('malformed', 'the receipt is too long')
  const { events, servers, anchors } = readMembers(text, format, [version], ['events', 'servers', 'anchors'])
  const receipt = {
    events: readList(events, 'events', mostItems).map((item, i) => decodeProven(item, `events[${i}]`)),
    servers: readList(servers, 'servers', mostItems).map((item, i) => decodeProven(item, `servers[${i}]`)),
    anchors: readList(anchors, 'anchors', mostItems).map((item, i) => decodeAnchor(item, `anchors[${i}]`)),
  }
  if (receipt.events.length === 0) throw new ProofFileError('malformed', 'the receipt holds no event')
  return receipt
}

export const encodeProven = ({ record, side, proof }: ProvenRecord): object => ({
  record: record.toString('base64'),
  ...(side && { side: side.toString('base64') }),
  proof,
})

export function decodeProven(value: unknown, name: string): ProvenRecord {
  const { record, side, proof } = readObject(value, name, ['record', 'proof'], ['side'])
  if (typeof proof !== 'string') throw new ProofFileError('malformed', `${name}.proof is no text`)
  return {
    record: readBase64(record, `${name}.record`),
    ...(side !== undefined && { side: readBase64(side, `${name}.side`) }),
    proof,
  }
}

export const encodeAnchor = ({ transaction, block: { header, index, branch } }: ProvenAnchor): object => ({
  transaction: transaction.toString('hex'),
  block: { header: header.toString('hex'), index, branch },
})

export function decodeAnchor(value: unknown, name: string): ProvenAnchor {
  const { transaction, block } = readObject(value, name, ['transaction', 'block'])
  const { header, index, branch } = readObject(block, `${name}.block`, ['header', 'index', 'branch'])
  if (!Number.isSafeInteger(index) || (index as number) < 0)
    throw new ProofFileError('malformed', `${name}.block.index is no place`)
  return {
    transaction: readHex(transaction, `${name}.transaction`),
    block: {
      header: readHex(header, `${name}.block.header`, 80),
      index: index as number,
      branch: readList(branch, `${name}.block.branch`, mostItems).map((hash) =>
        readHex(hash, `${name}.block.branch`, 32).toString('hex'),
      ),
    },
  }
}
