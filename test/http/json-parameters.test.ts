import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonParameters } from '../../src/http/json-parameters.ts'
import { openRoutes } from '../support/http-routes.ts'
import { asWeb, registerAll } from '../support/registrations.ts'

describe('jsonParameters', () => {
  test('any object of texts comes through as it is', () => {
    const names = fc.string().filter((name) => name !== '__proto__')
    fc.assert(
      fc.property(fc.dictionary(names, fc.oneof(fc.string(), fc.array(fc.string()))), (given) => {
        for (const text of [JSON.stringify(given), JSON.stringify(given, null, 2)])
          expect(jsonParameters(text)).toEqual({ ...given })
      }),
    )
  })

  test.each([
    ['{', 'the body is not JSON'],
    ['', 'the body is not JSON'],
    ['"text"', 'the body is not a JSON object'],
    ['null', 'the body is not a JSON object'],
    ['["grant_type"]', 'the body is not a JSON object'],
    ['{"scope":1}', 'the parameters in a JSON body are texts'],
    ['{"scope":null}', 'the parameters in a JSON body are texts'],
    ['{"scope":{"a":"b"}}', 'the parameters in a JSON body are texts'],
    ['{"resource":["a",1]}', 'the parameters in a JSON body are texts'],
    ['{"scope":"a","scope":"b"}', 'a parameter is given more than once'],
    ['{"scope":"a","s\\u0063ope":"b"}', 'a parameter is given more than once'],
    ['{"scope":1,"scope":"b"}', 'a parameter is given more than once'],
    ['{"a":[],"a":[]}', 'a parameter is given more than once'],
  ])('%s: %s', (body, message) => {
    expect(() => jsonParameters(body)).toThrow(expect.objectContaining({ code: 'invalid_request', message }))
  })
})

describe('signon.server.json-requests', () => {
  const asked = async (environment: Record<string, string>, type: string, payload: string) => {
    const routes = await openRoutes({ environment })
    try {
      await registerAll(routes)
      const headers = { ...asWeb, 'content-type': type }
      const answer = await routes.http.inject({ method: 'POST', url: '/oauth/token', headers, payload })
      return [answer.statusCode, answer.json().error_description ?? answer.json().scope]
    } finally {
      await routes.close()
    }
  }
  const body = JSON.stringify({ grant_type: 'client_credentials', scope: 'read' })
  const allowed = { SIGNON_SERVER_JSON_REQUESTS: 'true' }

  test('by default a JSON body is refused', async () => {
    expect(await asked({}, 'application/json', body)).toEqual([
      400,
      'application/x-www-form-urlencoded is expected',
    ])
  })

  test('where it is allowed, forms and JSON are taken, and nothing else', async () => {
    expect(await asked(allowed, 'application/json; charset=utf-8', body)).toEqual([200, 'read'])
    const form = 'grant_type=client_credentials&scope=read'
    expect(await asked(allowed, 'application/x-www-form-urlencoded', form)).toEqual([200, 'read'])
    expect((await asked(allowed, 'text/plain', body))[0]).toBe(400)
  })

  test('the rules of forms hold', async () => {
    const twice = '{"grant_type":"client_credentials","scope":["read","write"]}'
    expect(await asked(allowed, 'application/json', twice)).toEqual([
      400,
      'the parameter scope is given more than once',
    ])
    const large = JSON.stringify({ grant_type: 'client_credentials', scope: 'x'.repeat(70_000) })
    expect(await asked(allowed, 'application/json', large)).toEqual([413, 'the body is too large'])
  })
})
