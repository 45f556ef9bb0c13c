import { describe, expect, test } from 'vitest'
import { barTable, blockTable, listTable } from '../../src/terminal/tables.ts'

describe('block of two columns', () => {
  test('alphabetical, continued values below each other, as client check of 1.1', () => {
    const text = blockTable({
      Scopes: ['read', 'write'],
      ClientId: 'trusted',
      AccessTokenValidity: '600',
      Authorities: [],
    })
    expect(text).toBe(
      [
        'AccessTokenValidity  600',
        'Authorities',
        'ClientId             trusted',
        'Scopes               read',
        '                     write',
      ].join('\n'),
    )
  })

  test('long values stay whole', () => {
    expect(blockTable({ A: 'x'.repeat(300) })).toBe(`A  ${'x'.repeat(300)}`)
  })
})

describe('list', () => {
  test('values over 20 characters end in ...', () => {
    const text = listTable(
      ['Client ID', 'Description'],
      [
        ['a', 'exactly twenty chars'],
        ['b', 'exactly twenty-one ch'],
      ],
    )
    expect(text.split('\n')).toEqual([
      'Client ID  Description',
      'a          exactly twenty chars',
      'b          exactly twenty-on...',
    ])
  })

  test('wide letters keep the columns in line, and none is cut in two', () => {
    const text = listTable(
      ['이름', 'D'],
      [
        ['가나다', 'x'],
        ['ab', '가'.repeat(21)],
        ['👩‍👩‍👧', '👩‍👩‍👧'.repeat(21)],
      ],
    )
    expect(text.split('\n').slice(0, 3)).toEqual(['이름    D', '가나다  x', `ab      ${'가'.repeat(17)}...`])
    expect(text).toContain(`${'👩‍👩‍👧'.repeat(17)}...`)
  })

  test('an empty list is its heading', () => {
    expect(listTable(['Client ID', 'Description'], [])).toBe('Client ID  Description')
  })
})

test('nothing from outside steers the terminal', () => {
  const hostile = '\u001b[2J\n\u202ex'
  for (const text of [blockTable({ A: hostile }), listTable(['A'], [[hostile]])])
    expect(text).toContain('\\x1b[2J\\x0a\\u202ex')
})

test('a table without rows is nothing', () => {
  expect(barTable([])).toBe('')
})
