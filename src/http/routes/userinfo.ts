/** `GET` and `POST /oauth/userinfo`: claims about the user of an access token (OpenID Connect Core section 5.3). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { proofAlgorithms } from '../../authorization-server/dpop.ts'
import { lookUpToken } from '../../authorization-server/introspect.ts'
import { OAuthError, wireDescription } from '../../oauth/errors.ts'
import type { LiveToken } from '../../oauth/introspection.ts'
import { claimsOfUser } from '../../oauth/user.ts'
import { openClaims } from '../../oauth/user-claims.ts'
import { allowClientOrigin, allowEveryOrigin, preflightRoute } from '../cross-origin.ts'
import { provenKey } from '../dpop-proof.ts'
import { type Parameters, parameters } from '../parameters.ts'

const path = '/oauth/userinfo'

export function userinfoRoute(app: FastifyInstance, context: AuthorizationContext): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply, form: Parameters) => {
    try {
      const { scopes, grant, user, client } = await usedToken(context, request, reply, form)
      if (!scopes.includes('openid') || grant.subject === null || !user)
        throw new OAuthError('insufficient_scope', 'the token was not issued with the scope openid')
      const { claims: asked, approvedClaims = [] } = grant.code ?? {}
      const approved = approvedClaims.filter((name) => Object.hasOwn(asked?.userinfo ?? {}, name))
      const claims = { sub: grant.subject, ...openClaims(claimsOfUser(user), scopes, approved) }
      const { userinfoAlgorithm } = client.metadata
      if (userinfoAlgorithm === undefined) return claims
      // Section 5.3.2: signed, it says who it is from and for.
      const { keys, settings } = context
      const signed = { iss: settings.issuer, aud: client.clientId, ...claims }
      return reply.type('application/jwt').send(await keys.sign('JWT', signed, userinfoAlgorithm))
    } catch (error) {
      if (error instanceof OAuthError) reply.header('www-authenticate', challenge(error, request, form))
      throw error
    }
  }
  // A GET of a page of another site would carry no token, so HEAD and GET are free of harm.
  app.get(path, (request, reply) => answer(request, reply, {}))
  app.post(path, (request, reply) => answer(request, reply, parameters(request.body)))
  preflightRoute(app, path, 'GET, POST')
}

const longestToken = 16_384

/** RFC 6750 section 2: in the header, or in the body of a POST; never in an address. */
function presented(request: FastifyRequest, form: Parameters): { token: string; scheme: string } {
  const { authorization } = request.headers
  const [, scheme = '', token = ''] = /^(bearer|dpop) +([\x21-\x7e]+) *$/i.exec(authorization ?? '') ?? []
  if (authorization !== undefined && form.access_token !== undefined)
    throw new OAuthError('invalid_request', 'the access token comes in more than one way')
  const found = authorization === undefined ? (form.access_token ?? '') : token
  if (found === '' || found.length > longestToken)
    throw new OAuthError('invalid_token', 'an access token is expected')
  return { token: found, scheme: scheme.toLowerCase() || 'bearer' }
}

/** @throws OAuthError invalid_token, or what is wrong with the DPoP proof (RFC 9449 section 7.1) */
async function usedToken(
  context: AuthorizationContext,
  request: FastifyRequest,
  reply: FastifyReply,
  form: Parameters,
): Promise<LiveToken> {
  const { token, scheme } = presented(request, form)
  const live = await lookUpToken(context, token)
  if (live) allowClientOrigin(request, reply, live.client)
  // Whose pages the token was for is not known any more, and that it is dead tells them nothing.
  else allowEveryOrigin(reply).header('access-control-expose-headers', 'WWW-Authenticate')
  if (live?.kind !== 'access') throw new OAuthError('invalid_token', 'the access token is not live')
  const bound = live.grant.access?.jkt
  if (bound === undefined) {
    if (scheme !== 'bearer') throw new OAuthError('invalid_token', 'the access token is not bound to a key')
    return live
  }
  const proven = scheme === 'dpop' ? await keyOfProof(context, request, reply, token) : undefined
  // "the resource server MUST NOT accept a DPoP-bound access token" as a bearer token (RFC 9449 section 7.2).
  if (proven !== bound) throw new OAuthError('invalid_token', boundToken)
  return live
}

const boundToken = 'the access token is bound to a key'

/** At a resource, unlike at the token endpoint, a refused proof is a 401 (RFC 9449 sections 7.1 and 9). */
async function keyOfProof(
  context: AuthorizationContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
): Promise<string | undefined> {
  try {
    return await provenKey(context, request, reply, path, token)
  } catch (error) {
    throw error instanceof OAuthError ? new OAuthError(error.code, error.message, 401) : error
  }
}

/** RFC 6750 section 3: no error is named to who sent no token at all. */
function challenge(error: OAuthError, request: FastifyRequest, form: Parameters): string {
  const { code, message } = error
  const isDpop =
    /^dpop /i.test(request.headers.authorization ?? '') ||
    code.endsWith('_dpop_proof') ||
    code === 'use_dpop_nonce' ||
    message === boundToken
  const scheme = isDpop ? 'DPoP' : 'Bearer'
  const hasNone = request.headers.authorization === undefined && form.access_token === undefined
  if (hasNone && code === 'invalid_token') return `${scheme} realm="coinstack-signon"`
  // Section 7.1: "algs ... the JWS algorithms acceptable for the DPoP proof JWT".
  const algorithms = isDpop ? `, algs="${proofAlgorithms.join(' ')}"` : ''
  return `${scheme} realm="coinstack-signon"${algorithms}, error="${code}", error_description="${wireDescription(error)}"${code === 'insufficient_scope' ? ', scope="openid"' : ''}`
}
