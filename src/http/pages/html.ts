/**
 * Markup that is safe by construction. `html` escapes every value; only markup that `html` itself made passes
 * unescaped, and only where text may stand. The place of each value is read from the template, so a value
 * in an unquoted attribute, a tag name, a script or a style is a thrown error and never a page.
 */
class SafeHtml {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

class SafeAttributes {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

export type Html = SafeHtml
type Attributes = SafeAttributes
type Value = string | number | Html | readonly Html[] | Attributes | undefined | false
type Place = 'text' | 'attribute' | 'tag'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

const places = new WeakMap<TemplateStringsArray, readonly Place[]>()

function placesOf(template: TemplateStringsArray): readonly Place[] {
  const known = places.get(template)
  if (known !== undefined) return known
  if (/<(script|style)|<[^>"]*'/i.test(template.join(''))) {
    throw new TypeError('html: no script, style or single-quoted attribute')
  }
  let place: Place = 'text'
  const found = template.map((part) => {
    for (const character of part) {
      if (place === 'text') place = character === '<' ? 'tag' : 'text'
      else if (character === '"') place = place === 'tag' ? 'attribute' : 'tag'
      else if (place === 'tag' && character === '>') place = 'text'
    }
    return place
  })
  if (found.pop() !== 'text') throw new TypeError('html: the template ends inside a tag')
  places.set(template, found)
  return found
}

function render(value: Value, place: Place): string {
  if (value === undefined || value === false) return ''
  if (value instanceof SafeAttributes) {
    if (place === 'tag') return value.toString()
  } else if (place !== 'tag') {
    if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value))
    if (place === 'text') {
      if (value instanceof SafeHtml) return value.toString()
      if (Array.isArray(value)) return value.map((one: Html) => render(one, place)).join('')
    }
  }
  throw new TypeError(`html: such a value may not stand in this place (${place})`)
}

export function html(template: TemplateStringsArray, ...values: Value[]): Html {
  const found = placesOf(template)
  const parts = values.map((value, index) => render(value, found[index] ?? 'tag') + template[index + 1])
  return new SafeHtml((template[0] ?? '') + parts.join(''))
}

/** A script of this program's own: a constant, never made of what came from outside. */
export function script(source: string): Html {
  if (/[<&]/.test(source)) throw new TypeError('html: no markup in a script')
  return new SafeHtml(`<script>${source}</script>`)
}

/** Attributes that are there or not: `true` gives the bare name, `undefined` and `false` nothing. */
export function attributes(named: Readonly<Record<string, string | boolean | undefined>>): Attributes {
  const parts = Object.entries(named).map(([name, value]) => {
    if (!/^(?!on)(?!style$)[a-z][a-z-]*$/.test(name)) throw new TypeError(`html: no attribute ${name}`)
    if (value === undefined || value === false) return ''
    return value === true ? ` ${name}` : ` ${name}="${escapeHtml(value)}"`
  })
  return new SafeAttributes(parts.join(''))
}
