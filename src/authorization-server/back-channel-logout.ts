/**
 * OpenID Connect Back-Channel Logout 1.0: tells every client that took part in a session that it has ended.
 *
 * What is owed to a client stands in the annex until it is told or given up, so a server that dies in between
 * delivers after its restart. A client may be told twice: where the process died behind the answer. Each token has a
 * `jti` of its own, so that a client which remembers them (section 2.6) does not refuse the second. The outcome is an
 * event of the session; the debt goes in its batch.
 */
import { listAnnex, putAnnex } from '../ledger/annex.ts'
import type { Client } from '../oauth/client.ts'
import { type Event, type Recorded, streamOf } from '../oauth/events.ts'
import { logoutTokenClaims, logoutTokenType } from '../oauth/logout-token.ts'
import type { Session } from '../oauth/session.ts'
import { OutboundError } from '../outbound/outbound.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { sessionsBehind } from './end.ts'
import { indexedStreams } from './indexed-streams.ts'

export interface Log {
  warn(facts: object, message: string): void
}

/** What a client is still to be told. */
interface Debt {
  session: string
  subject: string
  clientId: string
  clientVersion: number
  attempts: number
  nextAtMs: number
}

const prefix = 'logout/'
/** 8 attempts within an hour and a half: 5 s, 15 s, 45 s ... after the one before. */
const mostAttempts = 8
const firstPauseMs = 5000
const mostAtOnce = 8

export class BackChannelLogout {
  readonly #context: AuthorizationContext
  readonly #log: Log
  #running: Promise<void> | undefined
  #isAskedAgain = false
  #isStopped = false

  constructor(context: AuthorizationContext, log: Log) {
    this.#context = context
    this.#log = log
  }

  /** Entries of the annex for what an end makes owed; empty for most. */
  async owedBy({ event, stream, position }: Recorded): Promise<Record<string, Buffer>> {
    const owed: Record<string, Buffer> = {}
    if (event.type !== 'session.ended' || event.reason === 'replaced') return owed
    const id = stream.slice(streamOf.session('').length)
    for (const session of sessionsBehind(this.#context, id))
      for await (const { stream: grantStream } of indexedStreams(this.#context, 's', session)) {
        const grant = this.#context.models.load('grant', grantStream).state
        // Who never redeemed the code does not know of the session.
        if (!grant?.access || grant.subject === null) continue
        const { clientId, clientVersion, subject } = grant
        const debt = { session, subject, clientId, clientVersion, attempts: 0, nextAtMs: 0 }
        if (!this.#clientOf(debt)?.metadata.backchannelLogoutUri) continue
        const place = String(position).padStart(16, '0')
        owed[`${prefix}${place}/${session}/${encodeURIComponent(clientId)}`] = encode(debt)
      }
    return owed
  }

  /** Tries everything that is due, once; calls while it runs make it look again. */
  deliver(): Promise<void> {
    this.#isAskedAgain = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running?.catch(() => {})
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#isStopped) {
      this.#isAskedAgain = false
      const { ledger, now } = this.#context
      let due: [name: string, debt: Debt][] = []
      for await (const [name, value] of listAnnex(ledger.storage, prefix)) {
        const debt = JSON.parse(value.toString()) as Debt
        if (debt.nextAtMs > now()) continue
        due.push([name, debt])
        if (due.length < mostAtOnce) continue
        await this.#settleAll(due)
        due = []
        if (this.#isStopped) return
      }
      await this.#settleAll(due)
    }
  }

  async #settleAll(due: readonly [string, Debt][]): Promise<void> {
    await Promise.all(due.map(([name, debt]) => this.#settle(name, debt)))
  }

  async #settle(name: string, debt: Debt): Promise<void> {
    const client = this.#clientOf(debt)
    const uri = client?.metadata.backchannelLogoutUri
    const { storage } = this.#context.ledger
    // Whoever is no longer registered, or does not want to be told any more, is owed nothing.
    if (!client || uri === undefined) return putAnnex(storage, { [name]: undefined })
    const attempts = debt.attempts + 1
    const fault = await this.#tell(client, uri, debt)
    if (fault && !fault.isFinal && attempts < mostAttempts) {
      const nextAtMs = this.#context.now() + firstPauseMs * 3 ** debt.attempts
      return putAnnex(storage, { [name]: encode({ ...debt, attempts, nextAtMs }) })
    }
    const { clientId, session } = debt
    const outcome: Event = fault
      ? { type: 'logout.failed', clientId, attempts }
      : { type: 'logout.delivered', clientId }
    if (fault) this.#log.warn({ clientId, attempts, fault: fault.text }, 'a client was not told of a logout')
    // A session that retention has dropped meanwhile begins no new stream.
    const decide = (state: Session | undefined) => ({
      events: state ? [outcome] : [],
      answer: state !== undefined,
    })
    // The outcome stands and nothing is owed any more: one batch, so there is one outcome.
    const paid = { annex: { [name]: undefined } }
    const isToldOf = await decideAndAppend(this.#context, 'session', streamOf.session(session), decide, paid)
    if (!isToldOf) await putAnnex(storage, paid.annex)
  }

  /** Section 2.5. @returns what went wrong; "If the logout succeeded, the RP MUST respond with 200" (section 2.8) */
  async #tell(
    client: Client,
    url: string,
    { session, subject, clientId }: Debt,
  ): Promise<{ text: string; isFinal: boolean } | undefined> {
    const { settings, secrets, now, keys, outbound } = this.#context
    const claims = logoutTokenClaims({
      issuer: settings.issuer,
      clientId,
      subject,
      session,
      identifier: secrets.identifier(),
      nowSeconds: Math.floor(now() / 1000),
    })
    const token = await keys.sign(logoutTokenType, claims, keys.algorithmFor(client.metadata))
    try {
      const { status } = await outbound.send({
        url,
        namedBy: client.enrolment ? 'client' : 'administrator',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: String(new URLSearchParams({ logout_token: token })),
      })
      // 204 is what some frameworks make of an empty 200.
      if (status === 200 || status === 204) return undefined
      // "MUST respond with HTTP 400 Bad Request" where the request was invalid or the logout failed: no use in more.
      return { text: `status ${status}`, isFinal: status === 400 }
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      return { text: error.message, isFinal: error.code === 'forbidden' }
    }
  }

  #clientOf({ clientId, clientVersion }: Debt): Client | undefined {
    const client = findClient(this.#context, clientId)
    return client?.registeredAtVersion === clientVersion ? client : undefined
  }
}

const encode = (debt: Debt): Buffer => Buffer.from(JSON.stringify(debt))
