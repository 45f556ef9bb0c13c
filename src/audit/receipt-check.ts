/**
 * What a receipt proves, station by station, from its own bytes: no server, no network, no home. Nothing ends it
 * early: a station that fails is told, and the others are gone through all the same.
 */
import { hash } from 'node:crypto'
import type { ChainClient } from '../chain/types.ts'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import { administrationText, isAdministration, serverText } from '../oauth/administration.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { type Event, hashesOf, type Recorded } from '../oauth/events.ts'
import { claimedHashOf, isJwtText } from '../oauth/jwt.ts'
import { hashToken } from '../oauth/token-format.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../tree/checkpoint.ts'
import { ed25519PublicKey } from '../tree/ed25519.ts'
import { leafHash, sameHash } from '../tree/hash.ts'
import { verifyInclusion } from '../tree/proofs.ts'
import { ed25519Verifier, type NoteVerifier, parseNote } from '../tree/signed-note.ts'
import { knownThrough, type Trusted, type VerifyMessage } from './authority.ts'
import type { ProvenRecord, Receipt } from './receipt.ts'
import { AnchorStations } from './receipt-anchor-check.ts'
import { type Station, Stations } from './stations.ts'
import { parseTlogProof } from './tlog-proof.ts'

export interface ReceiptCheckOptions {
  verifyMessage: VerifyMessage
  /** Addresses known from elsewhere. */
  trusted?: Trusted
  /** A node to ask whether the blocks are on its best chain. */
  chain?: ChainClient
  /** The token that the receipt is to be about. */
  token?: string | undefined
}

export interface ReceiptVerdict {
  /** Every station that the receipt gives holds; what it does not give is not proved, and told so. */
  ok: boolean
  /** What the receipt is about, as far as it can be read. */
  events: Recorded[]
  stations: Station[]
}

interface Read {
  about: string
  recorded: Recorded | undefined
  commitment: Buffer | undefined
  note: string | undefined
}

/** A checkpoint of the receipt, each once. */
export interface NotedTree {
  note: string
  checkpoint: Checkpoint
}

interface BoundServer {
  about: string
  position: number
  event: Extract<Event, { type: 'server.opened' }>
  verifier: NoteVerifier
}

const saltBytes = 32

export async function checkReceipt(receipt: Receipt, options: ReceiptCheckOptions): Promise<ReceiptVerdict> {
  const check = new ReceiptCheck(options)
  const events = receipt.events.map((proven, i) => check.read(proven, `event ${i + 1}`))
  const servers = receipt.servers.map((proven, i) => check.read(proven, `server ${i + 1}`))
  check.order(events)
  check.order(servers)
  if (options.token !== undefined) check.token(events, options.token)
  for (const server of servers) check.bind(server)
  check.identify()
  for (const tree of check.trees.values()) check.signature(tree)
  for (const event of events) check.administration(event)
  const anchors = new AnchorStations(check.stations, check.addresses, options.chain)
  const anchored = new Set<string>()
  for (const [i, anchor] of receipt.anchors.entries()) {
    const tree = await anchors.check(anchor, [...check.trees.values()], `anchor ${i + 1}`)
    if (tree) anchored.add(tree.note)
  }
  for (const { about, note } of events)
    if (note !== undefined && !anchored.has(note))
      check.stations.notProved(
        'anchor_payload',
        about,
        'when it was there: the receipt holds no anchor of its tree',
      )
  return {
    ok: check.stations.hold,
    events: events.flatMap(({ recorded }) => (recorded ? [recorded] : [])),
    stations: check.stations.all,
  }
}

class ReceiptCheck {
  readonly stations = new Stations()
  readonly trees = new Map<string, NotedTree>()
  readonly #options: ReceiptCheckOptions
  readonly #servers: BoundServer[] = []

  constructor(options: ReceiptCheckOptions) {
    this.#options = options
  }

