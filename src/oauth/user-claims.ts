/** Claims about a user: OpenID Connect Core section 5.1, and which scope opens which (section 5.4). */
import { isDeepStrictEqual } from 'node:util'
import { isText } from './text.ts'

/** A user's claims as a user repository supplies them; `sub` and `preferred_username` come from the user itself. */
export interface UserClaims {
  name?: string
  given_name?: string
  family_name?: string
  middle_name?: string
  nickname?: string
  preferred_username?: string
  profile?: string
  picture?: string
  website?: string
  gender?: string
  birthdate?: string
  zoneinfo?: string
  locale?: string
  /** Seconds since 1970. */
  updated_at?: number
  email?: string
  email_verified?: boolean
  address?: AddressClaim
  phone_number?: string
  phone_number_verified?: boolean
}

/** Section 5.1.1. */
export interface AddressClaim {
  formatted?: string
  street_address?: string
  locality?: string
  region?: string
  postal_code?: string
  country?: string
}

/** Why claims are refused: which one, and what is expected. */
export class UserClaimsError extends Error {
  override name = 'UserClaimsError'
  readonly code = 'user_claims'
}

/** Reads one claim; undefined where it is malformed. */
interface ClaimType {
  expected: string
  read(value: unknown): unknown
}

const longestText = 1000
const mostBytes = 8192

const matching = (expected: string, isOne: (value: string) => boolean): ClaimType => ({
  expected,
  read: (value) =>
    isText(value) && value !== '' && value.length <= longestText && isOne(value) ? value : undefined,
})
const text = matching(`text of 1 to ${longestText} characters`, () => true)
const webAddress = matching(
  'an http or https URL',
  (value) => /^https?:\/\//.test(value) && URL.canParse(value),
)
const truth: ClaimType = {
  expected: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined),
}

const addressMembers = [
  'formatted',
  'street_address',
  'locality',
  'region',
  'postal_code',
  'country',
] as const
const address: ClaimType = {
  expected: `an object of texts (${addressMembers.join(', ')})`,
  read(value) {
    if (!isObject(value) || Object.keys(value).length === 0) return undefined
    if (Object.keys(value).some((name) => !addressMembers.some((member) => member === name))) return undefined
    const members = addressMembers.filter((name) => Object.hasOwn(value, name))
    if (members.some((name) => text.read(value[name]) === undefined)) return undefined
    return Object.fromEntries(members.map((name) => [name, value[name]]))
  },
}

interface ClaimRow {
  /** The scope that asks for it (section 5.4). */
  scope: 'profile' | 'email' | 'address' | 'phone'
  type: ClaimType
}

const profile = (type: ClaimType): ClaimRow => ({ scope: 'profile', type })

const claimTable: Readonly<Record<keyof UserClaims, ClaimRow>> = {
  name: profile(text),
  given_name: profile(text),
  family_name: profile(text),
  middle_name: profile(text),
  nickname: profile(text),
  preferred_username: profile(text),
  profile: profile(webAddress),
  picture: profile(webAddress),
  website: profile(webAddress),
  gender: profile(text),
  birthdate: profile(
    matching('YYYY-MM-DD, 0000-MM-DD or YYYY', (value) => /^\d{4}(-\d{2}-\d{2})?$/.test(value)),
  ),
  zoneinfo: profile(
    matching('a time zone such as Asia/Seoul', (value) => /^[\w+-]+(\/[\w+-]+)*$/.test(value)),
  ),
  locale: profile(
    matching('a language tag such as ko-KR', (value) => /^[A-Za-z]{2,8}([-_]\w{1,8})*$/.test(value)),
  ),
  updated_at: profile({
    expected: 'seconds since 1970',
    read: (value) =>
      Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 ? value : undefined,
  }),
  email: {
    scope: 'email',
    type: matching('an email address', (value) => /^[^\s@]+@[^\s@]+$/.test(value) && value.length <= 320),
  },
  email_verified: { scope: 'email', type: truth },
  address: { scope: 'address', type: address },
  phone_number: {
    scope: 'phone',
    type: matching('a telephone number such as +82 2 1234 5678', (value) =>
      /^\+?[\d ()./-]{3,30}(;ext=\d{1,10})?$/.test(value),
    ),
  },
  phone_number_verified: { scope: 'phone', type: truth },
}

/** Names of all claims that a user can have here. */
export const claimNames = Object.keys(claimTable) as readonly (keyof UserClaims)[]

/** Scopes that ask for claims, besides `openid`. */
export const claimScopes: readonly string[] = [
  ...new Set(Object.values(claimTable).map(({ scope }) => scope)),
]

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Checks claims that come from outside; the result has them in the order of the table.
 *
 * @throws UserClaimsError naming the claim
 */
export function parseUserClaims(input: unknown): UserClaims {
  if (!isObject(input)) throw new UserClaimsError('an object of claims is expected')
  const unknown = Object.keys(input).find((name) => !Object.hasOwn(claimTable, name))
  if (unknown !== undefined)
    throw new UserClaimsError(`${unknown.slice(0, 40)} is none of ${claimNames.join(', ')}`)
  const claims: Record<string, unknown> = {}
  for (const name of claimNames) {
    if (!Object.hasOwn(input, name)) continue
    const { expected, read } = claimTable[name].type
    claims[name] = read(input[name])
    if (claims[name] === undefined) throw new UserClaimsError(`${name}: ${expected} is expected`)
  }
  if (Buffer.byteLength(JSON.stringify(claims)) > mostBytes)
    throw new UserClaimsError(`claims of at most ${mostBytes} bytes are expected`)
  return claims
}

/** Whether these are claims as `parseUserClaims` gives them. */
export function areUserClaims(value: unknown): value is UserClaims {
  try {
    return isDeepStrictEqual(parseUserClaims(value), value)
  } catch {
    return false
  }
}

/** The scope that opens a claim; undefined for a name that is none of a claim here. */
export const scopeOfClaim = (name: string): string | undefined =>
  Object.hasOwn(claimTable, name) ? claimTable[name as keyof UserClaims].scope : undefined

/** Those of the claims that the scopes open, and those that the user approved one by one. */
export function openClaims(
  claims: UserClaims,
  scopes: readonly string[],
  approved: readonly string[] = [],
): UserClaims {
  const entries = Object.entries(claims) as [keyof UserClaims, unknown][]
  return Object.fromEntries(
    entries.filter(([name]) => scopes.includes(claimTable[name]?.scope) || approved.includes(name)),
  )
}
