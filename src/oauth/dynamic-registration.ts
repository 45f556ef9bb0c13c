/**
 * Client metadata as a client itself sends it (RFC 7591 section 2) and gets it back (section 3.2.1). Members that
 * nobody here knows are ignored, those that only the administrator may give too. Of scopes, grant types and response
 * types a client gets those that are open to it: "the authorization server MAY reject or replace any of the client's
 * requested metadata values" (section 3.2.1), and the answer says which.
 */
import { type Client, usesSecret } from './client.ts'
import {
  type ClientMetadata,
  ClientMetadataError,
  parseClientRegistration,
  selfRegistrationMembers,
} from './client-metadata.ts'
import { OAuthError } from './errors.ts'
import { beyondTerms, type InvitationTerms, isOpenGrant } from './invitation.ts'

type Input = Readonly<Record<string, unknown>>

/** Deeper than any metadata; a JWK set is three deep. */
const deepest = 6

/**
 * @param clientId the metadata is for
 * @param objection why the server will not call a URL that the client names
 * @throws OAuthError invalid_redirect_uri or invalid_client_metadata
 */
export function parseSelfRegistration(
  input: unknown,
  clientId: string,
  terms: InvitationTerms,
  objection: (url: string) => string | undefined,
): ClientMetadata {
  if (!isObject(input) || isDeeperThan(input, deepest))
    throw refused('a JSON object of client metadata is expected')
  const { metadata: read } = parsed({
    ...knownMembers(input),
    grant_types: grantTypesWithinTerms(input.grant_types, terms),
    response_types: undefined,
    client_id: clientId,
  })
  const metadata = withApplicationType(read)
  checkResponseTypes(input, metadata)
  checkRedirectUris(metadata)
  checkPages(metadata)
  for (const [name, url] of [
    ['jwks_uri', metadata.jwksUri],
    ['backchannel_logout_uri', metadata.backchannelLogoutUri],
  ]) {
    const reason = url === undefined ? undefined : objection(url)
    if (reason !== undefined) throw refused(`${name} ${reason}`)
  }
  const narrowed = { ...metadata, scopes: scopesWithinTerms(input.scope, metadata.scopes, terms) }
  const beyond = beyondTerms(narrowed, terms)
  if (beyond !== undefined) throw refused(beyond)
  return narrowed
}

const isObject = (value: unknown): value is Input =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((item) => isDeeperThan(item, depth - 1))
}

/** Section 2: "The authorization server MUST ignore any client metadata sent by the client that it does not understand". */
const knownMembers = (input: Input): Input =>
  Object.fromEntries(Object.entries(input).filter(([name]) => selfRegistrationMembers.has(name)))

function parsed(input: Input): ReturnType<typeof parseClientRegistration> {
  try {
    return parseClientRegistration(input)
  } catch (error) {
    if (!(error instanceof ClientMetadataError)) throw error
    throw error.message.startsWith('redirect_uris:')
      ? new OAuthError('invalid_redirect_uri', printable(error.message))
      : refused(error.message)
  }
}

/** Those that are open to the client; as they were sent where none is, for the fault to be named. */
function grantTypesWithinTerms(named: unknown, terms: InvitationTerms): unknown {
  if (!Array.isArray(named)) return named
  const open = named.filter((type) => isOpenGrant(terms, type))
  return open.some((type) => type !== 'refresh_token') ? open : named
}

/** Section 2.1: response types and grant types go together; what is left out follows from the grant types. */
function checkResponseTypes({ response_types: given }: Input, { grantTypes }: ClientMetadata): void {
  if (given === undefined || given === null) return
  if ([given].flat().includes('code') !== grantTypes.includes('authorization_code'))
    throw refused('the response type code goes with the grant type authorization_code')
}

const loopbackHosts = ['127.0.0.1', '[::1]', 'localhost']

/** RFC 8252 sections 7.1 and 7.3: a private-use scheme, or http on the loopback interface. */
function isNativeUri(uri: string): boolean {
  const { protocol, hostname } = new URL(uri)
  return protocol === 'http:' ? loopbackHosts.includes(hostname) : protocol !== 'https:'
}

/** A client that only a program on the user's device can answer for is native, whatever it calls itself. */
const withApplicationType = (metadata: ClientMetadata): ClientMetadata =>
  metadata.redirectUris.length > 0 && metadata.redirectUris.every(isNativeUri)
    ? { ...metadata, applicationType: 'native' }
    : metadata

/** RFC 8252 section 7 for native applications, RFC 9700 section 4.1 and OpenID Connect Registration section 2. */
function checkRedirectUris({ redirectUris, postLogoutRedirectUris = [], ...metadata }: ClientMetadata): void {
  const isNative = metadata.applicationType === 'native'
  for (const uri of [...redirectUris, ...postLogoutRedirectUris]) {
    const { protocol, hostname } = new URL(uri)
    if (protocol === 'https:' && !loopbackHosts.includes(hostname)) continue
    if (isNative && isNativeUri(uri)) continue
    throw new OAuthError(
      'invalid_redirect_uri',
      isNative
        ? `${uri} must be https, http on the loopback interface, or of a private-use scheme`
        : `${uri} must be https; loopback and private-use schemes are for application_type native`,
    )
  }
}

/** Section 5: who shows itself under a name and a logo must be the one that the redirects go to. */
function checkPages({ redirectUris, clientUri, logoUri, policyUri, tosUri }: ClientMetadata): void {
  const hosts = redirectUris.map((uri) => new URL(uri)).filter(({ protocol }) => protocol === 'https:')
  const pages = { client_uri: clientUri, logo_uri: logoUri, policy_uri: policyUri, tos_uri: tosUri }
  for (const [name, page] of Object.entries(pages))
    if (page !== undefined && hosts.length > 0 && !hosts.some(({ host }) => host === new URL(page).host))
      throw refused(`${name} must be at the host of a redirect URI`)
}

/** All that the invitation gives where none are named; else those of them that it gives. */
function scopesWithinTerms(named: unknown, scopes: readonly string[], terms: InvitationTerms): string[] {
  if (named === undefined || named === null || scopes.length === 0) return [...terms.scopes]
  const within = scopes.filter((scope) => terms.scopes.includes(scope))
  if (within.length === 0) throw refused('none of the scopes is open to this client')
  return within
}

const refused = (message: string) => new OAuthError('invalid_client_metadata', printable(message))

/** RFC 6749 section 5.2: what an error description may hold. */
const printable = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

export interface RegistrationAnswer {
  client_id: string
  client_id_issued_at: number
  client_secret?: string
  client_secret_expires_at?: number
  registration_access_token: string
  registration_client_uri: string
  [member: string]: unknown
}

/** Section 3.2.1: "the authorization server MUST return all registered metadata about this client". */
export function registrationAnswer(
  { clientId, metadata, enrolment }: Client,
  registrationUri: string,
  token: string,
  secret: string | undefined,
): RegistrationAnswer {
  const answer: RegistrationAnswer = {
    client_id: clientId,
    client_id_issued_at: enrolment?.atSeconds ?? 0,
    ...(secret !== undefined && { client_secret: secret }),
    ...(usesSecret(metadata) && { client_secret_expires_at: 0 }),
    registration_access_token: token,
    registration_client_uri: registrationUri,
    response_types: metadata.grantTypes.includes('authorization_code') ? ['code'] : [],
  }
  for (const [name, member] of selfRegistrationMembers) {
    const value = member && metadata[member]
    if (value !== undefined) answer[name] = member === 'scopes' ? metadata.scopes.join(' ') : value
  }
  return answer
}
