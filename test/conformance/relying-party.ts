/**
 * A relying party as the OpenID Foundation's conformance suite plays it: it knows the issuer of a running server and
 * nothing else, registers itself, and checks every answer by the conditions that all modules share.
 */
import { hash } from 'node:crypto'
import {
  type CryptoKey,
  createRemoteJWKSet,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose'
import { expect } from 'vitest'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { LoadedPage } from '../../src/admin/loaded-page.ts'
import { basic } from '../support/http-routes.ts'
import { startServer } from '../support/server.ts'
import { person, redirectOf, visit } from '../support/visitor.ts'

export type Parameters = Readonly<Record<string, string>>
type Metadata = Readonly<Record<string, unknown>>

export const redirectUri = 'https://rp.example/callback'
/** Every standard claim (OpenID Connect Core section 5.1). */
export const claims = {
  name: 'Alice Kim',
  given_name: 'Alice',
  family_name: 'Kim',
  middle_name: 'M.',
  nickname: 'Al',
  profile: 'https://alice.example/',
  picture: 'https://alice.example/alice.png',
  website: 'https://alice.example/blog',
  gender: 'female',
  birthdate: '1990-04-01',
  zoneinfo: 'Asia/Seoul',
  locale: 'ko-KR',
  updated_at: 1_700_000_000,
  email: 'alice@example.com',
  email_verified: true,
  address: { formatted: '1 Sejong-daero', country: 'KR' },
  phone_number: '+82 2 1234 5678',
  phone_number_verified: true,
}
export const scopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access']

export interface ServerMetadata {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  userinfo_endpoint: string
  jwks_uri: string
  registration_endpoint: string
  end_session_endpoint: string
  revocation_endpoint: string
  pushed_authorization_request_endpoint: string
  [member: string]: unknown
}

/** A server that anybody may register at, with one user. */
export async function openProvider(environment: Readonly<Record<string, string>> = {}) {
  const server = await startServer({ environment: { SIGNON_REGISTRATION_MODE: 'open', ...environment } })
  const signed = ['--profile', 'test', '--privatekey-file', server.adminKeyFile]
  const run = async (words: readonly string[], input?: unknown) => {
    const done = await server.cli([...words, ...signed], input ? { input: JSON.stringify(input) } : {})
    if (done.exitCode !== 0) throw new Error(done.stderr)
  }
  await run(['user', 'create'], { ...person, authorities: ['USER'], claims })
  const grants = ['authorization_code', 'refresh_token', 'client_credentials']
  const named = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value])
  await run(['client', 'invite', '--open', ...named('--scope', scopes), ...named('--grant-type', grants)])
  const response = await fetch(`${server.url}/.well-known/openid-configuration`)
  return { ...server, url: server.url, run, metadata: (await response.json()) as ServerMetadata }
}
export type Provider = Awaited<ReturnType<typeof openProvider>>

/** Members by which a client is asked for in every module, with RSA keys of its own. */
export async function registrationRequest(changes: Metadata = {}) {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'rp', alg: 'RS256', use: 'sig' }] }
  const request = {
    client_name: 'Conformance relying party',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [redirectUri],
    contacts: ['certification@rp.example'],
    jwks,
    ...changes,
  }
  return { request, privateKey }
}

/** Everything outside this set is no description of an error (RFC 6749 sections 4.1.2.1 and 5.2). */
const wire = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

export class RelyingParty {
  readonly server: ServerMetadata
  readonly clientId: string
  readonly registered: Metadata
  readonly #privateKey: CryptoKey
  readonly #keys: ReturnType<typeof createRemoteJWKSet>

  private constructor(server: ServerMetadata, registered: Metadata, privateKey: CryptoKey) {
    this.server = server
    this.registered = registered
    this.clientId = registered.client_id as string
    this.#privateKey = privateKey
    this.#keys = createRemoteJWKSet(new URL(server.jwks_uri))
  }

