/**
 * Which pages of other sites may read answers (CORS): everybody what is public, and a public client's own pages
 * what the client itself is given. Cookies are never part of it (no Access-Control-Allow-Credentials).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Client, isPublic } from '../oauth/client.ts'

export const allowEveryOrigin = (reply: FastifyReply): FastifyReply =>
  reply.header('access-control-allow-origin', '*')

/** Lets the asking page read the answer where a redirect URI of this public client lies on its site. */
export function allowClientOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  client: Client | undefined,
): void {
  const { origin } = request.headers
  if (origin === undefined) return
  reply.header('vary', 'Origin')
  // A private-use scheme has the origin "null", as a sandboxed frame of any site has.
  const isOwn = (uri: string) => /^https?:/.test(uri) && URL.canParse(uri) && new URL(uri).origin === origin
  if (!client || client.removed || !isPublic(client) || !client.metadata.redirectUris.some(isOwn)) return
  reply
    .header('access-control-allow-origin', origin)
    .header('access-control-expose-headers', 'WWW-Authenticate, DPoP-Nonce')
}

/**
 * Answers the question that browsers ask before a request with header fields of its own. It names no client yet
 * and is answered for every site: without cookies the request itself can do nothing that its sender could not.
 */
export function preflightRoute(app: FastifyInstance, path: string, methods: string): void {
  app.options(path, (_request, reply) =>
    reply
      .header('access-control-allow-origin', '*')
      .header('access-control-allow-methods', methods)
      .header('access-control-allow-headers', 'Authorization, Content-Type, DPoP')
      .header('access-control-max-age', '600')
      .code(204)
      .send(),
  )
}
