/** The DPoP header field (RFC 9449 section 4.1). */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../authorization-server/context.ts'

/**
 * Thumbprint of the key that proves this request; undefined for a request without proof. Who sends one is told the
 * nonce for the next (section 8.2).
 *
 * @param path of the endpoint; its address is the issuer's, a false Host header changes nothing
 * @param accessToken that the request is made with, at a protected resource
 * @throws OAuthError invalid_dpop_proof or use_dpop_nonce
 */
export async function provenKey(
  { dpop, settings }: AuthorizationContext,
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  accessToken?: string,
): Promise<string | undefined> {
  const { dpop: proof } = request.headers
  if (proof === undefined) return undefined
  reply.header('dpop-nonce', dpop.nonce())
  return dpop.verify({
    // Node joins a header field that came twice with a comma, which no JWT holds.
    proof: String(proof),
    method: request.method,
    url: settings.issuer + path,
    ...(accessToken !== undefined && { accessToken }),
  })
}
