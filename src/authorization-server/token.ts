/** The token endpoint's use cases by grant type (RFC 6749 section 3.2): a new grant is a file and a row here. */
import { type Client, mayUse } from '../oauth/client.ts'
import { OAuthError } from '../oauth/errors.ts'
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
import { byDeviceCode } from './by-device-code.ts'
import { byPassword } from './by-password.ts'
import { byTokenExchange } from './by-token-exchange.ts'
import type { AuthorizationContext } from './context.ts'
import { issue } from './issue.ts'
import { redeem } from './redeem.ts'
import { rotate } from './rotate.ts'

export interface TokenRequest {
  client: Client
  form: Readonly<Record<string, string | undefined>>
  /** Thumbprint of the key of the request's DPoP proof (RFC 9449), where it has one. */
  jkt?: string
  /** Network address that the request came from. */
  address: string
}

export type TokenUseCase = (context: AuthorizationContext, request: TokenRequest) => Promise<TokenAnswer>

const useCases: ReadonlyMap<string, TokenUseCase> = new Map([
  ['authorization_code', redeem],
  ['client_credentials', issue],
  ['refresh_token', rotate],
  ['urn:ietf:params:oauth:grant-type:device_code', byDeviceCode],
  ['password', byPassword],
  ['urn:ietf:params:oauth:grant-type:token-exchange', byTokenExchange],
])

export const grantTypes: readonly string[] = [...useCases.keys()]

/** @throws OAuthError, LedgerError */
export function requestToken(context: AuthorizationContext, request: TokenRequest): Promise<TokenAnswer> {
  const { client, form } = request
  const grantType = form.grant_type
  if (grantType === undefined) throw new OAuthError('invalid_request', 'grant_type is missing')
  const useCase = useCases.get(grantType)
  if (!useCase) throw new OAuthError('unsupported_grant_type', 'the grant type is not supported')
  if (!mayUse(client, grantType))
    throw new OAuthError('unauthorized_client', 'the client may not use this grant type')
  // RFC 9449 section 5.2: such a client gets no token that whoever finds it could use.
  if (client.metadata.dpopBound && request.jkt === undefined)
    throw new OAuthError('invalid_dpop_proof', 'this client must send a DPoP proof')
  return useCase(context, request)
}
