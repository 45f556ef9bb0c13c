/** The processes of the bench: started, waited for, and gone when it ends, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'

export interface RunningProcess {
  pid: number
  /** What `ready` found. */
  found: RegExpMatchArray
}

const longestStartMs = 60_000
const longestStopMs = 10_000

const running = new Set<ChildProcess>()

/** Ends when it has printed something that `ready` matches. @throws with what it wrote, where it ends before */
export async function startProcess(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<RunningProcess> {
  const { child, output } = spawned(words, environment)
  const found = await new Promise<RegExpMatchArray>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${words.at(-1)} ${why}:\n${output.text}`))
    const timer = setTimeout(() => fail('is not ready'), longestStartMs)
    child.stdout?.on('data', () => {
      const match = ready.exec(output.text)
      if (match) resolve(match)
    })
    child.once('error', reject)
    child.once('close', () => fail('ended'))
    child.once('close', () => clearTimeout(timer))
    child.stdout?.once('data', () => clearTimeout(timer))
  })
  return { pid: child.pid!, found }
}

/** Runs to the end and resolves with the standard output. @throws with what it wrote, where it fails */
export async function runProcess(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const { child, output } = spawned(words, environment)
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`${words.slice(-4).join(' ')} failed:\n${output.text}`)
  return output.standard
}

/** Ends all that runs, and waits until it is gone. */
export async function stopProcesses(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close')
      const timer = setTimeout(() => child.kill('SIGKILL'), longestStopMs)
      child.kill('SIGTERM')
      await closed
      clearTimeout(timer)
    }),
  )
}

/** Resident memory in MB. */
export function residentMb(pid: number): number {
  const status = `/proc/${pid}/status`
  const kilobytes = existsSync(status) && /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]
  if (!kilobytes) throw new Error('the memory of a process can be read on Linux only')
  return Math.round(Number(kilobytes) / 1024)
}
