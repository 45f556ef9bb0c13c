/**
 * Who may say what: the servers whose keys sign checkpoints, and the administrator, as the log's own
 * `server.opened` events bind them. What they are worth to an auditor depends on knowing the Bitcoin
 * addresses from elsewhere: give them as `trusted`.
 */
import {
  administrationText,
  type EnrolmentEvent,
  enrolmentText,
  isAdministration,
  isEnrolment,
  serverText,
} from '../oauth/administration.ts'
import { type Event, type EventOf, eventLayouts, type Recorded } from '../oauth/events.ts'
import { openCheckpoint } from '../tree/checkpoint.ts'
import { ed25519PublicKey } from '../tree/ed25519.ts'
import { TreeError } from '../tree/errors.ts'
import { ed25519Verifier, type NoteVerifier } from '../tree/signed-note.ts'
import type { Faults } from './fault.ts'

/** Whether `signature` is that of `address` over the text, as a "Bitcoin Signed Message". */
export type VerifyMessage = (address: string, text: string, signature: string) => boolean

/** Addresses known from outside the log. */
export interface Trusted {
  /** Who must be the administrator now; former ones were named by servers, under their signature. */
  administratorAddress?: string
  /** Servers, former ones included. Their signatures count for anchors too, whichever of their keys paid. */
  serverAddresses?: readonly string[]
  /** What the log calls itself. */
  origin?: string
}

/** A server as it opened the log. */
export interface OpenedServer {
  position: number
  origin: string
  administratorAddress: string
  serverAddress: string
  /** Ed25519, base64url. */
  checkpointKey: string
}

interface Signer extends OpenedServer {
  verifier: NoteVerifier
}

/**
 * The address known from elsewhere through which a server is known: its own, or that of a key which vouches for the
 * same checkpoint key and administrator. Only who holds the checkpoint key can have put the other one into its log,
 * and all that it gains is to pay for anchors.
 */
export const knownThrough = (
  server: Pick<OpenedServer, 'origin' | 'administratorAddress' | 'serverAddress' | 'checkpointKey'>,
  all: readonly Omit<OpenedServer, 'position'>[],
  knownAddresses: readonly string[],
): string | undefined =>
  [server, ...all].find(
    (it) =>
      knownAddresses.includes(it.serverAddress) &&
      it.origin === server.origin &&
      it.checkpointKey === server.checkpointKey &&
      it.administratorAddress === server.administratorAddress,
  )?.serverAddress

/** Whether what the event is worth depends on who had which keys when it was appended. */
export const isJudgedInOrder = (event: Event): boolean =>
  typesInOrder.has(event.type) || (event.type === 'grant.revoked' && isAdministration(event))

const typesInOrder: ReadonlySet<string> = new Set(
  Object.keys(eventLayouts).filter((type) => {
    const event = { type } as Event
    return type === 'server.opened' || isAdministration(event) || isEnrolment(event)
  }),
)

export class Authority {
  readonly #verifyMessage: VerifyMessage
  readonly #trusted: Trusted
  readonly #faults: Faults
  /** Each address with each of its checkpoint keys and administrators once. */
  readonly #opened: OpenedServer[] = []
  /** Each checkpoint key once. */
  readonly #signers: Signer[] = []
  #latest: OpenedServer | undefined
  #isUncertain = false
  #unchecked = 0

  constructor(verifyMessage: VerifyMessage, trusted: Trusted, faults: Faults) {
    this.#verifyMessage = verifyMessage
    this.#trusted = trusted
    this.#faults = faults
  }

