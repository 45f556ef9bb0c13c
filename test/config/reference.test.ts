import { describe, expect, test } from 'vitest'
import { settingsReference } from '../../src/config/reference.ts'
import { environmentVariable, settingKeys } from '../../src/config/schema.ts'

describe('docs/settings.md', () => {
  const text = settingsReference()

  test('has every key, and its environment variable', () => {
    for (const key of settingKeys) {
      expect(text).toContain(`### ${key}\n`)
      expect(text).toContain(`\`${environmentVariable(key)}\``)
    }
  })

  test('has tables of one width in columns', () => {
    for (const line of text.split('\n').filter((candidate) => candidate.startsWith('|')))
      expect(line.split('|')).toHaveLength(6)
  })
})
