/** The members of SignOn 1.1's form and of RFC 7591 client metadata, how each is read, and where it is kept. */
import type { ClientMetadata } from '../client-metadata.ts'
import {
  fail,
  grantTypeList,
  isClientId,
  keySet,
  list,
  longestClientId,
  method,
  oneOf,
  type Reader,
  redirectList,
  responseTypes,
  scopeList,
  seconds,
  secondsFrom,
  signingAlgorithm,
  text,
  textMap,
  truth,
  webAddress,
} from './readers.ts'

interface Member {
  /** Member of the result; left out: checked, then dropped. */
  to?: keyof ClientMetadata | 'clientId' | 'clientSecret'
  read: Reader<unknown>
}

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

export const ownMembers: Readonly<Record<string, Member>> = {
  clientId: clientId(20),
  clientSecret: { to: 'clientSecret', read: text },
  authorizedGrantTypes: { to: 'grantTypes', read: grantTypeList },
  scopes: { to: 'scopes', read: scopeList },
  registeredRedirectUris: { to: 'redirectUris', read: redirectList },
  ...furtherMembers,
}

/** Accepted and not kept: nothing here depends on it. */
const unused: Member = { read: (value) => value }

export const registrationMembers: Readonly<Record<string, Member>> = {
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

/** How each member of the result is read, whatever form it came in. */
export const readers: ReadonlyMap<string, Reader<unknown>> = new Map(
  Object.values({ ...ownMembers, ...registrationMembers }).flatMap(({ to, read }) =>
    to === undefined || to === 'clientId' || to === 'clientSecret' ? [] : [[to, read]],
  ),
)
