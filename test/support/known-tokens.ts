/** A load of OAuth requests that keeps account of what it was answered, and of what it cannot know. */
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { type ClientSecret, isActive, postForm, requestToken, type TokenAnswer } from './oauth-requests.ts'

export const client: ClientSecret & Record<string, unknown> = {
  clientId: 'web',
  clientSecret: 'web secret',
  authorizedGrantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: ['read'],
  autoApproves: ['read'],
  registeredRedirectUris: ['https://web.example/callback'],
}
export const user = { username: 'alice', password: 'correct horse battery staple', authorities: ['USER'] }
const redirectUri = 'https://web.example/callback'

/** What its holder may rely on. `unknown`: a request that ends it was sent and not answered. */
export type Knowledge = 'live' | 'ended' | 'unknown'

/** A number below `below`, of a sequence that the seed repeats. */
export type Random = (below: number) => number

/** mulberry32 (Tommy Ettinger, public domain). */
export function randomOf(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

export class KnownTokens {
  readonly tokens = new Map<string, Knowledge>()
  readonly #browser = new FormBrowser((url) => url.href.startsWith(redirectUri))
  readonly #families: TokenAnswer[] = []
  readonly #random: Random
  #lastSignOn: Promise<void> = Promise.resolve()

  constructor(random: Random) {
    this.#random = random
  }

  /** One request or two, of a kind that chance takes. @throws where the server does not answer, or answers wrongly */
  async request(url: string): Promise<void> {
    const kinds = [
      this.#issue,
      this.#issue,
      this.#signOn,
      this.#rotate,
      this.#rotate,
      this.#revoke,
      this.#ask,
    ]
    await kinds[this.#random(kinds.length)]!.call(this, url)
  }

  /** Asks about the token what its holder knows. */
  async assertKnown(url: string, token: string): Promise<void> {
    const before = this.tokens.get(token)
    const answered = await isActive(url, token, client)
    // Another request may have ended it meanwhile.
    const known = this.tokens.get(token) === before ? before : 'unknown'
    if (known !== 'unknown' && answered !== (known === 'live'))
      throw new Error(`a token that is ${known} was called ${answered ? 'active' : 'inactive'}`)
  }

  async #issue(url: string): Promise<void> {
    const { access_token } = await requestToken(url, { grant_type: 'client_credentials' }, client)
    this.tokens.set(access_token, 'live')
  }

  /** One after the other: pages that a browser without a cookie asks for at once each bring their own, and one stays. */
  #signOn(url: string): Promise<void> {
    const signedOn = this.#lastSignOn.then(() => this.#signOnAlone(url))
    this.#lastSignOn = signedOn.catch(() => {})
    return signedOn
  }

  async #signOnAlone(url: string): Promise<void> {
    const request = new URL('/oauth/authorize', url)
    request.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.clientId,
      redirect_uri: redirectUri,
    }).toString()
    let page = await this.#browser.open(request)
    if (page instanceof LoadedPage)
      page = await this.#browser.submit(page, { username: user.username, password: user.password })
    if (page instanceof LoadedPage) throw new Error(`no code: ${page.status} at ${page.url.pathname}`)
    const form = { grant_type: 'authorization_code', redirect_uri: redirectUri }
    const code = page.searchParams.get('code') ?? ''
    this.#took(await requestToken(url, { ...form, code }, client))
  }

  async #rotate(url: string): Promise<void> {
    // Whoever takes it owns it: a family of which nobody knows the state is asked no more.
    const [family] = this.#families.splice(this.#random(Math.max(1, this.#families.length)), 1)
    if (!family) return this.#signOn(url)
    const { access_token, refresh_token = '' } = family
    this.tokens.set(access_token, 'unknown').set(refresh_token, 'unknown')
    this.#took(await requestToken(url, { grant_type: 'refresh_token', refresh_token }, client))
    this.tokens.set(access_token, 'ended')
  }

  async #revoke(url: string): Promise<void> {
    const token = this.#any()
    if (token === undefined || this.tokens.get(token) !== 'live' || this.#isOfFamily(token)) return
    this.tokens.set(token, 'unknown')
    const { status } = await postForm(url, '/oauth/revoke', { token }, client)
    if (status !== 200) throw new Error(`revocation answered ${status}`)
    this.tokens.set(token, 'ended')
  }

  async #ask(url: string): Promise<void> {
    const token = this.#any()
    if (token !== undefined) await this.assertKnown(url, token)
  }

  #took(answer: TokenAnswer): void {
    this.tokens.set(answer.access_token, 'live').set(answer.refresh_token!, 'live')
    this.#families.push(answer)
  }

  /** Revoking one token of a family ends the other, too. */
  #isOfFamily(token: string): boolean {
    return this.#families.some(
      ({ access_token, refresh_token }) => token === access_token || token === refresh_token,
    )
  }

  #any(): string | undefined {
    return [...this.tokens.keys()][this.#random(this.tokens.size)]
  }
}
