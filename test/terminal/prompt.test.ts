import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { hasTerminal, start, startOnTerminal } from './child-process.ts'

const program = fileURLToPath(new URL('prompt-program.ts', import.meta.url))
const words = ['--import', 'tsx', program]

async function answered(input: string) {
  const child = start(process.execPath, words)
  child.write(input)
  child.endInput()
  return child.finished
}

describe('questions through a pipe', () => {
  test('all answers at once, a default, a wrong answer asked again', async () => {
    const { code, stdout, stderr } = await answered('\nold\n 42 \nmaybe\nYES')
    expect(JSON.parse(stdout)).toEqual({ name: 'nobody', age: '42', agreed: true })
    expect(stderr.split('\n')).toEqual([
      'Name [nobody]: ',
      'Age: ',
      'not a number',
      'Age: ',
      'Agreed? [y/n] ',
      'please answer y or n',
      'Agreed? [y/n] ',
      '',
    ])
    expect(code).toBe(0)
  })

  test('an input that ends early is an error that names the question', async () => {
    const { code, stdout } = await answered('me\n')
    expect(stdout).toBe('the input ended before this was answered: Age:\n')
    expect(code).toBe(1)
  })
})

describe.runIf(hasTerminal)('questions on a terminal', () => {
  test('answers as they are typed', async () => {
    const child = startOnTerminal(process.execPath, words)
    await child.shows('Name [nobody]: ')
    child.write('me\r')
    await child.shows('Age: ')
    child.write('7\r')
    await child.shows('Agreed? [y/n] ')
    child.write('n\r')
    const { code, stdout } = await child.finished
    expect(stdout).toContain('{"name":"me","age":"7","agreed":false}')
    expect(code).toBe(0)
  })

  test('Ctrl-C cancels', async () => {
    const child = startOnTerminal(process.execPath, words)
    await child.shows('Name [nobody]: ')
    child.write('\u0003')
    const { code, stdout } = await child.finished
    expect(stdout).toContain('cancelled')
    expect(code).toBe(130)
  })
})
