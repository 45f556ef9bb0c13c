/**
 * An invitation: what clients may register by themselves. Only the administrator can say that a client counts, so
 * a client that registered itself counts by an invitation that the administrator signed beforehand (initial access
 * tokens of RFC 7591 section 3; open registration is the invitation that needs no token).
 */
import { type ClientMetadata, openGrantTypes } from './client-metadata.ts'
import type { Recorded } from './events.ts'
import { isScopeToken } from './scope.ts'

export interface InvitationTerms {
  /** The most that a client may be registered with. */
  scopes: string[]
  grantTypes: string[]
  /** How many clients may register; null for any number. */
  uses: number | null
  /** Null for ever. */
  expiresAtSeconds: number | null
}

export interface Invitation {
  terms: InvitationTerms
  uses: number
  withdrawn: boolean
  /** The client that used it last. */
  lastClientId?: string
}

/** Id of the invitation that needs no token. */
export const openInvitation = 'open'

export const isInvitationId = (value: unknown): boolean =>
  value === openInvitation || (typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value))

export function evolveInvitation(state: Invitation | undefined, { event }: Recorded): Invitation | undefined {
  switch (event.type) {
    case 'invitation.issued':
      return { terms: event.terms, uses: 0, withdrawn: false }
    case 'invitation.used':
      return state && { ...state, uses: state.uses + 1, lastClientId: event.clientId }
    case 'invitation.withdrawn':
      return state && { ...state, withdrawn: true }
    default:
      return state
  }
}

/** Why nobody may register by the invitation now. */
export function invitationFault(invitation: Invitation | undefined, nowMs: number): string | undefined {
  if (!invitation || invitation.withdrawn) return 'there is no such invitation'
  const { uses, expiresAtSeconds } = invitation.terms
  if (expiresAtSeconds !== null && nowMs >= expiresAtSeconds * 1000) return 'the invitation has expired'
  if (uses !== null && invitation.uses >= uses) return 'the invitation is used up'
  return undefined
}

/** Members that only the administrator may give. */
const administratorsOnly = [
  'authorities',
  'autoApproves',
  'resourceIds',
  'additionalInformation',
  'accessTokenValiditySeconds',
  'refreshTokenValiditySeconds',
  'accessTokenFormat',
  'redirectUriMatching',
  'description',
] as const satisfies readonly (keyof ClientMetadata)[]

export const isOpenGrant = (terms: InvitationTerms, type: unknown): boolean =>
  terms.grantTypes.includes(type as string) && openGrantTypes.includes(type as string)

/** What of the metadata goes beyond the terms. */
export function beyondTerms(metadata: ClientMetadata, terms: InvitationTerms): string | undefined {
  const given = administratorsOnly.find((name) => {
    const value = metadata[name]
    return value !== undefined && (typeof value !== 'object' || Object.keys(value).length > 0)
  })
  if (given !== undefined) return `${given} is the administrator's to give`
  const grantType = metadata.grantTypes.find((type) => !isOpenGrant(terms, type))
  if (grantType !== undefined) return `the grant type ${grantType} is not open to it`
  const scope = metadata.scopes.find((it) => !terms.scopes.includes(it))
  return scope === undefined ? undefined : `the scope ${scope} is not open to it`
}

const isListOf = (value: unknown, isItem: (item: string) => boolean): boolean =>
  Array.isArray(value) &&
  value.length <= 100 &&
  new Set(value).size === value.length &&
  value.every((item) => typeof item === 'string' && isItem(item))

const isCount = (value: unknown): boolean =>
  value === null || (Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 32)

export function isInvitationTerms(value: unknown): value is InvitationTerms {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 4) return false
  const { scopes, grantTypes, uses, expiresAtSeconds } = value as Partial<InvitationTerms>
  return (
    isListOf(scopes, isScopeToken) &&
    isListOf(grantTypes, (type) => openGrantTypes.includes(type)) &&
    isCount(uses) &&
    isCount(expiresAtSeconds)
  )
}
