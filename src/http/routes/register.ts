/**
 * `POST /oauth/register`: dynamic client registration (RFC 7591 section 3), and `/oauth/register/<client id>`: its
 * management (RFC 7592 section 2). Addresses that take JSON.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import {
  changeRegistration,
  readRegistration,
  removeRegistration,
} from '../../authorization-server/manage-client.ts'
import { registerClient } from '../../authorization-server/register-client.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { sendError, wireError } from '../replies.ts'
import { RequestPace } from '../request-pace.ts'

const bodyLimitBytes = 32 * 1024
/** Each registration costs an argon2 hash and stays for ever. */
const registrationsInAnHour = 30

interface ClientPath {
  Params: { clientId: string }
}

export async function registerRoutes(
  app: FastifyInstance,
  context: AuthorizationContext,
  logger: FastifyBaseLogger,
): Promise<void> {
  if (context.settings.registration === 'off') return
  await app.register(async (scope) => {
    acceptJson(scope, logger)
    const pace = new RequestPace(registrationsInAnHour, 3_600_000, context.now)

    scope.post('/oauth/register', async (request, reply) => {
      pace.admit(request.ip)
      return reply.code(201).send(await registerClient(context, bearerToken(request), request.body))
    })
    scope.get<ClientPath>('/oauth/register/:clientId', (request) =>
      readRegistration(context, request.params.clientId, bearerToken(request)),
    )
    scope.put<ClientPath>('/oauth/register/:clientId', (request) =>
      changeRegistration(context, request.params.clientId, bearerToken(request), request.body, request.ip),
    )
    scope.delete<ClientPath>('/oauth/register/:clientId', async (request, reply) => {
      await removeRegistration(context, request.params.clientId, bearerToken(request))
      return reply.code(204).send()
    })
  })
}

function acceptJson(scope: FastifyInstance, logger: FastifyBaseLogger): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: bodyLimitBytes },
    (_request, body, done) => {
      try {
        done(null, JSON.parse(body as string))
      } catch {
        done(new OAuthError('invalid_client_metadata', 'the body is not JSON'))
      }
    },
  )
  scope.setErrorHandler((error, _request, reply) => {
    if ((error as { code?: string }).code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
      return sendError(reply, new OAuthError('invalid_client_metadata', 'application/json is expected'))
    const refusal = wireError(error, logger)
    // RFC 6750 section 3.
    if (refusal.code === 'invalid_token')
      reply.header('www-authenticate', 'Bearer realm="coinstack-signon", error="invalid_token"')
    return sendError(reply, refusal)
  })
}

/** RFC 6750 section 2.1; undefined where no header field was sent. @throws OAuthError invalid_token */
function bearerToken({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1]
  if (token === undefined)
    throw new OAuthError('invalid_token', 'the Authorization header is not a bearer token')
  return token
}
