import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MonitorSnapshot, monitorScreen } from '../../src/terminal/monitor-screen.ts'

const plain = { charset: 'unicode', colour: false } as const
const snapshot: MonitorSnapshot = {
  authorization: { issuance: 2, consumption: 3 },
  token: { issuance: 4, revocation: 0, refresh: 0 },
  ends: {
    sessions: { expired: 1, logout: 3, user_removed: 0 },
    grants: { code_reuse: 2 },
    notices: { delivered: 2, failed: 0 },
    pauses: { user: 0, client: 0 },
  },
  cache: { hitRate: 1 },
  coinstack: { read: 4, write: 16 },
  history: { client: [], authorization: [3, 1], token: [...new Array(70).fill(0), 250, 0] },
  ledger: { position: 12 },
  anchors: { confirmed: 2, pending: 1, lagEvents: 3 },
}

describe('monitor screen', () => {
  test('is the picture of 1.1, and the ledger below', () => {
    expect(monitorScreen(snapshot, plain).split('\n')).toEqual([
      '# Current services',
      '   Authorization    |           Token           | Cache  |Coinstack',
      'Issuance|Consumption|Issuance|Revocation|Refresh|Hit Rate|Read|Write',
      '   2    |     3     |   4    |    0     |   0   |  100%  | 4  | 16',
      '',
      '# History',
      'Client           1 ┼',
      '                   ┤',
      '                   ┤',
      `                 0 ┼${'─'.repeat(59)}`,
      `Authorization    3 ┼${' '.repeat(57)}╭╮`,
      `                   ┤${' '.repeat(57)}││`,
      `                   ┤${' '.repeat(57)}│╰`,
      `                 0 ┼${'─'.repeat(57)}╯`,
      `Token          250 ┼${' '.repeat(57)}╭╮`,
      `                   ┤${' '.repeat(57)}││`,
      `                   ┤${' '.repeat(57)}││`,
      `                 0 ┼${'─'.repeat(57)}╯╰`,
      '',
      '# Ledger',
      'Position|Anchors Confirmed|Pending|Events Not Anchored',
      '   12   |        2        |   1   |         3',
      'Sessions ended: logout 3, expired 1; logouts told: delivered 2',
      'Grants ended: code reuse 2; pauses: none',
    ])
  })

  test('hit rate: nothing looked up yet, and never 100% with a miss', () => {
    const cellOf = (hitRate: number | null) =>
      monitorScreen({ ...snapshot, cache: { hitRate } }, plain)
        .split('\n')[3]!
        .split('|')[5]!
        .trim()
    expect([null, 0, 0.5, 0.29, 0.9999, 1].map(cellOf)).toEqual(['-', '0%', '50%', '29%', '99%', '100%'])
  })

  test('fits 80 columns and 24 lines with any numbers, and is plain ASCII where asked', () => {
    const number = fc.oneof(fc.nat(), fc.maxSafeNat())
    const seconds = fc.array(number, { maxLength: 80 })
    const tally = fc.dictionary(
      fc.constantFrom('logout', 'password_changed', 'user_removed', 'expired'),
      number,
    )
    const any = fc.record({
      ends: fc.record({ sessions: tally, grants: tally, notices: tally, pauses: tally }),
      authorization: fc.record({ issuance: number, consumption: number }),
      token: fc.record({ issuance: number, revocation: number, refresh: number }),
      cache: fc.record({ hitRate: fc.option(fc.double({ min: 0, max: 1, noNaN: true })) }),
      coinstack: fc.record({ read: number, write: number }),
      history: fc.record({ client: seconds, authorization: seconds, token: seconds }),
      ledger: fc.record({ position: number }),
      anchors: fc.record({ confirmed: number, pending: number, lagEvents: number }),
    })
    fc.assert(
      fc.property(any, fc.constantFrom('unicode' as const, 'ascii' as const), (numbers, charset) => {
        const lines = monitorScreen(numbers, { charset, colour: false }).split('\n')
        expect(lines.length).toBeLessThanOrEqual(24)
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(80)
          if (charset === 'ascii') expect(line).toMatch(/^[ -~]*$/)
        }
      }),
    )
  })

  test('colour changes no letter', () => {
    const coloured = monitorScreen(snapshot, { charset: 'unicode', colour: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken away
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(monitorScreen(snapshot, plain))
    expect(coloured).not.toBe(monitorScreen(snapshot, plain))
  })
})
