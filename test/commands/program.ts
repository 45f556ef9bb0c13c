import { fileURLToPath } from 'node:url'
import { type Finished, start } from '../terminal/child-process.ts'

/** The built program: npm test builds it first. */
export const program = fileURLToPath(new URL('../../bin/coinstack-signon', import.meta.url))

/** Runs the program to its end. */
export async function runProgram(
  words: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<Finished> {
  const child = start(process.execPath, [program, ...words], options.environment)
  if (options.input !== undefined) child.write(options.input)
  child.endInput()
  return child.finished
}
