/** `POST /oauth/device_authorization`: the device asks for its codes (RFC 8628 section 3.1). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { authorizeDevice } from '../../authorization-server/device.ts'
import { authenticateRequest } from '../authenticate-caller.ts'
import { parameters } from '../parameters.ts'

export function deviceAuthorizationRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post('/oauth/device_authorization', async (request) => {
    const form = parameters(request.body)
    return authorizeDevice(context, await authenticateRequest(context, request, form), form)
  })
}
