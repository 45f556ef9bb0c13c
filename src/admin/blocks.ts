/** Clients, users and tokens as SignOn 1.1 printed them: names in its spelling, values as text. */
import type { FailureView } from '../authorization-server/failure-limits.ts'
import type { Client } from '../oauth/client.ts'
import type { User } from '../oauth/user.ts'
import type { CodeView, SigningKeyView, TokenView } from './operations.ts'

export type Block = Record<string, string | string[]>

const pairs = (map: Readonly<Record<string, string>>): string =>
  `{${Object.entries(map)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')}}`

export const clientBlock = ({ clientId, metadata, secretHash }: Client, failures: FailureView): Block => ({
  AccessTokenValidity: String(metadata.accessTokenValiditySeconds ?? ''),
  AdditionalInformation: pairs(metadata.additionalInformation),
  Authorities: metadata.authorities,
  AuthorizedGrantTypes: metadata.grantTypes,
  AutoApproves: metadata.autoApproves,
  ClientId: clientId,
  ClientSecret: secretHash ?? '',
  Description: metadata.description ?? '',
  ...failuresRow(failures),
  RefreshTokenValidity: String(metadata.refreshTokenValiditySeconds ?? ''),
  RegisteredRedirectUris: metadata.redirectUris,
  ResourceIds: metadata.resourceIds,
  Scopes: metadata.scopes,
})

/** Of a pause after failed attempts, where there is one. */
function failuresRow({ pausedUntilMs, pausedAddresses }: FailureView): Block {
  const from = pausedAddresses > 0 ? [`from ${pausedAddresses} address(es)`] : []
  const until = pausedUntilMs === null ? [] : [`until ${new Date(pausedUntilMs).toISOString()}`]
  return from.length + until.length > 0 ? { FailedLogins: ['paused', ...until, ...from].join(' ') } : {}
}

export const userBlock = (
  { username, passwordHash, authorities, claims }: User,
  failures: FailureView,
): Block => ({
  Authorities: authorities,
  ...(claims && {
    Claims: Object.entries(claims).map(
      ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ),
  }),
  ...failuresRow(failures),
  Password: passwordHash ?? '',
  Username: username ?? '',
})

/** Only hashes of tokens are stored: the refresh token is shown by its hash. */
export function tokenBlock(token: string, { grant, kind, active }: TokenView): Block {
  const expiresAtSeconds = (kind === 'access' ? grant.access : grant.refresh)?.expiresAtSeconds
  const ended =
    grant.ended && `revoked ${new Date(grant.ended.atSeconds * 1000).toISOString()} (${grant.ended.reason})`
  return {
    AdditionalInformation: pairs({
      active: String(active),
      client: grant.clientId,
      ...(grant.subject !== null && { subject: grant.subject }),
      ...(ended && { ended }),
    }),
    Expiration: expiresAtSeconds === undefined ? '' : new Date(expiresAtSeconds * 1000).toISOString(),
    RefreshToken: grant.refresh ? `SHA-256 ${grant.refresh.hash}` : '',
    Scope: grant.access?.scopes ?? grant.scopes,
    TokenType: 'bearer',
    Value: token,
  }
}

export interface KeyLine {
  kid: string
  algorithm: string
  status: string
  /** ISO 8601: when it came to this status. */
  since: string
  /** Of a retiring one: when it goes. */
  until?: string
}

export function keyLine({ key, status }: SigningKeyView): KeyLine {
  const { kid, algorithm, publishedAtSeconds, activatedAtSeconds, replaced, retiredAtSeconds } = key
  const since = retiredAtSeconds ?? replaced?.atSeconds ?? activatedAtSeconds ?? publishedAtSeconds
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
  const until = status === 'retiring' && replaced ? iso(replaced.lastExpiresAtSeconds) : undefined
  return { kid, algorithm, status, since: iso(since), ...(until !== undefined && { until }) }
}

/** One line a key: thumbprint, algorithm, status, since when. */
export const keyText = ({ kid, algorithm, status, since, until }: KeyLine): string =>
  `${kid}  ${algorithm.padEnd(5)}  ${status.padEnd(8)}  since ${since}${until === undefined ? '' : ` until ${until}`}`

/** What stands behind a code. A token is known by its hash alone. */
export function codeBlock({ grant, client, user }: CodeView): Block {
  const { code, access, scopes, clientId, issuedAtSeconds, ended } = grant
  const at = (seconds: number) => new Date(seconds * 1000).toISOString()
  const resources = code?.resources ?? client?.metadata.resourceIds ?? []
  return {
    AccessTokenValue: access ? `SHA-256 ${access.hash}` : '',
    Authorities: user?.authorities ?? [],
    ClientId: clientId,
    Details: pairs({
      issued: at(issuedAtSeconds),
      ...(code && { expires: at(code.expiresAtSeconds), redeemed: String(code.redeemed) }),
      ...(ended && { ended: `${at(ended.atSeconds)} (${ended.reason})` }),
    }),
    RedirectUri: code?.redirectUri ?? '',
    RequestParameters: pairs({
      response_type: 'code',
      client_id: clientId,
      ...(code?.redirectUriSent && { redirect_uri: code.redirectUri }),
      scope: scopes.join(' '),
      ...(code?.challenge != null && { code_challenge: code.challenge, code_challenge_method: 'S256' }),
      ...(code?.nonce !== undefined && { nonce: code.nonce }),
      ...(code?.resources && { resource: code.resources.join(' ') }),
    }),
    ResourceIds: resources,
    RolesOfAuthorities: user?.authorities ?? [],
    Scope: scopes,
    UserPrinciple: user?.username ?? grant.subject ?? '',
  }
}
