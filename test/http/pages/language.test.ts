import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseLanguage } from '../../../src/http/pages/language.ts'
import { texts } from '../../../src/http/pages/texts.ts'

describe('chooseLanguage', () => {
  test.each([
    ['ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7', 'ko'],
    ['en-US,en;q=0.9,ko;q=0.8', 'en'],
    ['en;q=0.3, ko;q=0.7', 'ko'],
    ['en;q=0.5,ko;q=0.5', 'en'],
    ['ko;q=0, fr', 'en'],
    ['fr, de;q=0.9, KO-kr;q=0.1', 'ko'],
    ['*', 'en'],
    ['ko;q=abc', 'en'],
    ['ko;q=7', 'en'],
    ['kok', 'en'],
    ['', 'en'],
  ] as const)('Accept-Language: %s -> %s', (acceptLanguage, expected) => {
    expect(chooseLanguage({ acceptLanguage })).toBe(expected)
  })

  test('ui_locales goes before Accept-Language, its first known language first', () => {
    expect(chooseLanguage({ uiLocales: 'fr-CA ko en', acceptLanguage: 'en' })).toBe('ko')
    expect(chooseLanguage({ uiLocales: 'fr de', acceptLanguage: 'ko' })).toBe('ko')
    expect(chooseLanguage({ uiLocales: '' })).toBe('en')
    expect(chooseLanguage({})).toBe('en')
  })

  test('any header gives a language', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (uiLocales, acceptLanguage) => {
        expect(['en', 'ko']).toContain(chooseLanguage({ uiLocales, acceptLanguage }))
      }),
    )
  })
})

describe('texts', () => {
  const keysOf = (value: unknown, path = ''): string[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => keysOf(inner, `${path}.${key}`))
      : [`${path}: ${typeof value}`]

  test('both languages have the same keys', () => {
    expect(keysOf(texts.ko)).toEqual(keysOf(texts.en))
  })

  test('no text is empty, and the Korean ones are Korean', () => {
    const leaves = (value: unknown): string[] =>
      typeof value === 'string' ? [value] : Object.values(value as object).flatMap(leaves)
    for (const text of leaves(texts.en)) expect(text).toMatch(/^[\x20-\x7e]+$/)
    for (const text of leaves(texts.ko)) expect(text).toMatch(/[\uac00-\ud7a3]/)
  })
})
