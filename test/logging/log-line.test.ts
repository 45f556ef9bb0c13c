import { describe, expect, test } from 'vitest'
import { prettyLogLine } from '../../src/logging/log-line.ts'

const plain = { colour: false }
const time = Date.UTC(2026, 10, 21, 0, 8, 38, 5)

describe('log lines for people', () => {
  test('time, level, message, fields', () => {
    const line = JSON.stringify({
      level: 30,
      time,
      pid: 1,
      hostname: 'h',
      msg: 'request done',
      ms: 3,
      path: '/a b',
    })
    expect(prettyLogLine(line, plain)).toBe('2026-11-21 00:08:38.005 INFO  request done ms=3 path="/a b"')
  })

  test('nested fields, odd levels, missing parts', () => {
    expect(prettyLogLine('{"level":35,"err":{"code":"E"}}', plain)).toBe('- 35    err={"code":"E"}')
  })

  test('other lines come back as they are', () => {
    for (const line of ['', 'plain text', '{"broken', '{"level"', '[1]', '{}', 'null'])
      expect(prettyLogLine(line, plain)).toBe(line)
  })

  test('nothing that was logged can steer the terminal or begin a new line', () => {
    const hostile = 'x\u001b[2J\r\ny\u202e'
    for (const line of [hostile, JSON.stringify({ level: 30, time, msg: hostile, [hostile]: hostile })])
      expect(prettyLogLine(line, plain)).not.toMatch(/[\p{Cc}\u202e]/u)
  })

  test('colour only repeats the level', () => {
    const line = JSON.stringify({ level: 50, time, msg: 'm' })
    expect(prettyLogLine(line, { colour: true })).toContain('\u001b[31mERROR\u001b[39m')
    expect(prettyLogLine(line, plain)).toContain(' ERROR ')
  })
})
