import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { isSettingKey, settingKeys } from '../../src/config/schema.ts'
import { parseYamlSettings } from '../../src/config/yaml-layer.ts'

/** Keys with values, and for each key the places where it is cut into nested maps. */
const settingsWithCuts = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom(...settingKeys),
    value: fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.integer().map(String)),
    cuts: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  }),
  { selector: (entry) => entry.key, minLength: 1 },
)

function cutKey(key: string, cuts: readonly boolean[]): string[] {
  const parts: string[] = []
  for (const [index, word] of key.split('.').entries())
    if (index === 0 || cuts[index]) parts.push(word)
    else parts.push(`${parts.pop()}.${word}`)
  return parts
}

function place(tree: Record<string, unknown>, path: readonly string[], value: string): void {
  let map = tree
  for (const part of path.slice(0, -1)) {
    map[part] ??= {}
    map = map[part] as Record<string, unknown>
  }
  map[path.at(-1)!] = value
}

describe('the parser of settings', () => {
  test('gives back what was written, however the keys are nested', () => {
    fc.assert(
      fc.property(settingsWithCuts, (entries) => {
        const tree: Record<string, unknown> = {}
        for (const { key, value, cuts } of entries) place(tree, cutKey(key, cuts), value)
        const { settings, faults } = parseYamlSettings(stringify(tree, { lineWidth: 0 }), 'f')
        expect(faults).toEqual([])
        expect(Object.fromEntries(settings.map(({ key, texts }) => [key, texts[0]]))).toEqual(
          Object.fromEntries(entries.map(({ key, value }) => [key, value])),
        )
      }),
    )
  })

  test('never throws, whatever the text is', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'signon',
        '.',
        ': ',
        ':',
        '- ',
        '\n',
        '  ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '|',
        '>',
        '&a',
        '*a',
      ],
      ...['#', '%', '!', '@', '`', '? ', '---', '...', '\t', '\0', '\ufeff', '<<', ',', '\r', '~', '한'],
    )
    const text = fc.oneof(
      fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
      fc.string(),
    )
    fc.assert(
      fc.property(text, (written) => {
        const { settings, faults } = parseYamlSettings(written, 'f')
        for (const { key, texts } of settings)
          expect([typeof key, Array.isArray(texts)]).toEqual(['string', true])
        for (const { where, problem } of faults) {
          expect(where).toMatch(/^f(:\d+)?$/)
          expect(problem).not.toMatch(/\p{Cc}/u)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('names both lines of a key that is there twice in different forms', () => {
    const text = 'signon.server.port: 1\nsignon:\n  server:\n    port: 2\n'
    expect(parseYamlSettings(text, 'f').faults).toEqual([
      { where: 'f:4', problem: 'signon.server.port is given twice, first in line 1' },
    ])
  })

  test('takes values as they are written', () => {
    const values = ['8080', '0644', '1e5', 'null', '~', '2026-01-01', 'yes', '0x10']
    for (const value of values)
      expect(parseYamlSettings(`signon.log.keep: ${value}`, 'f').settings[0]?.texts).toEqual([value])
  })

  test('an empty file, comments alone and a byte order mark are no fault', () => {
    for (const text of ['', '# nothing\n', '---\n', '\ufeffsignon.log.keep: 3\r\n'])
      expect(parseYamlSettings(text, 'f').faults).toEqual([])
  })

  test('a prototype name is an unknown key like any other', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(isSettingKey(key)).toBe(false)
      expect(parseYamlSettings(`${key}: 1`, 'f').settings[0]?.key).toBe(key)
    }
  })

  test('a very deep text is a fault, not a crash', () => {
    expect(parseYamlSettings('['.repeat(50_000), 'f').faults.length).toBeGreaterThan(0)
    expect(
      parseYamlSettings(`${'{a: '.repeat(20_000)}1${'}'.repeat(20_000)}`, 'f').faults.length,
    ).toBeGreaterThan(0)
  })
})
