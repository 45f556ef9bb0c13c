import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appearanceOf, paint, shorten, visible } from '../../src/terminal/output.ts'
import { eventProgress, progressLine } from '../../src/terminal/progress.ts'

describe('what a stream can show', () => {
  const terminal = { isTTY: true, columns: 120 }
  const utf8 = { LANG: 'ko_KR.UTF-8', TERM: 'xterm' }

  test.each([
    ['a terminal', terminal, utf8, { colour: true, charset: 'unicode', columns: 120, interactive: true }],
    ['NO_COLOR', terminal, { ...utf8, NO_COLOR: '1' }, { colour: false, interactive: true }],
    ['an empty NO_COLOR', terminal, { ...utf8, NO_COLOR: '' }, { colour: true }],
    [
      'a dumb terminal',
      terminal,
      { ...utf8, TERM: 'dumb' },
      { colour: false, charset: 'ascii', interactive: false },
    ],
    ['a pipe', {}, utf8, { colour: false, charset: 'unicode', columns: 80, interactive: false }],
    ['no locale', terminal, {}, { charset: 'ascii' }],
    ['LC_ALL over LANG', terminal, { ...utf8, LC_ALL: 'C' }, { charset: 'ascii' }],
    ['a console without the letters', terminal, { ...utf8, TERM: 'linux' }, { charset: 'ascii' }],
  ])('%s', (_name, stream, environment, expected) => {
    expect(appearanceOf(stream, environment)).toMatchObject(expected)
  })
})

test('colour is left out where it is off', () => {
  expect(paint('bold', 'x', false)).toBe('x')
  expect(paint('red', 'x', true)).toBe('\u001b[31mx\u001b[39m')
})

test('no control character survives, and plain text does not change', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/\p{Cc}/u.test(visible(text))))
  expect(visible('한글 abc 👩‍👩‍👧')).toBe('한글 abc 👩‍👩‍👧')
})

test('a shortened text has at most that many characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const short = shorten(text)
      const count = [...new Intl.Segmenter().segment(text)].length
      expect(short === text).toBe(count <= 20)
      if (count > 20) expect(short.endsWith('...')).toBe(true)
    }),
  )
})

describe('progress line', () => {
  test('changes in place and goes away', () => {
    const written: string[] = []
    const progress = progressLine({ columns: 20, write: (text) => written.push(text) }, true)
    progress.update('one')
    progress.update('one')
    progress.update('a text longer than the line\n')
    progress.clear()
    progress.clear()
    expect(written).toEqual(['\rone\u001b[K', '\ra text longer th...\u001b[K', '\r\u001b[K'])
  })

  test('is silent without a terminal', () => {
    const progress = progressLine({ write: () => expect.unreachable() }, false)
    progress.update('one')
    progress.clear()
  })

  test('a bar, and the rate of each step', () => {
    const written: string[] = []
    let nowMs = 1_000_000
    const show = eventProgress({ update: (text) => written.push(text), clear: () => {} }, () => nowMs)
    show(0, 1_200_000, 'events')
    nowMs += 2500
    show(300_000, 1_200_000, 'events')
    show(10, 10, 'read models')
    nowMs += 1000
    show(0, 0, 'read models')
    expect(written).toEqual([
      'events [                    ]   0 % of 1,200,000',
      'events [=====               ]  25 % of 1,200,000, 120,000 a second',
      'read models [====================] 100 % of 10',
      'read models [====================] 100 % of 0, 0 a second',
    ])
  })
})