  /** OpenID Connect Registration section 3.2: 201, JSON, with credentials and a way to manage them. */
  static async register(server: ServerMetadata, changes: Metadata = {}): Promise<RelyingParty> {
    const { request, privateKey } = await registrationRequest(changes)
    const response = await askToRegister(server, request)
    expect([response.status, response.headers.get('content-type')]).toEqual([201, json])
    const registered = (await response.json()) as Metadata
    expect(registered).toMatchObject({
      client_id: expect.any(String),
      registration_access_token: expect.any(String),
      registration_client_uri: expect.stringContaining(server.registration_endpoint),
      redirect_uris: request.redirect_uris,
    })
    if (registered.client_secret !== undefined) expect(registered.client_secret_expires_at).toBe(0)
    return new RelyingParty(server, registered, privateKey)
  }

  /** RFC 7592 section 2.3, with which every module ends. */
  async unregister(): Promise<void> {
    const authorization = `Bearer ${this.registered.registration_access_token}`
    const at = this.registered.registration_client_uri as string
    expect((await fetch(at, { method: 'DELETE', headers: { authorization } })).status).toBe(204)
  }

  /** `undefined` leaves a parameter out. */
  authorizationUrl(changes: Readonly<Record<string, string | undefined>> = {}): URL {
    const url = new URL(this.server.authorization_endpoint)
    for (const [name, value] of Object.entries(this.#request(changes))) url.searchParams.set(name, value)
    return url
  }

  #request(changes: Readonly<Record<string, string | undefined>>): Parameters {
    const all = {
      client_id: this.clientId,
      redirect_uri: redirectUri,
      scope: 'openid',
      state: 'a state, 10/10',
      nonce: 'n-0S6_WzA2Mj',
      response_type: 'code',
      ...changes,
    }
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]))
  }

  /** The person signs on and approves; resolves with what came to the redirect URI. */
  async authorize(browser: FormBrowser, changes: Readonly<Record<string, string | undefined>> = {}) {
    const came = await visit(browser, this.authorizationUrl(changes), person)
    return { asked: came.asked, answer: this.#checkAnswer(redirectOf(came)) }
  }

  #checkAnswer(url: URL): Parameters {
    expect(url.href.startsWith(redirectUri)).toBe(true)
    expect(url.hash).toBe('')
    const answer = Object.fromEntries(url.searchParams)
    expect(answer).toMatchObject({ state: 'a state, 10/10', iss: this.server.issuer })
    if (answer.error !== undefined) {
      expect(Object.keys(answer).sort()).toEqual(['error', 'error_description', 'iss', 'state'])
      expect(answer.error_description).toMatch(wire)
    }
    return answer
  }

  /** An error answer, which must come without any page in between. */
  async errorOf(browser: FormBrowser, changes: Readonly<Record<string, string | undefined>>) {
    const came = await browser.open(this.authorizationUrl(changes))
    if (!(came instanceof URL)) throw new Error(`no redirect but a page: ${came.html}`)
    return this.#checkAnswer(came).error
  }

  /** A signed assertion for one request (RFC 7523 section 2.2). */
  async assertion(audience: string): Promise<Parameters> {
    const jwt = new SignJWT()
      .setProtectedHeader({ alg: 'RS256', kid: 'rp' })
      .setIssuer(this.clientId)
      .setSubject(this.clientId)
      .setAudience(audience)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('1m')
    return {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await jwt.sign(this.#privateKey),
    }
  }

  /** At an endpoint that the client proves itself at, in the way that it registered for. */
  async send(endpoint: string, form: Parameters, headers: Parameters = {}): Promise<Response> {
    const secret = this.registered.client_secret as string
    switch (this.registered.token_endpoint_auth_method) {
      case 'client_secret_basic':
        return post(endpoint, new URLSearchParams(form), { ...basic(this.clientId, secret), ...headers })
      case 'client_secret_post': {
        const credentials = { client_id: this.clientId, client_secret: secret }
        return post(endpoint, new URLSearchParams({ ...form, ...credentials }), headers)
      }
      default: {
        const assertion = form.client_assertion ? {} : await this.assertion(this.server.token_endpoint)
        return post(endpoint, new URLSearchParams({ ...form, ...assertion }), headers)
      }
    }
  }

  /** RFC 6749 section 5.1: JSON that no cache keeps. */
  async tokens(form: Parameters): Promise<Tokens> {
    const response = await this.send(this.server.token_endpoint, form)
    const tokens = (await response.json()) as Tokens
    expect([response.status, tokens]).toEqual([
      200,
      expect.objectContaining({ expires_in: expect.any(Number) }),
    ])
    expect(response.headers.get('content-type')).toBe(json)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('pragma')).toBe('no-cache')
    expect(tokens.token_type.toLowerCase()).toBe('bearer')
    expect(tokens.access_token).toMatch(/^[\x21-\x7e]{22,}$/)
    expect(tokens.expires_in).toBeGreaterThan(0)
    return tokens
  }

  redeem({ code }: Parameters): Promise<Tokens> {
    return this.tokens({ grant_type: 'authorization_code', code: code!, redirect_uri: redirectUri })
  }

  /** RFC 6749 section 5.2. */
  async tokenError(form: Parameters): Promise<[status: number, error: string]> {
    const response = await this.send(this.server.token_endpoint, form)
    const answer = (await response.json()) as Parameters
    expect(response.headers.get('content-type')).toBe(json)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(answer.error_description).toMatch(wire)
    return [response.status, answer.error!]
  }

  /** OpenID Connect Core sections 2, 3.1.3.6 and 3.1.3.7, 10.1. */
  async idToken({ id_token: token, access_token: accessToken }: Tokens, nonce?: string): Promise<IdToken> {
    const verified = await jwtVerify(token!, this.#keys, {
      issuer: this.server.issuer,
      audience: this.clientId,
      requiredClaims: ['sub', 'exp', 'iat'],
    })
    const { payload, protectedHeader } = verified
    expect(payload.sub).toMatch(/^[\x21-\x7e]{1,255}$/)
    expect(payload.aud).toBe(this.clientId)
    expect(payload.nonce).toBe(nonce)
    expect(Number.isInteger(payload.auth_time)).toBe(true)
    expect(payload.auth_time).toBeLessThanOrEqual(payload.iat!)
    const digest = hash('sha256', accessToken, 'buffer')
    expect(payload.at_hash).toBe(digest.subarray(0, 16).toString('base64url'))
    expect(protectedHeader.kid).toEqual(expect.any(String))
    return { ...payload, header: protectedHeader } as IdToken
  }

  /** OpenID Connect Core section 5.3.2. */
  async userinfo(accessToken: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.server.userinfo_endpoint, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, json])
    return (await response.json()) as Record<string, unknown>
  }

  /** The JWT that a client gets who asked for a signed answer. */
  verify(jwt: string) {
    return jwtVerify(jwt, this.#keys, { issuer: this.server.issuer, audience: this.clientId })
  }

  /** The whole way. */
  async signOn(browser: FormBrowser, changes: Readonly<Record<string, string | undefined>> = {}) {
    const { asked, answer } = await this.authorize(browser, changes)
    const tokens = await this.redeem(answer)
    const nonce = 'nonce' in changes ? changes.nonce : 'n-0S6_WzA2Mj'
    return { asked, answer, tokens, idToken: await this.idToken(tokens, nonce) }
  }
}

