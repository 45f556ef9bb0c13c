/** The HTTP server: two scopes of routes, one for programs (JSON) and one for people (pages). */
import formbody from '@fastify/formbody'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { AuthorizationContext } from '../authorization-server/context.ts'
import { OAuthError } from '../oauth/errors.ts'
import { type PageSettings, registerPages, transportSecuritySeconds } from './html-pages.ts'
import { acceptJsonParameters } from './json-parameters.ts'
import { sendError, wireError } from './replies.ts'
import { authorizeRoute } from './routes/authorize.ts'
import { checkTokenRoute } from './routes/check-token.ts'
import { confirmAccessRoute } from './routes/confirm-access.ts'
import { deviceRoute } from './routes/device.ts'
import { deviceAuthorizationRoute } from './routes/device-authorization.ts'
import { endSessionRoute } from './routes/end-session.ts'
import { type Health, healthRoutes } from './routes/health.ts'
import { introspectionRoute } from './routes/introspection.ts'
import { jwksRoute } from './routes/jwks.ts'
import { loginRoute } from './routes/login.ts'
import { logoutRoute } from './routes/logout.ts'
import { metadataRoute } from './routes/metadata.ts'
import { type PublishedLog, publishedLogRoutes } from './routes/published-log.ts'
import { pushedRequestRoute } from './routes/pushed-request.ts'
import { type ReceiptSource, receiptsRoute } from './routes/receipts.ts'
import { registerRoutes } from './routes/register.ts'
import { revocationRoute } from './routes/revocation.ts'
import { tokenRoute } from './routes/token.ts'
import { nothingHere, unknownAddressRoutes } from './routes/unknown-address.ts'
import { userinfoRoute } from './routes/userinfo.ts'
import { welcomeRoute } from './routes/welcome.ts'
import { ServedMethods } from './served-methods.ts'
import { SessionCookie } from './session-cookie.ts'

export interface HttpServerOptions {
  context: AuthorizationContext
  pages: PageSettings
  health: () => Health
  log: PublishedLog
  receipts: ReceiptSource
  logger: FastifyBaseLogger
  tls?: { cert: Buffer; key: Buffer }
  /** Whether X-Forwarded-For and friends are those of a reverse proxy in front. */
  trustProxy: boolean
  /** Whether parameters may come as JSON too. */
  jsonRequests: boolean
  /** How long a client may take; those below unless a test cannot wait. */
  timeouts?: HttpTimeouts
}

export interface HttpTimeouts {
  /** For the header of a request, from its first byte on. */
  headersMs: number
  /** For a request as a whole. */
  requestMs: number
  /** Between two requests of one connection. */
  keepAliveMs: number
  /** How often connections are looked at. */
  checkMs: number
}

/**
 * Who sends a byte a minute keeps no connection (CWE-400, "slowloris"). A request has at most 80 KiB, for which twenty
 * seconds are enough on the slowest of lines.
 */
const usualTimeouts: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 72_000,
  checkMs: 5_000,
}

/** The largest body that an OAuth request of any kind needs, with room to spare. */
const bodyLimitBytes = 64 * 1024

/** RFC 9325 sections 3.1 and 4.2: TLS 1.3, and 1.2 with ephemeral keys and authenticated encryption only. */
const tlsPolicy = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
} as const

const ofNode = ({ headersMs, checkMs }: HttpTimeouts) => ({
  headersTimeout: headersMs,
  connectionsCheckingInterval: checkMs,
})

/** Builds the server; `listen` and `close` are the caller's. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { context, pages, health, log, receipts, logger, tls, trustProxy, jsonRequests } = options
  const { timeouts = usualTimeouts } = options
  const asData = (reply: FastifyReply) => {
    // RFC 6749 section 5.1.
    reply
      .header('cache-control', 'no-store')
      .header('pragma', 'no-cache')
      .header('x-content-type-options', 'nosniff')
    if (pages.isSecure) reply.header('strict-transport-security', `max-age=${transportSecuritySeconds}`)
    return reply
  }
  const app = fastify({
    // Fastify itself logs nothing: what happened stands in the ledger, and addresses may carry tokens. Given a logger it
    // would listen to the end of every answer all the same.
    bodyLimit: bodyLimitBytes,
    trustProxy,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => sendError(asData(reply), wireError(error, logger)),
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // Fastify takes the options of node:https in place of those of node:http.
    ...(tls ? { https: { ...tlsPolicy, ...tls, ...ofNode(timeouts) } } : { http: ofNode(timeouts) }),
  }) as unknown as FastifyInstance
  app.removeAllContentTypeParsers()
  await app.register(formbody, { bodyLimit: bodyLimitBytes })
  const served = new ServedMethods()
  app.addHook('onRoute', ({ url, method }) => served.add(url, method))
  const methodsAt = ({ url }: FastifyRequest) => served.at(url.split('?', 1)[0]!)
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsAt(request)
    asData(reply)
    if (methods.length === 0) return sendError(reply, nothingHere())
    // RFC 9110 section 15.5.6: 405 names the methods that there are.
    reply.header('allow', methods.join(', '))
    return sendError(reply, new OAuthError('invalid_request', 'this method is not for this address', 405))
  })
  app.setErrorHandler((error, _request, reply) => sendError(reply, wireError(error, logger)))

  await app.register(async (programs) => {
    programs.addHook('onRequest', (_request, reply, done) => {
      asData(reply)
      done()
    })
    if (jsonRequests) acceptJsonParameters(programs)
    tokenRoute(programs, context)
    pushedRequestRoute(programs, context)
    deviceAuthorizationRoute(programs, context)
    introspectionRoute(programs, context)
    checkTokenRoute(programs, context)
    revocationRoute(programs, context)
    metadataRoute(programs, context)
    jwksRoute(programs, context)
    userinfoRoute(programs, context)
    healthRoutes(programs, health)
    publishedLogRoutes(programs, log)
    await registerRoutes(programs, context, logger)
    receiptsRoute(programs, context, receipts)
  })

  await app.register(async (people) => {
    await registerPages(people, pages, logger)
    const cookie = new SessionCookie(pages.isSecure)
    authorizeRoute(people, context, cookie)
    confirmAccessRoute(people, context, cookie)
    loginRoute(people, context, cookie, pages)
    logoutRoute(people, context, cookie)
    deviceRoute(people, context, cookie)
    endSessionRoute(people, context, cookie)
    welcomeRoute(people, context, cookie)
    unknownAddressRoutes(people, (request) => methodsAt(request).length > 0)
  })
  return app
}
