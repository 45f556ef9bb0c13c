/**
 * OpenID Connect Back-Channel Logout over `kill -9`: each client is told at least once after the restart, and the
 * outcome stands once.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import { verifyMessage } from '../../src/chain/message.ts'
import { logSize, readEvents } from '../../src/ledger/reader.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { eventCodec } from '../support/authorization.ts'
import { type BareServer, bareHome } from '../support/bare-server.ts'
import { randomOf } from '../support/known-tokens.ts'
import { requestToken } from '../support/oauth-requests.ts'
import { eventually, temporaryFolder } from '../support/server.ts'
import { redirectOf, visit } from '../support/visitor.ts'

const seed = Number(process.env.SIGNON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const redirectUri = 'https://client.example/callback'
const person = { username: 'alice', password: 'correct horse battery staple' }
const clientSecret = 'a secret'

interface LogoutToken {
  sid: string
  jti: string
  aud: string
}

/** The end point of clients: a real listener, which can be down, slow, or there. */
class RelyingParty {
  readonly told: LogoutToken[] = []
  /** What it does with a request, once that has been read; it may leave it unanswered. */
  answer: (response: ServerResponse) => void = ok
  #port = 0
  #server = createServer()

  async up(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const form = new URLSearchParams(Buffer.concat(chunks).toString())
      this.told.push(decodeJwt(form.get('logout_token')!) as unknown as LogoutToken)
      this.answer(response)
    })
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get uri(): string {
    return `http://127.0.0.1:${this.#port}/backchannel`
  }
}

const ok = (response: ServerResponse) => void response.writeHead(200).end()
const home = bareHome(join(temporaryFolder(), 'home'), { SIGNON_OUTBOUND_ALLOW: '127.0.0.1' })
const party = new RelyingParty()
let server: BareServer

beforeAll(async () => {
  await party.up()
  server = await home.start()
  await home.administer(async (administrator) => {
    for (const clientId of ['one', 'two'])
      await registerClient(administrator, {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['authorization_code'],
        redirect_uris: [redirectUri],
        scope: 'openid',
        autoApproves: ['openid'],
        backchannel_logout_uri: party.uri,
      })
    await registerUser(administrator, { ...person, authorities: ['USER'] })
  })
})
afterAll(() => party.down())

async function kill(): Promise<void> {
  server.process.kill('SIGKILL')
  expect((await server.process.finished).signal).toBe('SIGKILL')
}

interface SignedOn {
  sid: string
  /** Resolves when the server has answered that the session is over. */
  logOut(): Promise<void>
}

/** Alice in a browser of her own, with tokens of both clients. */
async function signOn(): Promise<SignedOn> {
  const browser = new FormBrowser((url) => url.href.startsWith(redirectUri))
  let hint = ''
  for (const clientId of ['one', 'two']) {
    const request = new URL('/oauth/authorize', server.url)
    request.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: 'openid',
    }).toString()
    const code = redirectOf(await visit(browser, request, person)).searchParams.get('code')!
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri }
    const answer = await requestToken(server.url, form, { clientId, clientSecret })
    hint = (answer as unknown as { id_token: string }).id_token
  }
  return {
    sid: decodeJwt(hint).sid as string,
    async logOut() {
      await browser.open(`${server.url}/oauth/end_session?${new URLSearchParams({ id_token_hint: hint })}`)
    },
  }
}

/** Outcomes that stand in the ledger of the running server, as `event client session`. */
async function outcomes(): Promise<string[]> {
  return home.administer(async ({ connection: { reader } }) => {
    const found: string[] = []
    for await (const { event, stream } of readEvents(reader, eventCodec, 0, await logSize(reader)))
      if (event.type === 'logout.delivered' || event.type === 'logout.failed')
        found.push(`${event.type} ${event.clientId} ${stream.slice('session:'.length)}`)
    return found
  })
}

const delivered = (sid: string) => ['one', 'two'].map((clientId) => `logout.delivered ${clientId} ${sid}`)

/** What each client was told of a session: never twice the same token. */
function toldOf(sid: string): LogoutToken[] {
  const told = party.told.filter((token) => token.sid === sid)
  expect(new Set(told.map(({ jti }) => jti)).size).toBe(told.length)
  return told
}

/** Both clients are told of the session, and each outcome stands once. */
async function expectDelivered(sid: string): Promise<void> {
  const own = async () => (await outcomes()).filter((outcome) => outcome.endsWith(sid))
  await eventually('the outcomes stand', async () => (await own()).length >= 2)
  expect((await own()).sort()).toEqual(delivered(sid))
  expect(new Set(toldOf(sid).map(({ aud }) => aud))).toEqual(new Set(['one', 'two']))
}

test('killed at the answer of the logout, the clients being away: told after the restart', async () => {
  const { sid, logOut } = await signOn()
  await party.down()
  await logOut()
  await kill()
  expect(toldOf(sid)).toEqual([])
  await party.up()
  server = await home.start()
  await expectDelivered(sid)
})

test('killed after an attempt in vain: told when the time of the next has come', async () => {
  const { sid, logOut } = await signOn()
  party.answer = (response) => void response.writeHead(503).end()
  await logOut()
  await eventually('both are asked', () => toldOf(sid).length === 2)
  await kill()
  party.answer = ok
  server = await home.start()
  await expectDelivered(sid)
})

test('killed while the clients think about it: told once more, by another token', async () => {
  const { sid, logOut } = await signOn()
  const held: ServerResponse[] = []
  party.answer = (response) => void held.push(response)
  await logOut()
  await eventually('both are asked', () => toldOf(sid).length === 2)
  expect(await outcomes()).not.toEqual(expect.arrayContaining([expect.stringContaining(sid)]))
  await kill()
  party.answer = ok
  server = await home.start()
  await expectDelivered(sid)
  expect(
    toldOf(sid)
      .map(({ aud }) => aud)
      .sort(),
  ).toEqual(['one', 'one', 'two', 'two'])
})

test(`killed at any moment of several logouts, seed ${seed}: each is told, each outcome stands once`, {
  timeout: 240_000,
}, async () => {
  const random = randomOf(seed)
  for (let round = 0; round < 8; round++) {
    const people = [await signOn(), await signOn(), await signOn()]
    // From the first request on, or from the first answer of a client on.
    const isByAnswer = round % 2 === 1
    let killed: Promise<void> | undefined
    const killSoon = () => {
      killed ??= delay(random(12)).then(kill)
    }
    if (isByAnswer)
      party.answer = (response) => {
        ok(response)
        killSoon()
      }
    else killSoon()
    const answered = await Promise.all(people.map(({ logOut }) => logOut().then(...isAnswered)))
    if (answered.includes(true)) await eventually('the server is killed', () => killed !== undefined)
    else killSoon()
    await killed
    party.answer = ok
    server = await home.start()
    // Whose end was not acknowledged may be over or not; a client that was told of it knows that it is.
    for (const [i, { sid }] of people.entries())
      if (answered[i] || toldOf(sid).length > 0) await expectDelivered(sid)
  }
  const all = await outcomes()
  expect(new Set(all).size).toBe(all.length)
  server.process.kill('SIGTERM')
  await server.process.finished
  const storage = await openStorage(home.paths.ledger)
  const verification = await verifyLedger(storage, {
    verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    rows: true,
  })
  await storage.close()
  expect(verification).toMatchObject({ ok: true, faults: [] })
})

/** A broken connection is how fetch tells that the server died. */
const isAnswered = [
  () => true,
  (error: unknown) => {
    if (error instanceof TypeError) return false
    throw error
  },
] as const
