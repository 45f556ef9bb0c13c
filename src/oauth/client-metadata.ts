/**
 * What an administrator writes about a client: SignOn 1.1's form (`clientId`) or RFC 7591 client metadata
 * (`client_id`), brought into one shape. Unknown members are refused, so that a misspelt one loses nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { ownMembers, readers, registrationMembers } from './client-metadata/members.ts'
import { ClientMetadataError, discouragedGrantTypes, fail } from './client-metadata/readers.ts'

export { selfRegistrationMembers } from './client-metadata/members.ts'
export { areJwks, ClientMetadataError, isClientId, openGrantTypes } from './client-metadata/readers.ts'

export type ClientAuthenticationMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'none'

/** Algorithms of ID tokens and JWT access tokens (RFC 7518, RFC 8037). */
export type SigningAlgorithm = 'ES256' | 'RS256' | 'EdDSA'

export interface ClientMetadata {
  name?: string
  description?: string
  /** RFC 7591 `token_endpoint_auth_method`; basic and post are both accepted from a client with a secret. */
  authenticationMethod: ClientAuthenticationMethod
  grantTypes: string[]
  redirectUris: string[]
  scopes: string[]
  /** Authorities of tokens that no user stands behind. */
  authorities: string[]
  /** Scopes that need no consent page. */
  autoApproves: string[]
  /** Names of resource servers, the `aud` of check_token. */
  resourceIds: string[]
  accessTokenValiditySeconds?: number
  refreshTokenValiditySeconds?: number
  additionalInformation: Record<string, string>
  /** Form of its access tokens: a JWT (RFC 9068), else opaque. */
  accessTokenFormat?: 'jwt' | 'opaque'
  /** RFC 9449 section 5.2 `dpop_bound_access_tokens`: only bound tokens are issued. */
  dpopBound?: boolean
  /** RFC 9126 section 6 `require_pushed_authorization_requests`. */
  pushedRequestsOnly?: boolean
  /** How redirect URIs are compared: `prefix` is SignOn 1.1's way, for clients that need it. */
  redirectUriMatching?: 'exact' | 'prefix'
  /** Public keys of private_key_jwt, by value or by address (RFC 7591 section 2). */
  jwks?: { keys: Record<string, unknown>[] }
  jwksUri?: string
  /** OpenID Connect Registration section 2: decides which redirect URIs a client that registers itself may have. */
  applicationType?: 'web' | 'native'
  /** OpenID Connect Registration section 2. */
  idTokenAlgorithm?: SigningAlgorithm
  /** The UserInfo answer is a JWT of this algorithm; left out, it is JSON. */
  userinfoAlgorithm?: SigningAlgorithm
  /** Whether what scopes open stands in ID tokens too, for clients that look nowhere else (Core section 5.4). */
  claimsInIdToken?: boolean
  defaultMaxAgeSeconds?: number
  requireAuthTime?: boolean
  /** OpenID Connect RP-Initiated Logout section 3.1, Back-Channel Logout section 2.2. */
  postLogoutRedirectUris?: string[]
  backchannelLogoutUri?: string
  backchannelLogoutSessionRequired?: boolean
  /** What is shown to people (RFC 7591 section 2). */
  clientUri?: string
  logoUri?: string
  policyUri?: string
  tosUri?: string
  contacts?: string[]
}

export interface ClientRegistration {
  clientId: string
  /** Given in the clear, to be hashed by who registers; never stored. */
  clientSecret?: string
  metadata: ClientMetadata
}

/** Grant types of a client that whoever registers it should be warned of. */
export const discouragedGrants = ({ grantTypes }: ClientMetadata): string[] =>
  grantTypes.filter((type) => discouragedGrantTypes.includes(type))

const requiredMembers = [
  'authenticationMethod',
  'grantTypes',
  'redirectUris',
  'scopes',
  'authorities',
  'autoApproves',
  'resourceIds',
  'additionalInformation',
]

/** Whether this is metadata as `parseClientRegistration` gives it: each member is its own reading. */
export function isClientMetadata(value: unknown): value is ClientMetadata {
  if (typeof value !== 'object' || value === null) return false
  try {
    return (
      requiredMembers.every((name) => Object.hasOwn(value, name)) &&
      Object.entries(value).every(([name, member]) => {
        const read = readers.get(name)
        return read !== undefined && isDeepStrictEqual(read(member, name), member)
      })
    )
  } catch (error) {
    if (error instanceof ClientMetadataError) return false
    throw error
  }
}

/**
 * Reads one client.
 *
 * RFC 7591 section 2 gives the defaults of the second form: `client_secret_basic`, `authorization_code`.
 * A client of the first form without a secret is a public one, as it was in 1.1.
 *
 * @throws ClientMetadataError naming the member
 */
export function parseClientRegistration(input: unknown): ClientRegistration {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return fail('client', 'an object is expected')
  const isRfc7591 = Object.hasOwn(input, 'client_id')
  const members = isRfc7591 ? registrationMembers : ownMembers
  const read: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input)) {
    const member = Object.hasOwn(members, name) ? members[name] : undefined
    if (!member) return fail(name, `is not a member of a client (${Object.keys(members).join(', ')})`)
    if (value === null || value === undefined) continue
    const parsed = member.read(value, name)
    if (member.to) read[member.to] = parsed
  }
  if (read.clientId === undefined) return fail(isRfc7591 ? 'client_id' : 'clientId', 'is required')
  const clientId = read.clientId as string
  const clientSecret = read.clientSecret as string | undefined
  delete read.clientId
  delete read.clientSecret

  const metadata: ClientMetadata = {
    authenticationMethod: isRfc7591 || clientSecret !== undefined ? 'client_secret_basic' : 'none',
    grantTypes: isRfc7591 ? ['authorization_code'] : [],
    redirectUris: [],
    scopes: [],
    authorities: [],
    autoApproves: [],
    resourceIds: [],
    additionalInformation: {},
    ...(read as Partial<ClientMetadata>),
  }
  if (metadata.grantTypes.includes('authorization_code') && metadata.redirectUris.length === 0)
    fail(
      isRfc7591 ? 'redirect_uris' : 'registeredRedirectUris',
      'the authorization_code grant needs at least one',
    )
  if (metadata.grantTypes.includes('client_credentials') && metadata.authenticationMethod === 'none')
    fail(
      isRfc7591 ? 'grant_types' : 'authorizedGrantTypes',
      'only a client with a secret may use client_credentials (RFC 6749 section 4.4)',
    )
  if (metadata.authenticationMethod === 'none' && clientSecret !== undefined)
    fail('client_secret', 'a client with token_endpoint_auth_method none has no secret')
  checkKeys(metadata, clientSecret)
  return { clientId, metadata, ...(clientSecret !== undefined && { clientSecret }) }
}

/** A client signs or knows a secret, never both; its keys come by value or by address (RFC 7591 section 2). */
function checkKeys({ authenticationMethod, jwks, jwksUri }: ClientMetadata, clientSecret?: string): void {
  if (jwks !== undefined && jwksUri !== undefined) fail('jwks', 'cannot stand beside jwks_uri')
  if (authenticationMethod !== 'private_key_jwt') return
  if (jwks === undefined && jwksUri === undefined)
    fail('jwks', 'or jwks_uri is needed for token_endpoint_auth_method private_key_jwt')
  if (clientSecret !== undefined)
    fail('client_secret', 'a client with token_endpoint_auth_method private_key_jwt has no secret')
}