  /** Whose signature makes an anchor count. */
  get addresses(): string[] {
    const { serverAddresses = [] } = this.#options.trusted ?? {}
    return [...this.#servers.map(({ event }) => event.serverAddress), ...serverAddresses]
  }

  read(proven: ProvenRecord, place: string): Read {
    const { stations } = this
    const record = stations.attempt('record', place, () => decodeRecord(proven.record))
    const about = record ? `${place} (position ${record.position})` : place
    const side = record && this.#side(record, proven.side, about)
    const event =
      record && stations.attempt('record', about, () => decodeEvent(record.type, record.body, side))
    if (event) stations.proved('record', about, `${event.type} of the stream ${record.stream}`)
    const note = this.#inclusion(proven, record, about)
    return {
      about,
      recorded: event && { ...record, event },
      commitment: record?.commitment,
      note,
    }
  }

  /** Each once and in the order of the log: the last server before an act says who the administrator was. */
  order(list: readonly Read[]): void {
    let last = -1
    for (const { about, recorded } of list) {
      if (!recorded) continue
      if (recorded.position <= last)
        this.stations.failed('record', about, `it stands behind that of position ${last}`)
      last = recorded.position
    }
  }

  token(events: readonly Read[], token: string): void {
    const isJwt = isJwtText(token)
    const hash = isJwt ? claimedHashOf(token) : hashToken(token)
    const found = events.find(
      ({ recorded }) => recorded && hash !== undefined && hashesOf(recorded.event).includes(hash),
    )
    if (!found) this.stations.failed('token', 'the token that you gave', 'no event holds its hash')
    else if (isJwt)
      this.stations.proved(
        'token',
        found.about,
        'it holds the hash of the jti; who signed the JWT is not checked',
      )
    else this.stations.proved('token', found.about, 'it holds the hash of the token that you gave')
  }

  /** A `server.opened` and the key it binds. */
  bind({ about, recorded }: Read): void {
    if (!recorded) return
    const { event, position } = recorded
    const { stations } = this
    if (event.type !== 'server.opened') {
      stations.failed('server_key', about, `it is ${event.type}, not the opening of a server`)
      return
    }
    const { serverAddress, origin, checkpointKey } = event
    const { verifyMessage } = this.#options
    if (!verifyMessage(serverAddress, serverText(event), event.signature)) {
      stations.failed('server_key', about, `the checkpoint key is not signed by ${serverAddress}`)
      return
    }
    const verifier = stations.attempt('server_key', about, () =>
      ed25519Verifier(origin, ed25519PublicKey(Buffer.from(checkpointKey, 'base64url'))),
    )
    if (!verifier) return
    stations.proved('server_key', about, `${serverAddress} vouches for the checkpoint key of ${origin}`)
    this.#servers.push({ about, position, event, verifier })
  }

  /** Whose keys these are, when all are bound: the one thing that an auditor must know from elsewhere. */
  identify(): void {
    const { stations } = this
    const { serverAddresses: known } = this.#options.trusted ?? {}
    const events = this.#servers.map(({ event }) => event)
    for (const { about, event } of this.#servers) {
      const { serverAddress } = event
      const through = known && knownThrough(event, events, known)
      if (!known)
        stations.notProved(
          'server_address',
          about,
          `that ${serverAddress} is the server: only the receipt says so; compare it with what you know from elsewhere`,
        )
      else if (through === serverAddress)
        stations.proved('server_address', about, `${serverAddress} is the server known from elsewhere`)
      else if (through !== undefined)
        stations.proved(
          'server_address',
          about,
          `${serverAddress} vouches for the same checkpoint key as ${through}, the server known from elsewhere, and stands in its log`,
        )
      else
        stations.failed(
          'server_address',
          about,
          `${serverAddress} is none of the servers known from elsewhere`,
        )
    }
  }

  signature({ note, checkpoint }: NotedTree): void {
    const { origin, size } = checkpoint
    const about = `checkpoint of ${size} events`
    const bound = this.#servers.filter(({ position, event }) => event.origin === origin && position < size)
    const verifiers = new Map(bound.map(({ verifier }) => [verifier.keyId, verifier]))
    const opened = this.stations.attempt('checkpoint_signature', about, () =>
      openCheckpoint(note, origin, [...verifiers.values()]),
    )
    if (opened) this.stations.proved('checkpoint_signature', about, `signed by the server's key as ${origin}`)
  }

  administration({ about, recorded, commitment }: Read): void {
    if (!recorded || !isAdministration(recorded.event)) return
    const { event, position, stream, version } = recorded
    const { stations } = this
    const { trusted, verifyMessage } = this.#options
    const namer = this.#servers.findLast((server) => server.position < position)
    if (!namer) {
      stations.failed('administrator', about, 'the receipt does not say who the administrator was')
      return
    }
    const known = trusted?.administratorAddress
    const address = known ?? namer.event.administratorAddress
    const text = administrationText({ origin: namer.event.origin, stream, version }, event, commitment)
    const signature = 'signature' in event ? (event.signature ?? '') : ''
    if (!verifyMessage(address, text, signature)) {
      stations.failed('administrator', about, `it is not signed by the administrator ${address}`)
      return
    }
    stations.proved('administrator', about, `signed by ${address}`)
    if (known === undefined)
      stations.notProved(
        'administrator',
        about,
        `that ${address} was the administrator then: the server named it at position ${namer.position}, and may have named another later`,
      )
  }

  #side({ commitment }: EventRecord, side: Buffer | undefined, about: string): Buffer | undefined {
    const { stations } = this
    if (!commitment) {
      if (side) stations.failed('side_record', about, 'a side record that the record does not commit to')
      return undefined
    }
    if (!side) {
      stations.notProved('side_record', about, 'what its side record says: it is not disclosed')
      return undefined
    }
    if (side.length < saltBytes || !sameHash(hash('sha256', side, 'buffer'), commitment)) {
      stations.failed('side_record', about, 'it is not the one that the record commits to')
      return undefined
    }
    stations.proved('side_record', about, 'it is the one that the record commits to')
    return side.subarray(saltBytes)
  }

  #inclusion({ proof: text, record: bytes }: ProvenRecord, record: EventRecord | undefined, about: string) {
    const { stations } = this
    const proof = stations.attempt('inclusion', about, () => parseTlogProof(text))
    if (!proof) return undefined
    const { index, path, checkpoint: note } = proof
    const checkpoint =
      this.trees.get(note)?.checkpoint ??
      stations.attempt('checkpoint_signature', about, () => parseCheckpoint(parseNote(note).text))
    if (!checkpoint) return undefined
    this.trees.set(note, { note, checkpoint })
    if (record && record.position !== index)
      stations.failed('inclusion', about, `the record says position ${record.position}, its proof ${index}`)
    const { size, root } = checkpoint
    const isIncluded = stations.attempt('inclusion', about, () => {
      verifyInclusion(index, size, leafHash(bytes), path, root)
      return true
    })
    if (isIncluded)
      stations.proved('inclusion', about, `it is at place ${index} of the tree of ${size} events`)
    return note
  }
}
