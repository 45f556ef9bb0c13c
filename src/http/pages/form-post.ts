import { hash } from 'node:crypto'
import { html, script } from './html.ts'
import type { Language } from './language.ts'
import { hiddenFields, name, page } from './layout.ts'
import { texts } from './texts.ts'

export interface FormPostPage {
  readonly language: Language
  /** Where the form goes. */
  readonly redirectUri: string
  readonly fields: Readonly<Record<string, string>>
}

const submit = 'document.forms[0].submit()'

/** What allows the page's one script, and no other (CSP3 section 2.3.1). */
export const formPostScriptSource = `'sha256-${hash('sha256', submit, 'base64')}'`

/** Form Post Response Mode section 2; without scripts the person presses the button. */
export function formPostPage({ language, redirectUri, fields }: FormPostPage): string {
  const text = texts[language].formPost
  const content = html`<h1>${text.title}</h1>
<p>${text.lead(name(new URL(redirectUri).host))}</p>
<form method="post" action="${redirectUri}">
${hiddenFields(fields)}<noscript><div class="actions"><button type="submit">${text.submit}</button></div></noscript>
</form>
${script(submit)}`
  return page({ language, title: text.title, content })
}
