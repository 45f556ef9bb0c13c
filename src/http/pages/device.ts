/** The pages of the device grant (RFC 8628 sections 3.3 and 5.4). */
import { scopeChoices } from './consent.ts'
import { attributes, html } from './html.ts'
import type { Language } from './language.ts'
import { failureId, failureNotice, hiddenFields, name, page } from './layout.ts'
import { texts } from './texts.ts'

const action = '/device'

export interface DeviceCodePage {
  readonly language: Language
  readonly csrfToken: string
  /** As it came with the address, or as it was typed. */
  readonly userCode?: string | undefined
  readonly error?: 'wrong' | 'paused' | undefined
}

/** Asks for the code; one that came with the address is shown, and still has to be sent by the person. */
export function deviceCodePage({ language, csrfToken, userCode = '', error }: DeviceCodePage): string {
  const text = texts[language].device
  const notice = error === 'wrong' ? text.wrong : error && texts[language].error.byCode.too_many_requests
  const content = html`<h1>${text.title}</h1>
<p class="lead">${text.lead}</p>
${failureNotice(notice)}
<form method="post" action="${action}">
${hiddenFields({ _csrf: csrfToken })}<div class="field">
<label for="user_code">${text.code}</label>
<input id="user_code" name="user_code" type="text" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="40"${attributes(
    {
      required: true,
      value: userCode,
      autofocus: userCode === '',
      'aria-invalid': error === 'wrong' ? 'true' : undefined,
      'aria-describedby': error === undefined ? undefined : failureId,
    },
  )}>
</div>
<div class="actions"><button type="submit">${text.submit}</button></div>
</form>`
  return page({ language, title: text.title, failed: error !== undefined, content })
}

export interface DeviceConsentPage {
  readonly language: Language
  readonly csrfToken: string
  readonly userCode: string
  readonly clientName: string
  readonly clientId: string
  readonly username: string
  readonly scopes: readonly { readonly name: string }[]
}

/** Shows the code once more: "the authorization server should display the user code" (section 3.3.1). */
export function deviceConsentPage(options: DeviceConsentPage): string {
  const { language } = options
  const { device, consent } = texts[language]
  const content = html`<h1>${device.askTitle}</h1>
<p class="lead">${device.ask(name(options.clientName))}</p>
<dl class="facts">
<dt>${device.shown}</dt><dd><strong>${options.userCode}</strong></dd>
<dt>${consent.account}</dt><dd>${name(options.username)}</dd>
<dt>${consent.application}</dt><dd>${name(options.clientName)}</dd>
<dt>${consent.applicationId}</dt><dd class="plain">${name(options.clientId)}</dd>
</dl>
<form method="post" action="${action}">
${hiddenFields({ _csrf: options.csrfToken, user_code: options.userCode })}${scopeChoices(options.scopes, language, false)}
<p class="small">${device.warning}</p>
<div class="actions">
<button type="submit" name="decision" value="approve">${consent.approve}</button>
<button type="submit" name="decision" value="deny" class="secondary">${consent.deny}</button>
</div>
</form>`
  return page({ language, title: device.askTitle, content })
}

export function deviceDonePage(language: Language, isApproved: boolean): string {
  const text = texts[language].device
  const title = isApproved ? text.approvedTitle : text.deniedTitle
  const content = html`<h1>${title}</h1>
<p>${isApproved ? text.approved : text.denied}</p>`
  return page({ language, title, content })
}