  /** The servers whose signatures count, each address with each of its checkpoint keys once. */
  get servers(): OpenedServer[] {
    return this.#opened.filter(
      (server, i) => this.#opened.findIndex((other) => hasSameKeys(server, other)) === i,
    )
  }

  /** An event that binds keys is damaged: what does not fit the others may have been signed by its keys. */
  get isUncertain(): boolean {
    return this.#isUncertain
  }

  /** Acts of administration whose signature could not be checked for that reason. */
  get unchecked(): number {
    return this.#unchecked
  }

  /** An event that binds keys is damaged. */
  loseTrack(): void {
    this.#isUncertain = true
  }

  /**
   * Whose signature makes an anchor count, as far as the log was gone through. A key may have paid for anchors before
   * it was introduced: whose it is, the server says later.
   */
  get anchorSigners(): string[] {
    const opened = this.#opened.map(({ serverAddress }) => serverAddress)
    return [...new Set([...opened, ...(this.#trusted.serverAddresses ?? [])])]
  }

  /** Whether the servers, and the administrator as the whole log leaves it, are the trusted ones. */
  finish(): void {
    const { administratorAddress, serverAddresses, origin } = this.#trusted
    const other = origin === undefined ? undefined : this.#opened.find((server) => server.origin !== origin)
    if (other)
      this.#faults.add(
        other.position,
        'server_untrusted',
        `the log is that of ${other.origin}, not of ${origin}`,
      )
    for (const server of serverAddresses ? this.#opened : [])
      if (knownThrough(server, this.#opened, serverAddresses!) === undefined)
        this.#faults.add(server.position, 'server_untrusted', `server ${server.serverAddress} is not trusted`)
    if (!this.#latest || administratorAddress === undefined) return
    if (this.#latest.administratorAddress !== administratorAddress)
      this.#faults.add(
        this.#latest.position,
        'server_untrusted',
        `administrator ${this.#latest.administratorAddress} is not trusted`,
      )
  }

  /** Checks what the event needs for being believed. */
  check(recorded: Recorded, commitment: Buffer | undefined): void {
    const { event, position } = recorded
    if (position === 0 && event.type !== 'server.opened')
      this.#faults.add(0, 'server_missing', `the log begins with ${event.type}`)
    if (event.type === 'server.opened') this.#open(event, position)
    else if (isAdministration(event)) this.#checkAdministration(recorded, commitment)
    else if (isEnrolment(event)) this.#checkEnrolment(recorded, event, commitment)
  }

  /**
   * Whether a server of this ledger signed the checkpoint, with a key bound before it.
   *
   * @returns what is wrong; null where the key may be in a damaged event
   */
  checkNote(note: string, origin: string, size: number): string | null | undefined {
    const signers = this.#signers.filter((signer) => signer.origin === origin && signer.position < size)
    try {
      openCheckpoint(
        note,
        origin,
        signers.map(({ verifier }) => verifier),
      )
      return undefined
    } catch (error) {
      const isUnknownKey = error instanceof TreeError && error.code === 'unverified_note'
      return this.#isUncertain && isUnknownKey ? null : (error as Error).message
    }
  }

  #open(event: EventOf<'server.opened'>, position: number): void {
    const { origin, administratorAddress, serverAddress, checkpointKey } = event
    if (!this.#verifyMessage(serverAddress, serverText(event), event.signature)) {
      this.#faults.add(
        position,
        'server_signature',
        `the keys of server ${serverAddress} are not signed by it`,
      )
      if (!this.#latest) this.loseTrack()
      return
    }
    const server = { position, origin, administratorAddress, serverAddress, checkpointKey }
    this.#latest = server
    const isSame = (other: OpenedServer) =>
      hasSameKeys(server, other) && other.administratorAddress === administratorAddress
    if (!this.#opened.some(isSame)) this.#opened.push(server)
    if (this.#signers.some((known) => known.origin === origin && known.checkpointKey === checkpointKey))
      return
    try {
      const key = ed25519PublicKey(Buffer.from(checkpointKey, 'base64url'))
      this.#signers.push({ ...server, verifier: ed25519Verifier(origin, key) })
    } catch (error) {
      this.#faults.add(
        position,
        'server_signature',
        `the checkpoint key is unusable: ${(error as Error).message}`,
      )
    }
  }

  #checkEnrolment({ stream, version, position }: Recorded, event: EnrolmentEvent, commitment?: Buffer): void {
    const { origin } = this.#latest ?? nobody
    const { serverAddress, signature } = event
    const isKnown = this.#opened.some((server) => server.serverAddress === serverAddress)
    const text = enrolmentText({ origin, stream, version }, event, commitment)
    if (isKnown && this.#verifyMessage(serverAddress, text, signature)) return
    if (this.#isUncertain) this.#unchecked++
    else
      this.#faults.add(
        position,
        'enrolment_signature',
        `${event.type} is not signed by a server of this ledger`,
      )
  }

  #checkAdministration({ event, stream, version, position }: Recorded, commitment?: Buffer): void {
    const { origin, administratorAddress } = this.#latest ?? nobody
    const text = administrationText({ origin, stream, version }, event, commitment)
    if (this.#verifyMessage(administratorAddress, text, signatureOf(event))) return
    if (this.#isUncertain) this.#unchecked++
    else
      this.#faults.add(
        position,
        'administrator_signature',
        `${event.type} is not signed by the administrator ${administratorAddress}`,
      )
  }
}

const hasSameKeys = (one: OpenedServer, other: OpenedServer): boolean =>
  one.serverAddress === other.serverAddress &&
  one.origin === other.origin &&
  one.checkpointKey === other.checkpointKey

/** Signs nothing. */
const nobody = { origin: '', administratorAddress: '(none)' }
const signatureOf = (event: Event): string => ('signature' in event ? (event.signature ?? '') : '')
