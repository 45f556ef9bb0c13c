import { type Html, html } from './html.ts'
import type { Language } from './language.ts'
import { stylesheetPath } from './stylesheet.ts'
import { texts } from './texts.ts'

const product = 'Coinstack SignOn'

const mark = html`<svg class="mark" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
<path fill="currentColor" d="M14 1 3 5v8c0 7 4.6 12 11 14 6.4-2 11-7 11-14V5L14 1Zm0 7.5a3.5 3.5 0 0 1 1.75 6.5l1 5h-5.5l1-5A3.5 3.5 0 0 1 14 8.5Z"/>
</svg>`

const icon =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 28 28%22%3E%3Cpath fill=%22%231c4587%22 d=%22M14 1 3 5v8c0 7 4.6 12 11 14 6.4-2 11-7 11-14V5L14 1Z%22/%3E%3C/svg%3E'

/**
 * The referrer policy is `same-origin`: nothing of an address leaves the site, yet the forms still send their
 * true `Origin` (under `no-referrer` a browser sends `Origin: null`, and the login could not be checked by it).
 */
export function page(options: {
  readonly language: Language
  readonly title: string
  readonly failed?: boolean
  readonly footer?: string
  readonly content: Html
}): string {
  const { language, content, footer } = options
  const title = options.failed ? `${texts[language].errorPrefix}: ${options.title}` : options.title
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="same-origin">
<meta name="robots" content="noindex, nofollow">
<title>${title} - ${product}</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${stylesheetPath}">
</head>
<body>
<header>${mark}<span>${product}</span></header>
<main>
${content}
</main>
${footer !== undefined && html`<footer>${footer}</footer>`}
</body>
</html>
`.toString()
}

/** A name that somebody else chose: isolated, so that its writing direction cannot reorder our words. */
export function name(value: string): Html {
  return html`<bdi>${value}</bdi>`
}

export function hiddenFields(fields: Readonly<Record<string, string | undefined>>): Html[] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => html`<input type="hidden" name="${field}" value="${value ?? ''}">\n`)
}

export const failureId = 'failure'

export function failureNotice(text: string | undefined): Html | undefined {
  return text === undefined ? undefined : html`<p class="notice" id="${failureId}" role="alert">${text}</p>`
}
