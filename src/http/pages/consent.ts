import { claimTexts } from './claim-texts.ts'
import { type ClientLinks, clientLinks, clientLogo } from './client-links.ts'
import { attributes, type Html, html } from './html.ts'
import type { Language } from './language.ts'
import { failureId, failureNotice, hiddenFields, name, page } from './layout.ts'
import { type Texts, texts } from './texts.ts'

export interface ConsentPage {
  readonly language: Language
  readonly csrfToken: string
  readonly action: string
  readonly clientName: string
  readonly clientId: string
  readonly description?: string | undefined
  readonly links?: ClientLinks
  readonly redirectHost: string
  readonly username: string
  readonly scopes: readonly { readonly name: string; readonly description?: string | undefined }[]
  /** Names of claims that are asked for one by one. */
  readonly claims?: readonly string[]
  readonly error?: 'nothing_chosen' | 'expired' | 'unavailable' | undefined
  /** Further fields that the form sends back unchanged. */
  readonly hidden?: Readonly<Record<string, string>> | undefined
}

function scopeChoice(scope: ConsentPage['scopes'][number], index: number, known: Texts['scopes']): Html {
  const text = Object.hasOwn(known, scope.name) ? known[scope.name as keyof typeof known] : undefined
  const about = scope.description ?? text?.about
  const aboutId = `scope-${index}-about`
  return html`<li><label>
<input type="checkbox" name="scope" value="${scope.name}" checked${attributes({
    'aria-describedby': about === undefined ? undefined : aboutId,
  })}>
<span><span class="title">${text?.title ?? name(scope.name)}</span>${text && html` <code>${scope.name}</code>`}
${about !== undefined && html`<span class="about" id="${aboutId}"><bdi>${about}</bdi></span>`}</span>
</label></li>
`
}

/** The scopes that are asked for, each with a box that is ticked at first. */
export function scopeChoices(scopes: ConsentPage['scopes'], language: Language, isFailed: boolean): Html {
  const text = texts[language].consent
  if (scopes.length === 0) return html`<p>${text.noScopes}</p>`
  const describedBy = isFailed ? `${failureId} scopes-hint` : 'scopes-hint'
  return html`<fieldset${attributes({ 'aria-describedby': describedBy })}>
<legend>${text.scopes}</legend>
<span class="small" id="scopes-hint">${text.scopesHint}</span>
<ul class="scopes">
${scopes.map((scope, index) => scopeChoice(scope, index, texts[language].scopes))}</ul>
</fieldset>`
}

/** Claims that no scope opens (OpenID Connect Core section 5.5), each with a box of its own. */
function claimChoices(claims: readonly string[], language: Language): Html | undefined {
  if (claims.length === 0) return undefined
  const known = claimTexts[language]
  const choice = (claim: string) => html`<li><label>
<input type="checkbox" name="claim" value="${claim}" checked>
<span><span class="title">${Object.hasOwn(known, claim) ? known[claim as keyof typeof known] : name(claim)}</span> <code>${claim}</code></span>
</label></li>
`
  return html`<fieldset>
<legend>${texts[language].consent.claims}</legend>
<ul class="scopes">
${claims.map(choice)}</ul>
</fieldset>`
}

/** The approving button is the first of the form, so Enter on a ticked box approves what is ticked; nothing has the focus at first. */
export function consentPage(options: ConsentPage): string {
  const { language, error, description, links = {} } = options
  const text = texts[language].consent
  const client = name(options.clientName)
  const content = html`<h1>${text.title}</h1>
<p class="lead">${text.lead(client)}</p>
${clientLogo(links)}
${failureNotice(error && texts[language].failures[error])}
<dl class="facts">
<dt>${text.account}</dt><dd>${name(options.username)}</dd>
<dt>${text.application}</dt><dd>${client}</dd>
<dt>${text.applicationId}</dt><dd class="plain">${name(options.clientId)}</dd>
${description !== undefined && html`<dt>${text.description}</dt><dd class="plain">${name(description)}</dd>`}
<dt>${text.returnsTo}</dt><dd>${name(options.redirectHost)}</dd>
</dl>
${clientLinks(links, language)}
<form method="post" action="${options.action}">
${hiddenFields({ ...options.hidden, _csrf: options.csrfToken })}${scopeChoices(options.scopes, language, error !== undefined)}
${claimChoices(options.claims ?? [], language)}
<p class="small">${text.warning(name(options.redirectHost))}</p>
<div class="actions">
<button type="submit" name="decision" value="approve">${text.approve}</button>
<button type="submit" name="decision" value="deny" class="secondary">${text.deny}</button>
</div>
</form>`
  return page({ language, title: text.title, failed: error !== undefined, content })
}
