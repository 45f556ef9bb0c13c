/** The bare address of the server, and addresses where nothing is: a browser gets a page, a program JSON. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { OAuthError } from '../../oauth/errors.ts'

export const nothingHere = (): OAuthError =>
  new OAuthError('invalid_request', 'there is nothing at this address', 404)

const isFromBrowser = ({ headers }: FastifyRequest): boolean => headers.accept?.includes('text/html') ?? false

/** @param isKnown whether the address is there for other methods, which is for the caller's handler to say */
export function unknownAddressRoutes(
  people: FastifyInstance,
  isKnown: (request: FastifyRequest) => boolean,
): void {
  people.get('/', (_request, reply) => reply.redirect('/welcome.html', 302))
  people.get('/*', (request, reply) => {
    if (isKnown(request) || !isFromBrowser(request)) return reply.callNotFound()
    throw nothingHere()
  })
}
