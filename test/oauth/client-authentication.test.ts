/** RFC 6749 section 2.3 and appendix B. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/oauth/client-authentication.json' with { type: 'json' }
import { clientCredentials } from '../../src/oauth/client-authentication.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { outcome } from '../support/oauth.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const notBasic = 'invalid_client: the Authorization header is not HTTP Basic'
const notEncoded = 'invalid_client: client id or secret is not form-encoded (RFC 6749 section 2.3.1)'
const credentials = (clientId: string, secret: string) => ({
  clientId,
  secret,
  method: 'client_secret_basic',
})

describe('section 2.3.1: HTTP Basic', () => {
  test('the header of the examples', () => {
    const { header, clientId, clientSecret } = vectors.basic
    expect(clientCredentials(header, {})).toEqual(credentials(clientId, clientSecret))
  })

  test('appendix B: id and secret are form-encoded', () => {
    const { text, encoded } = vectors.formEncoded
    expect(clientCredentials(basic(`${encoded}:${encoded}`), {})).toEqual(credentials(text, text))
  })

  test.each([
    ['a colon in the secret, encoded', basic('id:a%3Ab'), credentials('id', 'a:b')],
    ['a colon in the secret, plain', basic('id:a:b'), credentials('id', 'a:b')],
    ['a colon in the id, encoded', basic('a%3Ab:c'), credentials('a:b', 'c')],
    ['a plus for a space', basic('a+b:c+d'), credentials('a b', 'c d')],
    ['an encoded plus', basic('id:a%2Bb'), credentials('id', 'a+b')],
    ['an empty secret, which is none', basic('id:'), { clientId: 'id', method: 'none' as const }],
    ['the scheme in lower case', basic('id:s').replace('Basic', 'basic'), credentials('id', 's')],
    ['two spaces behind the scheme', basic('id:s').replace(' ', '  '), credentials('id', 's')],
    ['a prototype name', basic('__proto__:constructor'), credentials('__proto__', 'constructor')],
    ['no id', basic(':secret'), notBasic],
    ['no colon', basic('id'), notBasic],
    ['nothing', basic(''), notBasic],
    ['only the scheme', 'Basic', notBasic],
    ['another scheme', 'Bearer aWQ6cw==', notBasic],
    ['no base64', 'Basic id:secret', notBasic],
    ['base64url', 'Basic _-_-', notBasic],
    ['too much padding', 'Basic aWQ6cw===', notBasic],
    ['something behind', `${basic('id:s')} x`, notBasic],
    ['an empty header', '', notBasic],
    ['a lone percent sign', basic('id:100%'), notEncoded],
    ['percent-encoding that is no UTF-8', basic('id:%ff'), notEncoded],
  ])('%s', (_, header, expected) => {
    expect(outcome(() => clientCredentials(header, {}))).toEqual(expected)
  })

  test('any id and secret arrive', () => {
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(text, text, (id, secret) => {
        fc.pre(id !== '' && secret !== '')
        const encode = (value: string) => new URLSearchParams({ value }).toString().slice('value='.length)
        expect(clientCredentials(basic(`${encode(id)}:${encode(secret)}`), {})).toEqual(
          credentials(id, secret),
        )
      }),
    )
  })
})

describe('section 2.3.1: credentials in the form', () => {
  test.each([
    [
      'id and secret',
      { client_id: 'id', client_secret: 's' },
      { clientId: 'id', secret: 's', method: 'client_secret_post' },
    ],
    ['no secret: section 3.2.1, a public client', { client_id: 'id' }, { clientId: 'id', method: 'none' }],
    ['no id', { client_secret: 's' }, 'invalid_client: the client did not say who it is'],
    ['an empty id', { client_id: '' }, 'invalid_client: the client did not say who it is'],
    ['nothing', {}, 'invalid_client: the client did not say who it is'],
  ])('%s', (_, form, expected) => {
    expect(outcome(() => clientCredentials(undefined, form))).toEqual(expected)
  })
})

describe('section 2.3: "MUST NOT use more than one authentication method in each request"', () => {
  const header = basic('id:s')
  test.each([
    [
      'header and client_secret',
      { client_secret: 's' },
      'invalid_request: the client used more than one authentication method',
    ],
    [
      'header and both',
      { client_id: 'id', client_secret: 's' },
      'invalid_request: the client used more than one authentication method',
    ],
    [
      'header and another client_id',
      { client_id: 'other' },
      'invalid_request: client_id is not the one of the Authorization header',
    ],
    ['header and the same client_id', { client_id: 'id' }, credentials('id', 's')],
  ])('%s', (_, form, expected) => {
    expect(outcome(() => clientCredentials(header, form))).toEqual(expected)
  })
})

test('whatever header and form say, nothing but OAuthError is thrown', () => {
  const base64 = fc.uint8Array().map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`)
  const text = fc.string({ unit: 'binary' })
  const header = fc.option(
    fc.oneof(
      text,
      base64,
      text.map((rest) => `Basic ${rest}`),
    ),
    { nil: undefined },
  )
  const form = fc.record({ client_id: text, client_secret: text }, { requiredKeys: [] })
  fc.assert(
    fc.property(header, form, (authorization, fields) => {
      try {
        expect(clientCredentials(authorization, fields).clientId).not.toBe('')
      } catch (error) {
        expect(error).toBeInstanceOf(OAuthError)
      }
    }),
    { numRuns: 500 },
  )
})
