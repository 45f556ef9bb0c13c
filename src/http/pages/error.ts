import { html } from './html.ts'
import type { Language } from './language.ts'
import { name, page } from './layout.ts'
import { type ExplainedError, texts } from './texts.ts'

export interface ErrorPage {
  readonly language: Language
  readonly status: number
  readonly error: string
  /** A sentence meant for the wire (`error_description`). Not shown when the fault is the server's own. */
  readonly description?: string | undefined
}

const byStatus: Readonly<Record<number, ExplainedError>> = {
  401: 'invalid_client',
  403: 'access_denied',
  404: 'not_found',
  429: 'too_many_requests',
  503: 'temporarily_unavailable',
}

const aliases: Readonly<Record<string, ExplainedError>> = {
  redirect_uri_mismatch: 'redirect_uri',
  invalid_redirect_uri: 'redirect_uri',
  unsupported_grant_type: 'unsupported_response_type',
}

const longestDescription = 200

function explanation(status: number, error: string, known: Readonly<Record<ExplainedError, string>>): string {
  if (Object.hasOwn(known, error)) return known[error as ExplainedError]
  const alias = Object.hasOwn(aliases, error) ? aliases[error] : byStatus[status]
  return known[alias ?? (status >= 500 ? 'server_error' : 'invalid_request')]
}

/** RFC 6749 section 5.2 limits both texts to printable ASCII; anything else was not written for the wire. */
const shownCode = /^[a-z][a-z0-9_]{0,63}$/
const shownDescription = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/

export function errorPage(options: ErrorPage): string {
  const { language, status } = options
  const text = texts[language].error
  const ours = status >= 500
  const code = shownCode.test(options.error) ? options.error : ours ? 'server_error' : 'invalid_request'
  const description =
    ours || !shownDescription.test(options.description ?? '') ? undefined : options.description
  const content = html`<h1>${text.heading}</h1>
<p>${explanation(status, code, text.byCode)}</p>
<p>${text.advice}</p>
<dl class="facts">
<dt>${text.code}</dt><dd class="plain"><code>${code}</code></dd>
<dt>${text.status}</dt><dd class="plain">${status}</dd>
${description !== undefined && html`<dt>${text.detail}</dt><dd class="plain">${name(description.slice(0, longestDescription))}</dd>`}
</dl>`
  return page({ language, title: text.heading, content })
}
