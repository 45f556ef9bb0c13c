/**
 * What an administrator writes about a client: SignOn 1.1's form (`clientId`) or RFC 7591 client metadata
 * (`client_id`), brought into one shape. Unknown members are refused, so that a misspelt one loses nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { isRegistrableRedirectUri } from './redirect-uri.ts'
import { isScopeToken } from './scope.ts'
import { isText } from './text.ts'

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

/** One line that says which member is wrong and what is expected. */
export class ClientMetadataError extends Error {
  override name = 'ClientMetadataError'
  readonly code = 'client_metadata'
}

/** SignOn 1.1 had them; RFC 9700 section 2 advises against them, so they are served to whom they were registered for. */
const discouragedGrantTypes = ['implicit', 'password']
/** Those that a client may be invited to register itself for. */
export const openGrantTypes: readonly string[] = [
  'authorization_code',
  'client_credentials',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]
const grantTypes = [...openGrantTypes, ...discouragedGrantTypes]
const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
const clientIdText = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const longestClientId = 64
const longestValiditySeconds = 10 * 365 * 86_400

type Input = Record<string, unknown>
/** Reads one member of the input; `where` names it in errors. */
type Reader<T> = (value: unknown, where: string) => T

const fail = (where: string, expected: string): never => {
  throw new ClientMetadataError(`${where}: ${expected}`)
}

const text: Reader<string> = (value, where) =>
  isText(value) && value.length > 0 && value.length <= 2000
    ? value
    : fail(where, 'text of 1 to 2000 characters is expected')

const list: Reader<string[]> = (value, where) => {
  const items = typeof value === 'string' ? [value] : value
  if (!Array.isArray(items) || items.length > 100 || !items.every((item) => isText(item) && item !== ''))
    return fail(where, 'a list of at most 100 texts is expected')
  return [...new Set(items)]
}

const scopeList: Reader<string[]> = (value, where) => {
  const scopes = list(typeof value === 'string' ? value.split(' ').filter(Boolean) : value, where)
  const wrong = scopes.find((scope) => !isScopeToken(scope))
  return wrong === undefined ? scopes : fail(where, `"${wrong}" is not a scope (RFC 6749 section 3.3)`)
}

const redirectList: Reader<string[]> = (value, where) => {
  const uris = list(value, where)
  const wrong = uris.find((uri) => !isRegistrableRedirectUri(uri))
  return wrong === undefined
    ? uris
    : fail(
        where,
        `"${wrong}" must be an absolute URI without fragment and user, https or http or a private-use scheme`,
      )
}

const grantTypeList: Reader<string[]> = (value, where) => {
  const types = list(value, where)
  const wrong = types.find((type) => !grantTypes.includes(type))
  return wrong === undefined ? types : fail(where, `"${wrong}" is not one of ${grantTypes.join(', ')}`)
}

const secondsFrom =
  (least: number): Reader<number> =>
  (value, where) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    return Number.isInteger(number) &&
      (number as number) >= least &&
      (number as number) <= longestValiditySeconds
      ? (number as number)
      : fail(where, `whole seconds from ${least} to ${longestValiditySeconds} are expected`)
  }
const seconds = secondsFrom(1)

const textMap: Reader<Record<string, string>> = (value, where) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(where, 'an object of texts is expected')
  const entries = Object.entries(value)
  if (entries.length > 50 || !entries.every(([name, item]) => isText(name) && isText(item)))
    return fail(where, 'an object of at most 50 texts is expected')
  // The record's codec could not give it back as it was signed.
  if (Object.hasOwn(value, '__proto__')) return fail(where, '__proto__ cannot be a name')
  return Object.fromEntries(entries) as Record<string, string>
}

const method: Reader<ClientAuthenticationMethod> = (value, where) =>
  methods.includes(value as string)
    ? (value as ClientAuthenticationMethod)
    : fail(where, `one of ${methods.join(', ')} is expected`)

const oneOf =
  <T>(...values: T[]): Reader<T> =>
  (value, where) =>
    values.includes(value as T) ? (value as T) : fail(where, `one of ${values.join(', ')} is expected`)

const truth = oneOf(true, false)
const signingAlgorithm = oneOf<SigningAlgorithm>('ES256', 'RS256', 'EdDSA')

