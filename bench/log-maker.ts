/**
 * A log of any length, made by the real ledger in this process: sign-ons with their refreshes and tokens of clients
 * for themselves, of a hundred clients and two hundred users, spread over the thirty days before now where not told
 * otherwise.
 */
import { readFileSync } from 'node:fs'
import { registerClient, registerUser } from '../src/admin/administration.ts'
import { administratorKey } from '../src/admin/keys.ts'
import { TokenSecrets } from '../src/authorization-server/token-secrets.ts'
import { homePaths } from '../src/config/home.ts'
import { loadSettings } from '../src/config/load.ts'
import { connect } from '../src/connect.ts'
import { openCore } from '../src/core.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { type Event, streamOf } from '../src/oauth/events.ts'
import { type BenchHome, client, clientRegistration, userRegistration } from './home.ts'

const defaultDays = 30
const daySeconds = 86_400
const sessionSeconds = 1800
const clientCount = 100
const userCount = 200
/** Appends that wait at a time: more than a server ever has, since only the log is wanted here. */
const appenderCount = 512
const eventsEachCheckpoint = 200_000
/** Tokens that are remembered, spread over the whole log. */
const rememberedCount = 2000
const scopes = ['read', 'write']

export interface MadeLog {
  events: number
  seconds: number
  /** Live access tokens of the bench's client from everywhere in the log. */
  tokens: string[]
}

export interface LogOptions {
  /** Over which it is spread. */
  days?: number
  refreshSeconds?: number
  /** Of the access tokens of the bench's own client, which are asked for at the end. */
  ownSeconds?: number
  /** After so many sign-ons nothing happens but that their tokens are refreshed, in turn. */
  rotating?: number | undefined
}

/** @param onProgress is told how many events there are */
export async function makeLog(
  folder: string,
  home: BenchHome,
  eventCount: number,
  onProgress: (done: number) => void,
  {
    days = defaultDays,
    refreshSeconds = 30 * daySeconds,
    ownSeconds = 2 * days * daySeconds,
    rotating,
  }: LogOptions = {},
): Promise<MadeLog> {
  const startedMs = performance.now()
  const paths = homePaths(folder)
  const load = () => loadSettings({ home: folder, environment: home.environment })
  const beginMs = Date.now() - days * daySeconds * 1000
  const clock = { nowMs: beginMs }
  const now = () => clock.nowMs
  const { clients, users } = await register(home, () => connect(load, paths, 'bench', now), now)

  const loaded = load()
  const core = await openCore(loaded, paths, loaded.settings.server.issuer, now)
  const { ledger } = core.context
  try {
    const made = new Life(ledger, clients, users, { refreshSeconds, ownSeconds, rotating })
    const first = ledger.size
    let signedAt = 0
    const appender = async () => {
      while (made.events < eventCount - first) {
        clock.nowMs = Math.floor(beginMs + ((days * daySeconds * 1000) / eventCount) * made.events)
        await made.next(clock.nowMs)
        if (ledger.size < signedAt + eventsEachCheckpoint) continue
        signedAt = ledger.size
        await core.checkpoints.sign()
        onProgress(ledger.size)
      }
    }
    await Promise.all(Array.from({ length: appenderCount }, appender))
    await core.checkpoints.sign()
    return {
      events: ledger.size,
      seconds: (performance.now() - startedMs) / 1000,
      tokens: made.tokens(),
    }
  } finally {
    await core.close()
  }
}

/** Resolves with the names of the clients, the bench's own first, and the subjects of the users. */
async function register(
  { keyFile }: BenchHome,
  open: () => ReturnType<typeof connect>,
  now: () => number,
): Promise<{ clients: string[]; users: string[] }> {
  const connection = await open()
  const administrator = { connection, key: administratorKey(readFileSync(keyFile, 'utf8')), now }
  const clients: string[] = []
  const users: string[] = []
  try {
    for (let i = 0; i < clientCount; i++) {
      const registration = i === 0 ? clientRegistration : { ...clientRegistration, clientId: `client-${i}` }
      clients.push((await registerClient(administrator, registration)).clientId)
    }
    for (let i = 0; i < userCount; i++) {
      const registration = i === 0 ? userRegistration : { ...userRegistration, username: `user-${i}` }
      users.push((await registerUser(administrator, registration)).subject!)
    }
  } finally {
    await connection.close()
  }
  return { clients, users }
}

type LifeOptions = Pick<LogOptions, 'rotating'> & { refreshSeconds: number; ownSeconds: number }

interface RotatedGrant {
  stream: string
  /** The next event's. */
  version: number
}

/**
 * What happens, in turn: of eleven events four are tokens of clients for themselves, six are of a sign-on, and one ends
 * its session when its time is over, as a server does.
 */
class Life {
  /** Appended, or on their way. */
  events = 0
  readonly #secrets = new TokenSecrets(Buffer.alloc(32, 1))
  readonly #ledger: Ledger<Event>
  readonly #clients: readonly string[]
  readonly #users: readonly string[]
  readonly #options: LifeOptions
  readonly #issued: string[] = []
  readonly #rotated: Promise<RotatedGrant>[] = []
  /** Those that began first, first. */
  readonly #sessions: { stream: string; expiresAtSeconds: number }[] = []
  #turn = 0

