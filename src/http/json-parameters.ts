/**
 * Parameters as JSON, for clients that send nothing else. The specifications know only forms (RFC 6749 section 3.2),
 * so a setting must allow it, and then the rules of forms hold: one object of texts, each name once.
 */
import type { FastifyInstance } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'

/** A text in JSON that was parsed before. */
const jsonText = /"(?:[^"\\]|\\.)*"/g

const isText = (value: unknown) => typeof value === 'string'

/** @throws OAuthError invalid_request */
export function jsonParameters(body: string): Record<string, string | string[]> {
  const fail = (reason: string) => new OAuthError('invalid_request', reason)
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw fail('the body is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw fail('the body is not a JSON object')
  const values: unknown[] = Object.values(parsed)
  if (!values.every((value) => isText(value) || (Array.isArray(value) && value.every(isText))))
    throw fail('the parameters in a JSON body are texts')
  // JSON.parse takes the last of several members with one name; every text of the body must have come through.
  const texts = values.flat().length + values.length
  if (body.match(jsonText)?.length !== (texts || undefined)) throw fail('a parameter is given more than once')
  return parsed as Record<string, string | string[]>
}

/** Lets the routes of this scope take `application/json` beside forms. */
export function acceptJsonParameters(scope: FastifyInstance): void {
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, jsonParameters(body as string))
    } catch (error) {
      done(error as OAuthError)
    }
  })
}
