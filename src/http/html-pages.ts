/** Pages for people: language, security headers, forms that only this site's own pages can send. */
import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import helmet from '@fastify/helmet'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isOAuthErrorCode, OAuthError } from '../oauth/errors.ts'
import { errorPage } from './pages/error.ts'
import { chooseLanguage, type Language } from './pages/language.ts'
import { stylesheet, stylesheetPath } from './pages/stylesheet.ts'
import { parameters } from './parameters.ts'
import { wireError } from './replies.ts'

export interface PageSettings {
  /** Whether browsers reach this server by TLS: cookies are then `Secure` and `__Host-`. */
  isSecure: boolean
  /** Origins whose own login page may post to `/login`, as SignOn 1.1 allowed. */
  loginOrigins: readonly string[]
}

/** A year (RFC 6797). Other hosts of the domain are not this server's to decide on. */
export const transportSecuritySeconds = 31_536_000

/** @param asked `ui_locales` of the authorization request, where the page's own address does not hold it */
export const languageOf = (request: FastifyRequest, asked?: string): Language => {
  const query = request.query as Record<string, unknown>
  const uiLocales = typeof query.ui_locales === 'string' ? query.ui_locales : asked
  const acceptLanguage = request.headers['accept-language']
  return chooseLanguage({
    ...(uiLocales !== undefined && { uiLocales }),
    ...(acceptLanguage !== undefined && { acceptLanguage }),
  })
}

export interface PagePolicy {
  /**
   * Where a form's answer may lead besides this site. Chromium holds every redirect after a form to `form-action`, also
   * those behind the client's redirect URI, which only the client knows: so the target's scheme is allowed, not its host.
   */
  formTarget?: string | undefined
  /** The page's form goes there itself, and nothing on it to this site. */
  onlyForm?: boolean
  /** Source expression of the one script of the page. */
  script?: string
  /** Address of an image from elsewhere. */
  image?: string | undefined
}

/** Sends a page. */
export function sendPage(reply: FastifyReply, html: string, page: PagePolicy = {}): FastifyReply {
  const { formTarget, onlyForm = false, script, image } = page
  if (formTarget !== undefined || image !== undefined) {
    const self = onlyForm ? '' : "'self' "
    const policy = String(reply.getHeader('content-security-policy'))
      .replace(
        "form-action 'self'",
        formTarget === undefined ? '$&' : `form-action ${self}${new URL(formTarget).protocol}`,
      )
      .replace("default-src 'none'", script === undefined ? '$&' : `$&;script-src ${script}`)
      .replace("img-src 'self'", image === undefined ? '$&' : `$& ${new URL(image).origin}`)
    reply.header('content-security-policy', policy)
  }
  return reply.type('text/html; charset=utf-8').send(html)
}

/** Prepares a scope of routes that answer with pages; their errors are pages too. */
export async function registerPages(
  app: FastifyInstance,
  { isSecure }: PageSettings,
  logger: FastifyBaseLogger,
): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // With no-referrer browsers send `Origin: null` with this site's own forms.
    referrerPolicy: { policy: 'same-origin' },
    hsts: isSecure && { maxAge: transportSecuritySeconds, includeSubDomains: false },
  })
  // Pages and redirects alike are for this visitor at this moment.
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done()
  })
  await app.register(cookie)
  await app.register(csrf, {
    cookieKey: isSecure ? '__Host-signon_csrf' : 'signon_csrf',
    cookieOpts: { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure },
    getToken: (request) => {
      const token = (request.body as Record<string, unknown> | undefined)?._csrf
      return typeof token === 'string' ? token : undefined
    },
  })
  app.setErrorHandler((error, request, reply) => {
    const isForged = /^FST_CSRF_/.test((error as { code?: string }).code ?? '')
    // No louder: strangers would fill the log, a line with each form.
    if (isForged) logger.debug((error as Error).message)
    const wire = isForged
      ? new OAuthError('access_denied', 'the form is too old or not from this site; go back and try again')
      : wireError(error, logger)
    const { retryAfterSeconds = wire.status === 503 ? 1 : undefined } = wire
    if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
    reply.code(wire.status)
    return sendPage(
      reply,
      errorPage({
        language: languageOf(request),
        status: wire.status,
        error: wire.code,
        description: wire.message,
      }),
    )
  })
  app.get(stylesheetPath, (_request, reply) =>
    reply
      .type('text/css; charset=utf-8')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(stylesheet),
  )
  // The error page of SignOn 1.1, for clients and proxies that link to it. Anybody writes such links, so of the address
  // nothing is shown but a code that has a meaning here (CWE-451).
  app.get('/oauth/error', (request, reply) => {
    const { error = 'server_error' } = parameters(request.query)
    const code = isOAuthErrorCode(error) ? error : 'invalid_request'
    return sendPage(reply.code(400), errorPage({ language: languageOf(request), status: 400, error: code }))
  })
}
