/** What the CLI asks of a server over HTTP, as a client of it. */
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
import type { CheckedToken } from '../oauth/introspection.ts'
import type { Block } from './blocks.ts'
import { ControlError } from './connection.ts'

/** RFC 6749 section 2.3.1: id and secret are form-encoded, then joined and put in base64. */
function basicHeader(clientId: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`
}

/** What the token endpoint gives. */
export type Tokens = TokenAnswer

/** A POST of a form to an endpoint of the server. @throws ControlError unreachable */
async function post(
  endpoint: string,
  path: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  try {
    return await fetch(new URL(path, endpoint), { method: 'POST', headers, body: new URLSearchParams(form) })
  } catch {
    throw new ControlError('unreachable', 'Connection refused. Check server endpoint.')
  }
}

const wrongCredentials = () => new ControlError('client', 'Check your clientId or username, password.')

/**
 * Asks `/oauth/token`.
 *
 * @param secret missing: a public client
 * @param unknown what a grant that is not valid means, in the words of SignOn 1.1
 * @throws ControlError
 */
export async function requestTokensAt(
  endpoint: string,
  clientId: string,
  secret: string | undefined,
  form: Readonly<Record<string, string>>,
  unknown: ControlError = wrongCredentials(),
): Promise<TokenAnswer> {
  const answer =
    secret === undefined
      ? await post(endpoint, '/oauth/token', { ...form, client_id: clientId }, {})
      : await post(endpoint, '/oauth/token', form, { authorization: basicHeader(clientId, secret) })
  const body = (await answer.json().catch(() => ({}))) as Partial<TokenAnswer> & {
    error?: string
    error_description?: string
  }
  if (answer.status === 200 && body.access_token !== undefined) return body as TokenAnswer
  if (body.error === 'invalid_client') throw wrongCredentials()
  if (body.error === 'invalid_grant' && answer.status !== 429) throw unknown
  throw new ControlError(
    'unavailable',
    body.error === undefined
      ? `the server answered ${answer.status}`
      : `the server refused the request: ${body.error} (${body.error_description ?? ''})`,
  )
}

/** Tokens as `token check` shows one. */
export function tokenAnswerBlock(answer: TokenAnswer, nowMs: number): Block {
  const { access_token: value, refresh_token: refreshToken = '', token_type: type, scope } = answer
  return {
    AdditionalInformation: answer.id_token === undefined ? '{}' : `{id_token=${answer.id_token}}`,
    Expiration: new Date(nowMs + answer.expires_in * 1000).toISOString(),
    RefreshToken: refreshToken,
    Scope: scope.split(' ').filter(Boolean),
    TokenType: type,
    Value: value,
  }
}

/**
 * Asks `/oauth/check_token`.
 *
 * @throws ControlError in the words of SignOn 1.1
 */
export async function checkTokenAt(
  endpoint: string,
  clientId: string,
  secret: string,
  token: string,
): Promise<Block> {
  const headers = { authorization: basicHeader(clientId, secret) }
  const answer = await post(endpoint, '/oauth/check_token', { token }, headers)
  if (answer.status === 401) throw wrongCredentials()
  if (answer.status !== 200) {
    const { error } = (await answer.json().catch(() => ({}))) as { error?: string }
    throw error === 'invalid_token'
      ? new ControlError('not_found', 'The token not found.')
      : new ControlError('unavailable', `the server answered ${answer.status}`)
  }
  const checked = (await answer.json()) as CheckedToken
  const information = Object.entries({
    client: checked.client_id,
    ...(checked.user_name !== undefined && { user: checked.user_name }),
    authorities: checked.authorities.join(' '),
  })
  return {
    AdditionalInformation: `{${information.map(([name, value]) => `${name}=${value}`).join(', ')}}`,
    Expiration: new Date(checked.exp * 1000).toISOString(),
    RefreshToken: '',
    Scope: checked.scope,
    TokenType: 'bearer',
    Value: token,
  }
}
