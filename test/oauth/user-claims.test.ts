import { describe, expect, test } from 'vitest'
import { claimsOfUser } from '../../src/oauth/user.ts'
import {
  areUserClaims,
  claimNames,
  openClaims,
  parseUserClaims,
  type UserClaims,
} from '../../src/oauth/user-claims.ts'

/** One of each. */
const jane: Required<UserClaims> = {
  name: 'Jane Doe',
  given_name: 'Jane',
  family_name: 'Doe',
  middle_name: 'M.',
  nickname: 'jd',
  preferred_username: 'j.doe',
  profile: 'https://example.com/jane',
  picture: 'https://example.com/jane.jpg',
  website: 'https://jane.example.com',
  gender: 'female',
  birthdate: '0000-10-31',
  zoneinfo: 'Europe/Paris',
  locale: 'en-US',
  updated_at: 1_311_280_970,
  email: 'janedoe@example.com',
  email_verified: true,
  address: { street_address: '1234 Hollywood Blvd.', locality: 'Los Angeles', country: 'US' },
  phone_number: '+1 (604) 555-1234;ext=5678',
  phone_number_verified: false,
}

describe('OpenID Connect Core section 5.1: standard claims', () => {
  test('all of them are taken, in the order of the table', () => {
    const reversed = Object.fromEntries(Object.entries(jane).reverse())
    expect(Object.entries(parseUserClaims(reversed))).toEqual(Object.entries(jane))
    expect(claimNames).toEqual(Object.keys(jane))
    expect(areUserClaims(jane)).toBe(true)
  })

  test.each<[string, unknown, string]>([
    ['no object', 'jane', 'an object of claims is expected'],
    ['sub, which the server gives', { sub: '1' }, 'sub is none of'],
    ['an unknown claim', { iss: 'x' }, 'iss is none of'],
    ['__proto__', JSON.parse('{"__proto__":{}}'), '__proto__ is none of'],
    ['an empty text', { name: '' }, 'name: text of 1 to 1000 characters'],
    ['text that UTF-8 cannot hold', { name: '\ud800' }, 'name: text of'],
    ['a truth as text', { email_verified: 'true' }, 'email_verified: true or false'],
    ['a script as web page', { website: 'javascript:alert(1)' }, 'website: an http or https URL'],
    ['a time with fraction', { updated_at: 1.5 }, 'updated_at: seconds since 1970'],
    ['a date of another form', { birthdate: '31.10.1990' }, 'birthdate: YYYY-MM-DD'],
    ['an unknown part of an address', { address: { planet: 'Earth' } }, 'address: an object of texts'],
    [
      'more than 8192 bytes',
      Object.fromEntries(
        claimNames
          .slice(0, 6)
          .concat('nickname')
          .map((name) => [name, '\u{1f511}'.repeat(500)]),
      ),
      'claims of at most 8192 bytes',
    ],
  ])('%s is refused', (_, input, message) => {
    expect(() => parseUserClaims(input)).toThrow(message)
    expect(areUserClaims(input)).toBe(false)
  })
})

describe('OpenID Connect Core section 5.4: claims by scope', () => {
  test.each<[string[], string[]]>([
    [['openid'], []],
    [
      ['openid', 'email'],
      ['email', 'email_verified'],
    ],
    [
      ['phone', 'address'],
      ['address', 'phone_number', 'phone_number_verified'],
    ],
    [['profile'], claimNames.slice(0, 14)],
  ])('%j', (scopes, names) => {
    expect(Object.keys(openClaims(jane, scopes))).toEqual(names)
  })

  test('the name for logging in is the preferred one, unless another was given', () => {
    const user = { subject: 's', username: 'jane', authorities: [], removed: false }
    expect(claimsOfUser(user)).toEqual({ preferred_username: 'jane' })
    expect(claimsOfUser({ ...user, claims: jane })).toEqual(jane)
  })
})
