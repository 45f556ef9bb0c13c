/** A page as a browser has it: where it came from, and the form in it. */
export class LoadedPage {
  readonly url: URL
  readonly status: number
  readonly html: string

  constructor(url: URL, status: number, html: string) {
    this.url = url
    this.status = status
    this.html = html
  }

  /** The page's form: where it goes, and its hidden fields and ticked boxes. */
  form(): { action: URL; fields: [string, string][] } {
    const tag = /<form\b[^>]*>/.exec(this.html)?.[0]
    if (tag === undefined) throw new Error(`no form at ${this.url.pathname} (status ${this.status})`)
    const fields = [...this.html.matchAll(/<input\b[^>]*>/g)]
      .map(([input]) => input)
      .filter(
        (input) => /type="hidden"/.test(input) || (/type="checkbox"/.test(input) && /\schecked/.test(input)),
      )
      .map((input): [string, string] => [attribute(input, 'name'), attribute(input, 'value')])
    return { action: new URL(attribute(tag, 'action'), this.url), fields }
  }
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

function attribute(tag: string, name: string): string {
  const raw = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? ''
  return raw.replace(/&(amp|lt|gt|quot|#39);/g, (_whole, entity: string) => entities[entity] ?? '')
}
