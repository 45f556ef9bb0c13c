import { html } from './html.ts'
import type { Language } from './language.ts'
import { hiddenFields, name, page } from './layout.ts'
import { texts } from './texts.ts'

export interface WelcomePage {
  readonly language: Language
  readonly username: string
  readonly authorities: readonly string[]
  readonly csrfToken: string
}

export function welcomePage(options: WelcomePage): string {
  const { language, username, authorities } = options
  const text = texts[language].welcome
  const content = html`<h1>${text.title}</h1>
<p class="lead">${text.lead(name(username))}</p>
<dl class="facts">
<dt>${text.username}</dt><dd>${name(username)}</dd>
<dt>${text.authorities}</dt>${
    authorities.length === 0
      ? html`<dd class="plain">${text.none}</dd>`
      : authorities.map((authority) => html`<dd>${name(authority)}</dd>`)
  }
</dl>
<form method="post" action="/oauth/logout">
${hiddenFields({ _csrf: options.csrfToken })}<div class="actions"><button type="submit" class="secondary">${texts[language].logout.submit}</button></div>
</form>`
  return page({ language, title: text.title, content })
}
