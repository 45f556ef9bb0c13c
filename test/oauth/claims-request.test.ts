/** OpenID Connect Core section 5.5: the claims parameter. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseClaims } from '../../src/oauth/claims-request.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { outcome } from '../support/oauth.ts'

const parse = (value: unknown) => outcome(() => parseClaims(JSON.stringify(value)))

describe('section 5.5: what is asked for', () => {
  test('names and whether they are essential are kept, values are not: they may name a person', () => {
    const given = {
      userinfo: { given_name: { essential: true }, nickname: null, email: { value: 'alice@example.com' } },
      id_token: { auth_time: { essential: true }, 'name#ko': {}, picture: { essential: false, other: 1 } },
      other: { ignored: true },
    }
    expect(parse(given)).toEqual({
      claims: {
        userinfo: { given_name: { essential: true }, nickname: null, email: null },
        id_token: { auth_time: { essential: true }, 'name#ko': null, picture: null },
      },
    })
  })

  test('section 5.5.1.1: an essential acr; a voluntary one demands nothing', () => {
    expect(parse({ id_token: { acr: { essential: true, values: ['a', 'b'] } } })).toMatchObject({
      essentialAcrs: ['a', 'b'],
    })
    expect(parse({ id_token: { acr: { values: ['a'] } } })).not.toHaveProperty('essentialAcrs')
    expect(parse({ userinfo: { acr: { essential: true, value: 'a' } } })).not.toHaveProperty('essentialAcrs')
  })

  test('section 5.5.1: sub with a value', () => {
    expect(parse({ id_token: { sub: { value: 'alice' } } })).toMatchObject({ subject: 'alice' })
    expect(parse({ userinfo: { sub: { value: 'alice' } } })).not.toHaveProperty('subject')
  })

  test.each<[string, unknown]>([
    ['a list', []],
    ['text', 'name'],
    ['null', null],
    ['a list of names', { id_token: ['name'] }],
    ['a name that is true', { id_token: { name: true } }],
    ['essential that is text', { id_token: { name: { essential: 'true' } } }],
    ['values that are one', { id_token: { acr: { values: 'a' } } }],
    ['no values', { id_token: { acr: { values: [] } } }],
    ['value and values', { id_token: { acr: { value: 'a', values: ['a'] } } }],
    ['an acr that is a number', { id_token: { acr: { essential: true, value: 1 } } }],
    ['two subjects', { id_token: { sub: { values: ['a', 'b'] } } }],
    ['an empty subject', { id_token: { sub: { value: '' } } }],
    [
      'too many claims',
      { userinfo: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`c${i}`, null])) },
    ],
    ['too many values', { id_token: { acr: { values: Array(21).fill('a') } } }],
    ['a long name', { userinfo: { ['n'.repeat(201)]: null } }],
    ['half a character', { userinfo: { '\ud800': null } }],
    ['too much', { userinfo: { name: { value: 'x'.repeat(4000) } } }],
  ])('%s: invalid_request', (_, given) => {
    expect(parse(given)).toMatch(/^invalid_request: claims: /)
  })

  test('names of prototypes are names or refused, and never a prototype', () => {
    expect(outcome(() => parseClaims('{"userinfo":{"__proto__":{"essential":true}}}'))).toMatch(
      /^invalid_request/,
    )
    expect(outcome(() => parseClaims('{"__proto__":{"id_token":{"x":null}}}'))).toEqual({ claims: {} })
    expect(parse({ userinfo: { constructor: null } })).toEqual({
      claims: { userinfo: { constructor: null } },
    })
  })

  test('whatever comes: claims, or invalid_request that the wire can carry', () => {
    const wish = fc.oneof(fc.jsonValue(), fc.constantFrom(null, { essential: true }, { value: 'x' }))
    const object = fc.record(
      {
        id_token: fc.dictionary(fc.constantFrom('acr', 'sub', 'name', '한글'), wish),
        userinfo: fc.dictionary(fc.string(), wish),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string({ unit: 'binary' }),
          object.map((o) => JSON.stringify(o)),
        ),
        (text) => {
          try {
            const { claims } = parseClaims(text)
            for (const wanted of Object.values(claims).flatMap((place) => Object.values(place)))
              expect([null, { essential: true }]).toContainEqual(wanted)
          } catch (error) {
            expect(error).toBeInstanceOf(OAuthError)
            expect((error as OAuthError).code).toBe('invalid_request')
            expect((error as OAuthError).message).toMatch(/^[\x20-\x7e]*$/)
          }
        },
      ),
    )
  })
})
