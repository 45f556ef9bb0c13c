import { Errors } from '@oclif/core'
import { describe, expect, test } from 'vitest'
import { renderError } from '../../src/terminal/error-line.ts'

const quiet = { debug: false }
const coded = (message: string, more: object) => Object.assign(new Error(message), more)

describe('errors on the terminal', () => {
  test.each([
    ['one of ours', coded('The client not found.', { code: 'unknown-client' }), ['The client not found.'], 1],
    ['several faults', coded('a\nb', { code: 'settings-invalid' }), ['a', 'b'], 1],
    ['an exit code', coded('cancelled', { code: 'cancelled', exitCode: 130 }), ['cancelled'], 130],
    ['the system', coded('connect ECONNREFUSED', { code: 'ECONNREFUSED' }), ['connect ECONNREFUSED'], 1],
    ['no message', coded('', { code: 'ECONNREFUSED' }), ['ECONNREFUSED'], 1],
    ['this.error of oclif', new Errors.CLIError('No such thing', { exit: 3 }), ['No such thing'], 3],
  ])('%s', (_name, error, lines, exitCode) => {
    expect(renderError(error, quiet)).toEqual({ lines, exitCode })
  })

  test.each([
    ['a bug', new TypeError('x is not a function\nmore')],
    ["Node's programming errors", coded('x is not a function', { code: 'ERR_INVALID_ARG_TYPE' })],
    ['a thrown text', 'x is not a function'],
  ])('%s is one line that says so, with the stack only for debug', (_name, error) => {
    const line = 'unexpected error: x is not a function'
    expect(renderError(error, quiet).lines).toEqual([`${line} (run again with --log debug for the details)`])
    const [first, ...stack] = renderError(error, { debug: true }).lines
    expect(first).toBe(line)
    if (error instanceof Error) expect(stack.join('\n')).toContain('    at ')
  })

  test.each([undefined, null, '', {}, new Error()])('%j', (thrown) => {
    expect(renderError(thrown, quiet).lines).toHaveLength(1)
  })

  test('messages of the parser become one line', () => {
    const error = coded('Missing 1 required arg:\nid  The   id\nSee more help with --help', {
      parse: {},
      oclif: { exit: 2 },
    })
    expect(renderError(error, quiet)).toEqual({
      lines: ['missing 1 required arg: id The id (see --help)'],
      exitCode: 2,
    })
  })

  test('a hostile message cannot steer the terminal', () => {
    expect(renderError(coded('\u001b[2Jx', { code: 'a' }), quiet).lines).toEqual(['\\x1b[2Jx'])
  })
})
