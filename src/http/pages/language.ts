export type Language = 'en' | 'ko'

const supported: readonly Language[] = ['en', 'ko']

function languageOf(tag: string): Language | undefined {
  const primary = tag.trim().toLowerCase().split('-')[0]
  return supported.find((language) => language === primary)
}

/** RFC 9110 section 12.5.4: highest q first, equal q in the order given, q=0 is a refusal. */
function fromAcceptLanguage(header: string): Language | undefined {
  const ranked = header
    .split(',')
    .slice(0, 32)
    .map((item) => {
      const [tag = '', ...parameters] = item.split(';').map((part) => part.trim())
      const weight = parameters.find((parameter) => /^q=/i.test(parameter))
      return { language: languageOf(tag), q: weight === undefined ? 1 : Number.parseFloat(weight.slice(2)) }
    })
    .filter((item) => item.q > 0 && item.q <= 1)
  ranked.sort((a, b) => b.q - a.q)
  return ranked.find((item) => item.language !== undefined)?.language
}

/**
 * What the client asks for (`ui_locales`, OpenID Connect Core section 3.1.2.1, best first) goes before
 * what the browser says; English where neither names a language that is here.
 */
export function chooseLanguage(wishes: {
  uiLocales?: string | undefined
  acceptLanguage?: string | undefined
}): Language {
  const asked = (wishes.uiLocales ?? '').split(' ', 32).map(languageOf)
  return (
    asked.find((language) => language !== undefined) ??
    fromAcceptLanguage(wishes.acceptLanguage ?? '') ??
    'en'
  )
}
