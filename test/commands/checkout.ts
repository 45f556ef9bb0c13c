import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

const commandText = `import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class TryThrow extends BaseCommand {
  async run(): Promise<void> {
    await this.parse(TryThrow)
    this.note('about to throw', 'debug')
    if (process.env.STRAY) process.emitWarning('take care\\nof this')
    if (process.env.STRAY) setTimeout(() => { throw new TypeError('stray') }, 1)
    else throw new TypeError('a fault of the program')
    await new Promise((resolve) => setTimeout(resolve, 10_000))
  }
}
`

/**
 * A checkout in a folder, as a clone would be, with the real bin, package.json and compiler settings, but only
 * the terminal room and two commands, so that its build is quick. The dependencies are linked.
 */
export function makeCheckout(folder: string): void {
  const copied = [
    'bin',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'src/terminal',
  ]
  for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeCommand(folder, 'try/throw', commandText)
  writeCommand(folder, 'try/greet', greeting('hello'))
}

/** Text of a command that prints a word. */
export function greeting(word: string): string {
  return `import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class TryGreet extends BaseCommand {
  async run(): Promise<{ word: string }> {
    await this.parse(TryGreet)
    this.log('${word}')
    return { word: '${word}' }
  }
}
`
}

export function writeCommand(folder: string, name: string, text: string): void {
  const file = join(folder, 'commands', `${name}.ts`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Puts a program named `npm` into a folder that notes its arguments and then does what the shell lines say. */
export function fakeNpm(folder: string, lines: string): { readonly path: string; calls(): string } {
  const path = join(folder, 'fake')
  mkdirSync(path)
  const log = join(path, 'calls')
  writeFileSync(join(path, 'npm'), `#!/bin/sh\necho "$@" >> '${log}'\n${lines}\n`)
  chmodSync(join(path, 'npm'), 0o755)
  return { path, calls: () => readFileSync(log, 'utf8') }
}
