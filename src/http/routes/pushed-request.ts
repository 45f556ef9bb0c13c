/** `POST /oauth/par`: the pushed authorization request endpoint (RFC 9126 section 2). */
import type { FastifyInstance } from 'fastify'
import { findClient } from '../../authorization-server/authenticate-client.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { pushRequest } from '../../authorization-server/push-request.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { authenticateRequest } from '../authenticate-caller.ts'
import { allowClientOrigin, preflightRoute } from '../cross-origin.ts'
import { provenKey } from '../dpop-proof.ts'
import { parameters } from '../parameters.ts'

export const pushedRequestPath = '/oauth/par'

export function pushedRequestRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post(pushedRequestPath, async (request, reply) => {
    const form = parameters(request.body)
    if (request.headers.origin !== undefined)
      allowClientOrigin(request, reply, findClient(context, form.client_id ?? ''))
    const client = await authenticateRequest(context, request, form)
    const jkt = await provenKey(context, request, reply, pushedRequestPath)
    // "If both mechanisms are used ... MUST reject the request if the JWK thumbprint ... does not match" (RFC 9449 10.1).
    if (jkt !== undefined && form.dpop_jkt !== undefined && form.dpop_jkt !== jkt)
      throw new OAuthError('invalid_dpop_proof', 'dpop_jkt is not the key of the proof')
    const pushed = await pushRequest(context, client, {
      ...form,
      ...(jkt !== undefined && { dpop_jkt: jkt }),
    })
    return reply.code(201).send(pushed)
  })
  preflightRoute(app, pushedRequestPath, 'POST')
}
