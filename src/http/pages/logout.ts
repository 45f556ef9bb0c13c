import { html } from './html.ts'
import type { Language } from './language.ts'
import { hiddenFields, name, page } from './layout.ts'
import { texts } from './texts.ts'

export interface LogoutPage {
  readonly language: Language
  readonly csrfToken: string
  readonly action?: string | undefined
  /** Who asks, where that is known. */
  readonly clientName?: string | undefined
  /** Further fields that the form sends back unchanged. */
  readonly hidden?: Readonly<Record<string, string>> | undefined
}

export function logoutPage(options: LogoutPage): string {
  const { language, action = '/oauth/logout', clientName } = options
  const text = texts[language].logout
  const content = html`<h1>${text.title}</h1>
${clientName !== undefined && html`<p>${text.askedBy(name(clientName))}</p>`}
<p class="lead">${text.question}</p>
<form method="post" action="${action}">
${hiddenFields({ ...options.hidden, _csrf: options.csrfToken })}<div class="actions"><button type="submit">${text.submit}</button></div>
</form>`
  return page({ language, title: text.title, content })
}

export function loggedOutPage(options: { readonly language: Language }): string {
  const { language } = options
  const text = texts[language].logout
  const content = html`<h1>${text.doneTitle}</h1>
<p>${text.done}</p>
<p><a href="/login">${text.again}</a></p>`
  return page({ language, title: text.doneTitle, content })
}