  constructor(
    ledger: Ledger<Event>,
    clients: readonly string[],
    users: readonly string[],
    options: LifeOptions,
  ) {
    this.#options = options
    this.#ledger = ledger
    this.#clients = clients
    this.#users = users
  }

  /** The bench client's own tokens, evenly over the log. */
  tokens(): string[] {
    const step = Math.max(Math.floor(this.#issued.length / rememberedCount), 1)
    return this.#issued.filter((_, i) => i % step === 0)
  }

  async next(nowMs: number): Promise<void> {
    await this.#expireSessions(nowMs)
    const turn = this.#turn++
    const { rotating } = this.#options
    if (rotating !== undefined) await this.#rotateOneOf(rotating, nowMs, turn)
    else if (turn % 5 < 4)
      await this.#issue(nowMs, this.#clients[Math.floor(turn / 5) % this.#clients.length]!)
    else await this.#signOn(nowMs, turn)
  }

  async #issue(nowMs: number, clientId: string): Promise<void> {
    this.events++
    const access = this.#secrets.create('access')
    if (clientId === client.id) this.#issued.push(access.token)
    const seconds = Math.floor(nowMs / 1000)
    await this.#append(streamOf.grant(this.#secrets.identifier()), 0, nowMs, {
      type: 'token.issued',
      grantType: 'client_credentials',
      clientId,
      clientVersion: 0,
      subject: null,
      scopes,
      accessTokenHash: access.hash,
      accessExpiresAtSeconds: seconds + (clientId === client.id ? this.#options.ownSeconds : 3600),
      refreshTokenHash: null,
      refreshExpiresAtSeconds: null,
    })
  }

  async #signOn(nowMs: number, turn: number): Promise<string> {
    this.events += 6
    const secrets = this.#secrets
    const seconds = Math.floor(nowMs / 1000)
    const subject = this.#users[turn % this.#users.length]!
    const clientId = this.#clients[Math.floor(turn / this.#users.length) % this.#clients.length]!
    const session = secrets.identifier()
    const expiresAtSeconds = seconds + sessionSeconds
    const stream = streamOf.grant(secrets.identifier())
    await this.#append(streamOf.session(session), 0, nowMs, {
      type: 'session.started',
      subject,
      cookieHash: secrets.create('session').hash,
      expiresAtSeconds,
      side: {
        address: '2001:db8::1234',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101',
      },
    })
    this.#sessions.push({ stream: streamOf.session(session), expiresAtSeconds })
    await this.#append(stream, 0, nowMs, {
      type: 'code.issued',
      codeHash: secrets.create('code').hash,
      clientId,
      clientVersion: 0,
      subject,
      session,
      scopes,
      redirectUri: client.redirectUri,
      redirectUriSent: true,
      codeChallenge: secrets.create('code').hash,
      expiresAtSeconds: seconds + 60,
    })
    await this.#append(
      stream,
      1,
      nowMs,
      { type: 'code.redeemed' },
      {
        type: 'token.issued',
        grantType: 'authorization_code',
        clientId,
        clientVersion: 0,
        subject,
        ...this.#tokens(nowMs),
      },
    )
    for (const version of [3, 4])
      await this.#append(stream, version, nowMs, { type: 'token.refreshed', ...this.#tokens(nowMs) })
    return stream
  }

  async #expireSessions(nowMs: number): Promise<void> {
    while (this.#sessions[0] && nowMs >= this.#sessions[0].expiresAtSeconds * 1000) {
      const { stream } = this.#sessions.shift()!
      this.events++
      await this.#append(stream, 1, nowMs, { type: 'session.ended', reason: 'expired' })
    }
  }

  /** There are more grants than appenders, so none is rotated twice at a time. */
  async #rotateOneOf(count: number, nowMs: number, turn: number): Promise<void> {
    if (turn < count)
      this.#rotated[turn] = this.#signOn(nowMs, turn).then((stream) => ({ stream, version: 5 }))
    const grant = await this.#rotated[turn % count]!
    if (turn < count) return
    this.events++
    await this.#append(grant.stream, grant.version++, nowMs, {
      type: 'token.refreshed',
      ...this.#tokens(nowMs),
    })
  }

  #tokens(nowMs: number) {
    const seconds = Math.floor(nowMs / 1000)
    return {
      scopes,
      accessTokenHash: this.#secrets.create('access').hash,
      accessExpiresAtSeconds: seconds + 3600,
      refreshTokenHash: this.#secrets.create('refresh').hash,
      refreshExpiresAtSeconds: seconds + this.#options.refreshSeconds,
    }
  }

  #append(stream: string, version: number, nowMs: number, ...events: Event[]): Promise<unknown> {
    return this.#ledger.append(stream, version, events, nowMs, { isNewStream: version === 0 })
  }
}
