/** A browser small enough to read: cookies, redirects, and forms filled in by the names of their fields. */
import { LoadedPage } from './loaded-page.ts'

const mostHops = 20

export class FormBrowser {
  readonly #cookies = new Map<string, string>()
  readonly #isEnd: (url: URL) => boolean

  /** @param isEnd redirects to such addresses are not followed but returned: the client's callback */
  constructor(isEnd: (url: URL) => boolean) {
    this.#isEnd = isEnd
  }

  open(url: URL | string): Promise<LoadedPage | URL> {
    return this.#request(new URL(url))
  }

  /** Sends the page's form with these values for fields or, with `button`, the button pressed. */
  submit(page: LoadedPage, values: Readonly<Record<string, string>>): Promise<LoadedPage | URL> {
    const form = page.form()
    const body = new URLSearchParams(form.fields)
    for (const [name, value] of Object.entries(values)) body.set(name, value)
    return this.#request(form.action, body)
  }

  async #request(url: URL, body?: URLSearchParams, hops = 0): Promise<LoadedPage | URL> {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body && { method: 'POST', body }),
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(cookie)) this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) return new LoadedPage(url, answer.status, await answer.text())
    await answer.body?.cancel()
    const next = new URL(location, url)
    if (this.#isEnd(next)) return next
    if (hops === mostHops) throw new Error(`redirected more than ${mostHops} times`)
    return this.#request(next, undefined, hops + 1)
  }
}
