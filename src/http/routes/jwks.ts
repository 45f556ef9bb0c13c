/** `GET /oauth/jwks`: the public keys that tokens are verified with (RFC 7517 section 5). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { allowEveryOrigin } from '../cross-origin.ts'

export function jwksRoute(app: FastifyInstance, { keys }: AuthorizationContext): void {
  app.get('/oauth/jwks', async (_request, reply) => {
    // Whoever keeps a copy must find the key of every algorithm in it: the first asker waits for the first keys.
    await keys.ensure()
    return allowEveryOrigin(reply)
      .removeHeader('pragma')
      .header('cache-control', 'public, max-age=300')
      .type('application/jwk-set+json')
      .send(JSON.stringify(keys.jwks()))
  })
}
