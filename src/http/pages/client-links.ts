import type { ClientMetadata } from '../../oauth/client-metadata.ts'
import { type Html, html } from './html.ts'
import type { Language } from './language.ts'
import { texts } from './texts.ts'

/** What a client shows of itself: "the server SHOULD display" its logo, policy and terms (RFC 7591 section 2). */
export type ClientLinks = Pick<ClientMetadata, 'clientUri' | 'logoUri' | 'policyUri' | 'tosUri'>

export function clientLogo({ logoUri }: ClientLinks): Html | undefined {
  if (logoUri === undefined) return undefined
  return html`<p><img class="logo" src="${logoUri}" alt="" height="48" referrerpolicy="no-referrer"></p>`
}

export function clientLinks(
  { clientUri, policyUri, tosUri }: ClientLinks,
  language: Language,
): Html | undefined {
  const text = texts[language].client
  const shown = [
    [clientUri, text.page],
    [policyUri, text.policy],
    [tosUri, text.terms],
  ].flatMap(([address, title]) =>
    address === undefined
      ? []
      : [html`<li><a href="${address}" target="_blank" rel="noopener noreferrer">${title}</a></li>\n`],
  )
  return shown.length === 0 ? undefined : html`<ul class="links">\n${shown}</ul>`
}
