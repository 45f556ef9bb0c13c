/** Programs that end by `kill -9` alone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'

/** Runs a program until it has printed so many lines, kills it, and gives all lines it has printed. */
export async function runAndKill(
  program: URL,
  words: readonly string[],
  count: number,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const loader = program.pathname.endsWith('.ts') ? ['--import', 'tsx'] : []
  const child = spawn(process.execPath, [...loader, fileURLToPath(program), ...words], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const closed = once(child, 'close')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === count) child.kill('SIGKILL')
  }
  expect(await closed).toEqual([null, 'SIGKILL'])
  return lines
}
