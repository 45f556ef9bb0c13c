/** The requests of the flows as they go over the wire. */
import { createHash, randomBytes } from 'node:crypto'
import { client, scope } from './home.ts'

const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64')
const codeVerifier = randomBytes(32).toString('base64url')
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')

function post(path: string, header: string, parameters: Readonly<Record<string, string>>): string {
  const form = String(new URLSearchParams(parameters))
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${header}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`
}

const byClient = (path: string, parameters: Readonly<Record<string, string>>): string =>
  post(path, `Authorization: Basic ${basic}`, parameters)

const clientCredentialsForm = { grant_type: 'client_credentials', scope }

/** The same bytes go to the reference, at another path. */
export const referenceRequest = byClient('/', clientCredentialsForm)
export const clientCredentialsRequest = byClient('/oauth/token', clientCredentialsForm)

export const introspectionRequest = (token: string): string => byClient('/oauth/introspect', { token })

export const refreshRequest = (refreshToken: string): string =>
  byClient('/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken })

/** RFC 6749 section 4.1.1 with PKCE, of a browser that is logged in. */
export const authorizeRequest = (cookie: string): string =>
  post('/oauth/authorize', `Cookie: ${cookie}`, {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    scope,
    state: 'of-no-use',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  })

export const codeRequest = (code: string): string =>
  byClient('/oauth/token', {
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.redirectUri,
    code_verifier: codeVerifier,
  })
