import { type ClientLinks, clientLinks, clientLogo } from './client-links.ts'
import { attributes, html } from './html.ts'
import type { Language } from './language.ts'
import { failureId, failureNotice, hiddenFields, name, page } from './layout.ts'
import { texts } from './texts.ts'

export interface LoginPage {
  readonly language: Language
  readonly csrfToken: string
  readonly action: string
  /** Where to go on after the login; sent back as the hidden field `continue`. */
  readonly continueTo?: string | undefined
  readonly clientName?: string | undefined
  readonly links?: ClientLinks | undefined
  readonly error?: 'credentials' | 'paused' | 'expired' | 'unavailable' | undefined
  readonly username?: string | undefined
}

/** A live region that is there when the page loads is often not read out; what the focused field is described by is. */
export function loginPage(options: LoginPage): string {
  const { language, clientName, links = {}, error, username = '' } = options
  const text = texts[language].login
  const shared = {
    required: true,
    'aria-invalid': error === 'credentials' ? 'true' : undefined,
    'aria-describedby': error === undefined ? undefined : failureId,
  }
  const content = html`<h1>${text.title}</h1>
<p class="lead">${clientName === undefined ? text.lead : text.leadFor(name(clientName))}</p>
${clientLogo(links)}
${failureNotice(error && texts[language].failures[error])}
<form method="post" action="${options.action}">
${hiddenFields({ _csrf: options.csrfToken, continue: options.continueTo })}<div class="field">
<label for="username">${text.username}</label>
<input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" spellcheck="false"${attributes(
    { ...shared, value: username, autofocus: username === '' },
  )}>
</div>
<div class="field">
<label for="password">${text.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password"${attributes({
    ...shared,
    autofocus: username !== '',
  })}>
</div>
<div class="actions"><button type="submit">${text.submit}</button></div>
</form>
${clientLinks(links, language)}`
  return page({ language, title: text.title, failed: error !== undefined, footer: text.footer, content })
}
