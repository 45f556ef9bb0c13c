import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attributes, escapeHtml, html } from '../../../src/http/pages/html.ts'
import { samplePages } from './samples.ts'

const hostile = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.string({
    minLength: 1,
    unit: fc.constantFrom('<', '>', '"', "'", '&', '=', ' ', '/', '`', '\n', '\0', 'a', '-', '!'),
  }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    '</title><script>',
    '&lt;script&gt;',
    '--><svg onload=alert(1)>',
  ),
)

describe('escaping', () => {
  test('no text yields a character that markup could begin or end with', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeHtml(text)
        expect(escaped).not.toMatch(/[<>"']/)
        expect(escaped.replace(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&')
      }),
    )
  })

  test('no text given to any page changes the tags and attributes of that page', () => {
    const skeleton = (page: string) => page.replace(/[^<>"]/g, '')
    const harmless = samplePages('en', () => 'x')
    fc.assert(
      fc.property(hostile, (text) => {
        const pages = samplePages('en', () => text)
        for (const [name, page] of Object.entries(pages)) {
          if (name !== 'error') expect(skeleton(page), name).toBe(skeleton(harmless[name] ?? ''))
          expect(page.split('<').length, name).toBe(page.split(/<(?=[a-z/!])/).length)
          expect(page).not.toMatch(/<script|<img|<[^>"]*\son[a-z]+=/)
        }
      }),
    )
  })
})

describe('html template', () => {
  test('escapes text and passes markup that it made itself', () => {
    expect(html`<p title="${'a"b'}">${'<i>'}${html`<b>${1}</b>`}${[html`<i></i>`]}</p>`.toString()).toBe(
      '<p title="a&quot;b">&lt;i&gt;<b>1</b><i></i></p>',
    )
    expect(html`<p>${undefined}${false}</p>`.toString()).toBe('<p></p>')
  })

  test('a look-alike of safe markup is refused', () => {
    const forged = { toString: () => '<script>' } as unknown as string
    expect(() => html`<p>${forged}</p>`).toThrow(TypeError)
  })

  test.each<[string, () => unknown]>([
    ['unquoted attribute', () => html`<p title=${'x'}></p>`],
    ['tag name', () => html`<${'p'}>`],
    ['attribute list', () => html`<p ${'onclick=x'}></p>`],
    ['markup in an attribute', () => html`<p title="${html`<b>"</b>`}"></p>`],
    ['attributes in the text', () => html`<p>${attributes({ title: 'x' })}</p>`],
    ['script', () => html`<script>${'x'}</script>`],
    ['style', () => html`<style>${'x'}</style>`],
    ['single quotes', () => html`<p title='${'x'}'></p>`],
    ['unfinished tag', () => html`<p title="${'x'}"`],
  ])('a value in the wrong place is an error: %s', (_name, make) => {
    expect(make).toThrow(TypeError)
  })

  test('attributes: true is bare, false and undefined are not there, handlers are refused', () => {
    const made = html`<input${attributes({ value: '"><', checked: true, disabled: false, id: undefined })}>`
    expect(made.toString()).toBe('<input value="&quot;&gt;&lt;" checked>')
    for (const name of ['onclick', 'style', 'a b', 'A', '']) {
      expect(() => attributes({ [name]: 'x' })).toThrow(TypeError)
    }
  })
})
