/** The `claims` parameter: OpenID Connect Core section 5.5. */
import { OAuthError } from './errors.ts'
import { isText } from './text.ts'
import { claimNames, scopeOfClaim } from './user-claims.ts'

/** A wish for one claim, without the values: those may name a person, and are not stored. */
type WantedClaim = null | { essential: true }

export type WantedClaims = Partial<Record<'id_token' | 'userinfo', Record<string, WantedClaim>>>

export interface ClaimsRequest {
  claims: WantedClaims
  /** Subject that the ID token must be about (section 5.5.1, `sub` with a value). */
  subject?: string
  /** Classes of which the authentication must meet one (section 5.5.1.1, an essential `acr`). */
  essentialAcrs?: readonly string[]
}

const longest = 4000
const mostClaims = 50
const mostValues = 20
const longestName = 200

const malformed = (why: string) => new OAuthError('invalid_request', `claims: ${why}`)

/** A name comes from outside, and texts on the wire are ASCII (RFC 6749 section 4.1.2.1). */
const shown = (name: string) => (/^[\w#-]{1,40}$/.test(name) ? name : 'a claim')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('JSON is expected')
  }
}

/** The values one of which the claim is to have, where it names any. */
function valuesOf({ value, values }: Record<string, unknown>, name: string): unknown[] | undefined {
  if (values !== undefined && (!Array.isArray(values) || values.length === 0 || values.length > mostValues))
    throw malformed(`values of ${shown(name)} must be a list of 1 to ${mostValues}`)
  if (value !== undefined && values !== undefined) throw malformed(`${shown(name)} has both value and values`)
  return value === undefined ? values : [value]
}

/** A member that is neither `essential` nor a value: "Any members used that are not understood MUST be ignored". */
function wantedClaim(wish: unknown, name: string): { wanted: WantedClaim; values: unknown[] | undefined } {
  if (wish === null) return { wanted: null, values: undefined }
  if (!isObject(wish)) throw malformed(`${shown(name)} must be null or an object`)
  const { essential = false } = wish
  if (typeof essential !== 'boolean') throw malformed(`essential of ${shown(name)} must be true or false`)
  return { wanted: essential ? { essential } : null, values: valuesOf(wish, name) }
}

const isTexts = (values: unknown[]): values is string[] =>
  values.every((value) => isText(value) && value !== '' && value.length <= longestName)

/** @throws OAuthError invalid_request */
export function parseClaims(text: string): ClaimsRequest {
  if (text.length > longest) throw malformed(`at most ${longest} characters are taken`)
  const parsed = parseJson(text)
  if (!isObject(parsed)) throw malformed('a JSON object is expected')
  const request: ClaimsRequest = { claims: {} }
  for (const place of ['id_token', 'userinfo'] as const) {
    const wishes = Object.hasOwn(parsed, place) ? parsed[place] : null
    if (wishes === null) continue
    if (!isObject(wishes)) throw malformed(`${place} must be an object`)
    const entries = Object.entries(wishes)
    if (entries.length > mostClaims) throw malformed(`${place} names more than ${mostClaims} claims`)
    const wanted: Record<string, WantedClaim> = {}
    for (const [name, wish] of entries) {
      if (!isText(name) || name === '' || name.length > longestName || name === '__proto__')
        throw malformed('a name is not one of a claim')
      const claim = wantedClaim(wish, name)
      wanted[name] = claim.wanted
      if (place === 'id_token') noteDemand(request, name, claim)
    }
    request.claims[place] = wanted
  }
  return request
}

/**
 * The claims that are asked for one by one: no scope of the request opens them, but one of the client's could. What the
 * administrator opens to no request of the client is not had by naming it.
 */
export function individualClaims(
  claims: WantedClaims | undefined,
  scopes: readonly string[],
  clientScopes: readonly string[],
): string[] {
  if (!claims) return []
  const names = Object.values(claims).flatMap((wanted) => Object.keys(wanted))
  return claimNames.filter((name) => {
    const scope = scopeOfClaim(name)!
    return names.includes(name) && !scopes.includes(scope) && clientScopes.includes(scope)
  })
}

function noteDemand(
  request: ClaimsRequest,
  name: string,
  { wanted, values }: ReturnType<typeof wantedClaim>,
): void {
  if (values === undefined || (name !== 'sub' && name !== 'acr')) return
  if (!isTexts(values)) throw malformed(`values of ${shown(name)} must be texts`)
  if (name === 'acr' && wanted?.essential) request.essentialAcrs = values
  if (name !== 'sub') return
  if (values.length > 1) throw malformed('sub can have one value')
  request.subject = values[0]!
}
