/** A visitor with a cookie jar, whose requests are injected into the server. */
import type { FastifyInstance } from 'fastify'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { type Form, formText, issuer, type Response } from './http-routes.ts'

const formType = 'application/x-www-form-urlencoded'

export class InjectAgent {
  readonly cookies = new Map<string, string>()
  readonly #http: FastifyInstance
  readonly #headers: Record<string, string>

  /** @param headers sent with every request */
  constructor(http: FastifyInstance, headers: Record<string, string> = {}) {
    this.#http = http
    this.#headers = headers
  }

  get(url: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send({ method: 'GET', url, headers })
  }

  post(url: string, form: Form, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send({
      method: 'POST',
      url,
      headers: { 'content-type': formType, ...headers },
      payload: formText(form),
    })
  }

  /** Follows redirects within the site; ends at a page, or at a redirect that leads away. */
  async follow(response: Response): Promise<Response> {
    let last = response
    for (let hops = 0; last.headers.location?.startsWith('/'); hops++) {
      if (hops === 10) throw new Error(`redirected too often, last to ${last.headers.location}`)
      last = await this.get(last.headers.location)
    }
    return last
  }

  async open(url: string): Promise<Response> {
    return this.follow(await this.get(url))
  }

  /** Sends the form of a page, with these values for its fields. */
  submit(page: Response, values: Readonly<Record<string, string>>, headers = {}): Promise<Response> {
    const { action, fields } = formOf(page)
    const given = Object.entries(values)
    const kept = fields.filter(([name]) => !Object.hasOwn(values, name))
    return this.post(action.pathname + action.search, [...kept, ...given], headers)
  }

  async #send(request: {
    method: 'GET' | 'POST'
    url: string
    headers: Record<string, string>
    payload?: string
  }) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await this.#http.inject({
      ...request,
      headers: { ...(cookie && { cookie }), ...this.#headers, ...request.headers },
    })
    for (const cookie of setCookies(response)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/; expires=thu, 01 jan 1970/i.test(cookie)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }
}

/** The Set-Cookie headers as they are on the wire. */
export const setCookies = (response: Response): string[] => [response.headers['set-cookie'] ?? []].flat()

/** The form of a page: where it goes, its hidden fields and ticked boxes. */
export const formOf = (page: Response) => new LoadedPage(new URL(issuer), page.statusCode, page.body).form()
