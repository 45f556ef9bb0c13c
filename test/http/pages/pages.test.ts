import { describe, expect, test } from 'vitest'
import { consentPage } from '../../../src/http/pages/consent.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import { loginPage } from '../../../src/http/pages/login.ts'
import { palettes, stylesheet, stylesheetPath } from '../../../src/http/pages/stylesheet.ts'
import { samplePages } from './samples.ts'

const languages = ['en', 'ko'] as const
const all = languages.flatMap((language) =>
  Object.entries(samplePages(language, (text) => text)).map(([name, page]) => ({ language, name, page })),
)
const count = (page: string, pattern: RegExp) => [...page.matchAll(pattern)].length

describe.each(all)('$name page in $language', ({ language, page }) => {
  test('is one complete document with title, landmarks and one heading', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="(en|ko)">/)
    expect(page).toContain(`<html lang="${language}">`)
    expect(page).toMatch(/<title>[^<]+<\/title>/)
    for (const once of [/<main>/g, /<h1>/g, /<header>/g, /<\/html>/g]) expect(count(page, once)).toBe(1)
  })

  test('needs nothing but itself and the stylesheet', () => {
    expect(page).toContain(`<link rel="stylesheet" href="${stylesheetPath}">`)
    expect(page).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=|(?:src|href)="(?:https?:)?\/\//)
  })

  test('labels every field, and every id it refers to is there once', () => {
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1])
    expect(new Set(ids).size).toBe(ids.length)
    const references = [...page.matchAll(/(?:for|aria-describedby)="([^"]+)"/g)]
    for (const id of references.flatMap((match) => match[1]?.split(' ') ?? [])) expect(ids).toContain(id)
    const visible = [...page.matchAll(/<input(?![^>]*type="hidden")[^>]*>/g)].map((match) => match[0])
    expect(count(page, /<label/g)).toBe(visible.length)
  })

  test('every form posts the CSRF token', () => {
    expect(count(page, /<form method="post"/g)).toBe(count(page, /<form/g))
    expect(count(page, /name="_csrf" value="csrfToken"/g)).toBe(count(page, /<form/g))
  })
})

describe('login', () => {
  const options = { language: 'en', csrfToken: 't', action: '/login' } as const

  test('autocomplete, focus, and no continue field unless asked', () => {
    const page = loginPage(options)
    expect(page).toMatch(/name="username"[^>]*autocomplete="username"[^>]*autofocus/)
    expect(page).toMatch(/name="password"[^>]*autocomplete="current-password"/)
    expect(page).not.toContain('name="continue"')
    expect(page).not.toContain('role="alert"')
  })

  test.each(['credentials', 'expired', 'unavailable'] as const)(
    'error %s is announced and described',
    (error) => {
      const page = loginPage({ ...options, error, username: 'alice' })
      expect(page).toContain('<p class="notice" id="failure" role="alert">')
      expect(page).toContain('<title>Error: Sign in')
      expect(page).toMatch(/name="password"[^>]*aria-describedby="failure"[^>]*autofocus/)
      expect(page.includes('aria-invalid')).toBe(error === 'credentials')
    },
  )
})

describe('consent', () => {
  const options = {
    language: 'ko',
    csrfToken: 't',
    action: '/oauth/confirm_access',
    clientName: 'Bank',
    clientId: 'bank',
    redirectHost: 'bank.example',
    username: 'alice',
  } as const

  test('known scopes have a text, others their name, a given description goes first', () => {
    const scopes = [{ name: 'openid' }, { name: 'read', description: 'Only balances' }, { name: 'toString' }]
    const page = consentPage({ ...options, scopes })
    expect(page).toContain('본인 확인')
    expect(page).toContain('Only balances')
    expect(page).toContain('<bdi>toString</bdi>')
    expect(count(page, /type="checkbox" name="scope" value="[^"]+" checked/g)).toBe(3)
  })

  test('without scopes it says so, and the choice stays', () => {
    const page = consentPage({ ...options, scopes: [] })
    expect(page).not.toContain('<fieldset')
    expect(page).toMatch(/value="approve"[\s\S]*value="deny"/)
  })
})

describe('error', () => {
  test('the server’s own faults show no detail', () => {
    const page = errorPage({
      language: 'en',
      status: 500,
      error: 'server_error',
      description: 'LevelDB at /data',
    })
    expect(page).not.toContain('LevelDB')
  })

  test.each(['Error: x\n    at run (a.ts:1:1)', '<b>', 'C:\\data', '한글'])(
    'not a text for the wire: %j',
    (text) => {
      const page = errorPage({ language: 'en', status: 400, error: text, description: text })
      expect(page).toContain('<code>invalid_request</code>')
      if (text !== '<b>') expect(page).not.toContain(text)
      else expect(page).toContain('&lt;b&gt;')
    },
  )

  test('a code without a text of its own is explained by its status', () => {
    const page = errorPage({ language: 'en', status: 404, error: 'nowhere' })
    expect(page).toContain('There is no page at this address.')
    expect(page).toContain('<code>nowhere</code>')
  })
})

describe('stylesheet', () => {
  test('is named by its content and loads nothing', () => {
    expect(stylesheetPath).toMatch(/^\/assets\/signon-[0-9a-f]{16}\.css$/)
    expect(stylesheet).not.toMatch(/url\(|@import|undefined/)
    const open = count(stylesheet, /\{/g)
    expect(count(stylesheet, /\}/g)).toBe(open)
  })

  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one: string, other: string) => {
    const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  }

  test.each(['light', 'dark'] as const)('contrast of WCAG 2.2 AA in the %s scheme', (scheme) => {
    const palette = palettes[scheme]
    for (const ground of [palette.ground, palette.card, palette.inset]) {
      for (const ink of ['text', 'muted', 'primary', 'primary-strong'] as const) {
        expect(contrast(palette[ink], ground), ink).toBeGreaterThanOrEqual(4.5)
      }
      for (const edge of ['control', 'focus'] as const) {
        expect(contrast(palette[edge], ground), edge).toBeGreaterThanOrEqual(3)
      }
    }
    expect(contrast(palette.alert, palette['alert-ground'])).toBeGreaterThanOrEqual(4.5)
    expect(contrast(palette['on-primary'], palette.primary)).toBeGreaterThanOrEqual(4.5)
    expect(contrast(palette['on-primary'], palette['primary-strong'])).toBeGreaterThanOrEqual(4.5)
  })
})
