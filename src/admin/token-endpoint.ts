/** What the CLI asks of a server over HTTP, as a client of it. */
import type { CheckedToken } from '../oauth/introspection.ts'
import type { Block } from './blocks.ts'
import { ControlError } from './connection.ts'

/** RFC 6749 section 2.3.1: id and secret are form-encoded, then joined and put in base64. */
function basicHeader(clientId: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`
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
  let answer: Response
  try {
    answer = await fetch(new URL('/oauth/check_token', endpoint), {
      method: 'POST',
      headers: { authorization: basicHeader(clientId, secret) },
      body: new URLSearchParams({ token }),
    })
  } catch {
    throw new ControlError('unreachable', 'Connection refused. Check server endpoint.')
  }
  if (answer.status === 401) throw new ControlError('client', 'Check your clientId or username, password.')
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
