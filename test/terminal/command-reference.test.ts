import { expect, test } from 'vitest'
import { commandReference } from '../../src/terminal/command-reference.ts'

test('docs/cli.md has usage, arguments, flags and examples, and the shared flags once', () => {
  const log = { name: 'log', char: 'l', type: 'option', options: ['a', 'b'], helpGroup: 'GLOBAL' } as const
  const text = commandReference(
    {
      commands: {
        'b:two': { id: 'b:two', summary: 'do two', args: {}, flags: { log } },
        'a:one': {
          id: 'a:one',
          summary: 'do <%= config.bin %>',
          description: 'At length.',
          examples: ['<%= config.bin %> <%= command.id %> X', { command: 'again' }],
          args: { id: { name: 'id', required: true, description: 'the id' }, more: { name: 'more' } },
          flags: {
            log,
            number: { name: 'number', char: 'n', type: 'option', default: 3, description: 'how many' },
            key: { name: 'key', type: 'option', required: true },
            all: { name: 'all', type: 'boolean', description: 'everything' },
            secret: { name: 'secret', type: 'boolean', hidden: true },
          },
        },
        'b:hidden': { id: 'b:hidden', hidden: true, args: {}, flags: {} },
      },
    },
    { bin: 'prog', topics: { a: { description: 'the first' } } },
  )
  expect(text.match(/--log/g)).toHaveLength(1)
  expect(text.indexOf('### a one')).toBeLessThan(text.indexOf('### b two'))
  expect(text).toContain('prog a one ID [MORE] [--number NUMBER] --key KEY [--all]')
  expect(text).toContain('- `-n, --number NUMBER`: how many; default 3')
  expect(text).toContain('- `--key KEY`: required')
  expect(text).toContain('- `ID`: the id')
  expect(text).toContain('prog a one X\nagain')
  expect(text).toContain('The first.')
  expect(text).not.toContain('secret')
  expect(text).not.toContain('hidden')
})