/** An address that this server or a browser will open: https, or http on this machine while developing. */
const webAddress: Reader<string> = (value, where) => {
  const isAddress =
    typeof value === 'string' &&
    isRegistrableRedirectUri(value) &&
    /^(https:|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(value)
  return isAddress ? value : fail(where, 'an https address without fragment and user is expected')
}

/** RFC 7517 section 5, public keys only: a private member would be published with the ledger. */
export function areJwks(value: unknown): value is NonNullable<ClientMetadata['jwks']> {
  const keys = typeof value === 'object' && value !== null ? (value as { keys?: unknown }).keys : undefined
  const isPublicKey = (key: unknown) =>
    typeof key === 'object' &&
    key !== null &&
    'kty' in key &&
    key.kty !== 'oct' &&
    !('d' in key) &&
    !('k' in key)
  return Array.isArray(keys) && keys.length > 0 && keys.length <= 20 && keys.every(isPublicKey)
}

const publicMembers = ['kty', 'use', 'key_ops', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e']

/** The members that a signature is checked with; certificates and whatever else stands there are left out. */
const keySet: Reader<ClientMetadata['jwks']> = (value, where) => {
  if (!areJwks(value)) return fail(where, 'a JWK set of 1 to 20 public keys is expected (RFC 7517 section 5)')
  const keys = value.keys.map((key) =>
    Object.fromEntries(
      publicMembers.flatMap((name) =>
        Object.hasOwn(key, name)
          ? [[name, name === 'key_ops' ? list(key[name], where) : text(key[name], where)]]
          : [],
      ),
    ),
  )
  return { keys }
}

const responseTypes: Reader<string[]> = (value, where) => {
  const types = list(value, where)
  return types.every((type) => type === 'code' || type === 'token')
    ? types
    : fail(where, '"code" and "token" are expected')
}

interface Member {
  /** Member of the result; left out: checked, then dropped. */
  to?: keyof ClientMetadata | 'clientId' | 'clientSecret'
  read: Reader<unknown>
}

export const isClientId = (value: unknown, longest = longestClientId): value is string =>
  typeof value === 'string' && value.length <= longest && clientIdText.test(value)

const clientId = (longest: number): Member => ({
  to: 'clientId',
  read: (value, where) =>
    isClientId(value, longest)
      ? value
      : fail(
          where,
          `1 to ${longest} printable ASCII characters without space, quote and backslash are expected`,
        ),
})

/** What RFC 7591 has no name for: the same in both forms. */
const furtherMembers: Readonly<Record<string, Member>> = {
  authorities: { to: 'authorities', read: list },
  autoApproves: { to: 'autoApproves', read: scopeList },
  resourceIds: { to: 'resourceIds', read: list },
  accessTokenValidity: { to: 'accessTokenValiditySeconds', read: seconds },
  refreshTokenValidity: { to: 'refreshTokenValiditySeconds', read: seconds },
  description: { to: 'description', read: text },
  additionalInformation: { to: 'additionalInformation', read: textMap },
  accessTokenFormat: { to: 'accessTokenFormat', read: oneOf('opaque', 'jwt') },
  redirectUriMatching: { to: 'redirectUriMatching', read: oneOf('exact', 'prefix') },
  claimsInIdToken: { to: 'claimsInIdToken', read: truth },
}

const ownMembers: Readonly<Record<string, Member>> = {
  clientId: clientId(20),
  clientSecret: { to: 'clientSecret', read: text },
  authorizedGrantTypes: { to: 'grantTypes', read: grantTypeList },
  scopes: { to: 'scopes', read: scopeList },
  registeredRedirectUris: { to: 'redirectUris', read: redirectList },
  ...furtherMembers,
}

/** Accepted and not kept: nothing here depends on it. */
const unused: Member = { read: (value) => value }

const registrationMembers: Readonly<Record<string, Member>> = {
  client_id: clientId(longestClientId),
  client_secret: { to: 'clientSecret', read: text },
  client_name: { to: 'name', read: text },
  token_endpoint_auth_method: { to: 'authenticationMethod', read: method },
  grant_types: { to: 'grantTypes', read: grantTypeList },
  response_types: { read: responseTypes },
  redirect_uris: { to: 'redirectUris', read: redirectList },
  scope: { to: 'scopes', read: scopeList },
  jwks: { to: 'jwks', read: keySet },
  jwks_uri: { to: 'jwksUri', read: webAddress },
  dpop_bound_access_tokens: { to: 'dpopBound', read: truth },
  require_pushed_authorization_requests: { to: 'pushedRequestsOnly', read: truth },
  id_token_signed_response_alg: { to: 'idTokenAlgorithm', read: signingAlgorithm },
  userinfo_signed_response_alg: { to: 'userinfoAlgorithm', read: signingAlgorithm },
  default_max_age: { to: 'defaultMaxAgeSeconds', read: secondsFrom(0) },
  require_auth_time: { to: 'requireAuthTime', read: truth },
  post_logout_redirect_uris: { to: 'postLogoutRedirectUris', read: redirectList },
  backchannel_logout_uri: { to: 'backchannelLogoutUri', read: webAddress },
  backchannel_logout_session_required: { to: 'backchannelLogoutSessionRequired', read: truth },
  client_uri: { to: 'clientUri', read: webAddress },
  logo_uri: { to: 'logoUri', read: webAddress },
  contacts: { to: 'contacts', read: list },
  tos_uri: { to: 'tosUri', read: webAddress },
  policy_uri: { to: 'policyUri', read: webAddress },
  software_id: unused,
  software_version: unused,
  application_type: { to: 'applicationType', read: oneOf('web', 'native') },
  ...furtherMembers,
}

/** RFC 7591 names of the members that anybody may give for a client of their own, and where they are kept. */
export const selfRegistrationMembers: ReadonlyMap<string, keyof ClientMetadata | undefined> = new Map(
  Object.entries(registrationMembers).flatMap(([name, { to }]) =>
    to === 'clientId' || to === 'clientSecret' || Object.hasOwn(furtherMembers, name) ? [] : [[name, to]],
  ),
)

/** Grant types of a client that whoever registers it should be warned of. */
export const discouragedGrants = ({ grantTypes }: ClientMetadata): string[] =>
  grantTypes.filter((type) => discouragedGrantTypes.includes(type))

/** How each member of the result is read, whatever form it came in. */
const readers: ReadonlyMap<string, Reader<unknown>> = new Map(
  Object.values({ ...ownMembers, ...registrationMembers }).flatMap(({ to, read }) =>
    to === undefined || to === 'clientId' || to === 'clientSecret' ? [] : [[to, read]],
  ),
)
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
  const read: Input = {}
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
