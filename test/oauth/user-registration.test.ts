import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseUserRegistration, UserError } from '../../src/oauth/user.ts'
import { claimNames } from '../../src/oauth/user-claims.ts'

/** The registration, or the one line that says what is wrong. */
function parsed(input: unknown): unknown {
  try {
    return parseUserRegistration(input)
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}

const alice = { username: 'alice', password: 'secret', authorities: ['USER'] }
const name = 'username: text of 1 to 256 characters without control characters is expected'
const word = 'password: text of 1 to 1024 characters is expected'
const authorities = 'authorities: a list of at most 100 texts is expected'

describe('the form of SignOn 1.1', () => {
  test.each<[string, unknown, unknown]>([
    ['all members', alice, alice],
    ['an authority named twice', { ...alice, authorities: ['A', 'A'] }, { ...alice, authorities: ['A'] }],
    ['no authority', { ...alice, authorities: [] }, { ...alice, authorities: [] }],
    ['a name in composed form', { ...alice, username: 'zoe\u0308' }, { ...alice, username: 'zo\u00eb' }],
    ['a name with a space inside', { ...alice, username: 'Alice B' }, { ...alice, username: 'Alice B' }],
    ['the name of a prototype', { ...alice, username: '__proto__' }, { ...alice, username: '__proto__' }],
    ['no object', 'alice', 'user: an object is expected'],
    ['null', null, 'user: an object is expected'],
    ['a list', [alice], 'user: an object is expected'],
    ['nothing', {}, name],
    ['an empty name', { ...alice, username: '' }, name],
    ['a name of 257 characters', { ...alice, username: 'a'.repeat(257) }, name],
    ['a name with a line end', { ...alice, username: 'a\nb' }, name],
    ['a name with a null', { ...alice, username: 'a\0' }, name],
    ['a name that ends with a space', { ...alice, username: 'alice ' }, name],
    ['a name that UTF-8 cannot hold', { ...alice, username: 'a\ud800' }, name],
    ['a name that is no text', { ...alice, username: ['alice'] }, name],
    ['no password', { username: 'alice', authorities: [] }, word],
    ['an empty password', { ...alice, password: '' }, word],
    ['a password of 1025 characters', { ...alice, password: 'a'.repeat(1025) }, word],
    ['no authorities', { username: 'alice', password: 'x' }, authorities],
    ['authorities as text', { ...alice, authorities: 'USER' }, authorities],
    ['an empty authority', { ...alice, authorities: [''] }, authorities],
    ['an authority that UTF-8 cannot hold', { ...alice, authorities: ['\udfff'] }, authorities],
    ['101 authorities', { ...alice, authorities: Array.from({ length: 101 }, String) }, authorities],
    [
      'claims (OpenID Connect Core section 5.1)',
      { ...alice, claims: { email: 'alice@example.com', name: 'Alice' } },
      { ...alice, claims: { name: 'Alice', email: 'alice@example.com' } },
    ],
    [
      'a malformed claim',
      { ...alice, claims: { email: 'alice' } },
      'claims: email: an email address is expected',
    ],
    [
      'a misspelt member',
      { ...alice, authority: [] },
      'authority: is not a member of a user (username, password, authorities, claims)',
    ],
    [
      '__proto__',
      JSON.parse('{"username":"a","password":"b","authorities":[],"__proto__":{}}'),
      '__proto__: is not a member of a user (username, password, authorities, claims)',
    ],
  ])('%s', (_, input, expected) => {
    expect(parsed(input)).toEqual(expected)
  })

  test('whatever comes, nothing but UserError is thrown', () => {
    const input = fc.oneof(
      fc.anything(),
      fc.record({ username: fc.anything(), password: fc.anything(), authorities: fc.anything() }),
      fc.record({
        username: fc.constant('a'),
        password: fc.constant('b'),
        authorities: fc.constant([]),
        claims: fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...claimNames), fc.anything())),
      }),
    )
    fc.assert(
      fc.property(input, (of) => {
        const result = parsed(of)
        expect(typeof result === 'string' || Object.keys(result as object).length >= 3).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
