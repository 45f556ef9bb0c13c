/** The cookie of a browser session; `__Host-` binds it to this very host where TLS is on (RFC 6265bis 4.1.3.2). */
import type { FastifyReply, FastifyRequest } from 'fastify'

export class SessionCookie {
  readonly #name: string
  readonly #continueName: string
  readonly #isSecure: boolean

  constructor(isSecure: boolean) {
    this.#isSecure = isSecure
    this.#name = isSecure ? '__Host-signon' : 'signon'
    this.#continueName = isSecure ? '__Host-signon_continue' : 'signon_continue'
  }

  read(request: FastifyRequest): string | undefined {
    return request.cookies[this.#name]
  }

  set(reply: FastifyReply, token: string): void {
    reply.setCookie(this.#name, token, this.#options)
  }

  clear(reply: FastifyReply): void {
    reply.clearCookie(this.#name, this.#options)
  }

  /** Where to go on after a login on a page of somebody else's that posts only name and password. */
  readContinue(request: FastifyRequest): string | undefined {
    return request.cookies[this.#continueName]
  }

  setContinue(reply: FastifyReply, path: string): void {
    // Browsers drop cookies over 4096 bytes; the login page's own form does not need this one.
    if (path.length < 3000) reply.setCookie(this.#continueName, path, { ...this.#options, maxAge: 600 })
  }

  clearContinue(reply: FastifyReply): void {
    reply.clearCookie(this.#continueName, this.#options)
  }

  get #options() {
    return { path: '/', httpOnly: true, sameSite: 'lax', secure: this.#isSecure } as const
  }
}