export interface Tokens {
  access_token: string
  token_type: string
  expires_in: number
  id_token?: string
  refresh_token?: string
  scope: string
}
export type IdToken = JWTPayload & { auth_time: number; acr?: string; header: { alg: string; kid: string } }

export const json = 'application/json; charset=utf-8'

const askToRegister = (server: ServerMetadata, request: Metadata): Promise<Response> =>
  post(server.registration_endpoint, JSON.stringify(request), { 'content-type': 'application/json' })

/** What comes of a registration that may be refused. */
export async function registration(
  server: ServerMetadata,
  request: Metadata,
): Promise<[status: number, error: string | undefined]> {
  const answer = await askToRegister(server, request)
  return [answer.status, ((await answer.json()) as { error?: string }).error]
}

export const post = (url: string, body: string | URLSearchParams, headers: Parameters = {}) =>
  fetch(url, { method: 'POST', body, headers, redirect: 'manual' })

export const newBrowser = (): FormBrowser =>
  new FormBrowser((url) => url.hostname === 'rp.example' || url.pathname === '/elsewhere')

/** The page that an address ends at. @throws where it leads to the relying party */
export async function pageAt(browser: FormBrowser, url: URL): Promise<LoadedPage> {
  const came = await browser.open(url)
  if (came instanceof URL) throw new Error(`no page but a redirect to ${came}`)
  return came
}
