/** RFC 6749 section 3.3. */
import { describe, expect, test } from 'vitest'
import { isScopeToken, narrowScopes } from '../../src/oauth/scope.ts'
import { outcome } from '../support/oauth.ts'

describe('section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )', () => {
  test.each(['a', '!', '#', '[', ']', '~', 'read', 'urn:example:read', '__proto__', 'constructor'])(
    '%s',
    (text) => {
      expect(isScopeToken(text)).toBe(true)
    },
  )

  test('holds for exactly the characters of the grammar', () => {
    for (let code = 0; code < 0x200; code++) {
      const isOfGrammar = code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e)
      expect([code, isScopeToken(String.fromCharCode(code))]).toEqual([code, isOfGrammar])
    }
    for (const text of ['', 'a b', 'read\n', '\u00e9', '\u{1f511}']) expect(isScopeToken(text)).toBe(false)
  })
})

describe('section 3.3: the requested scope is narrowed to the client', () => {
  const allowed = ['read', 'write', 'admin']
  test.each([
    ['left out', undefined, ['read', 'write', 'admin']],
    ['empty', '', ['read', 'write', 'admin']],
    ['one', 'write', ['write']],
    ['"the order does not matter"', 'write read', ['write', 'read']],
    ['one named twice', 'read read', ['read']],
    ['one that is not open', 'read root', ['read']],
    ['none that is open', 'root', 'invalid_scope: none of the requested scopes is open to this client'],
    ['in other case', 'READ', 'invalid_scope: none of the requested scopes is open to this client'],
    ['a prototype name', 'constructor', 'invalid_scope: none of the requested scopes is open to this client'],
    ['two spaces', 'read  write', 'invalid_scope: scope is malformed'],
    ['a space at the end', 'read ', 'invalid_scope: scope is malformed'],
    ['a tab', 'read\twrite', 'invalid_scope: scope is malformed'],
    ['a quote', 'read "write"', 'invalid_scope: scope is malformed'],
    ['malformed beside a right one', 'read \u00e9', 'invalid_scope: scope is malformed'],
  ])('%s', (_, requested, expected) => {
    expect(outcome(() => narrowScopes(requested, allowed))).toEqual(expected)
  })

  test('the answer is the caller\u2019s own list', () => {
    const scopes = narrowScopes(undefined, allowed)
    scopes.push('more')
    expect(allowed).toEqual(['read', 'write', 'admin'])
  })
})
