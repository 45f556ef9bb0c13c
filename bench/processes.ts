/** The processes of the bench: started, waited for, and gone when it ends, however it ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

export interface RunningProcess {
  pid: number
  /** What `ready` found in its output. */
  found: RegExpExecArray
  /** Ends it, and resolves when it is gone. */
  stop(): Promise<void>
}

const longestStartMs = 60_000
const longestStopMs = 10_000
/** Of a process' output so much is kept, to be shown where it fails. */
const keptCharacters = 10_000

interface Child {
  process: ChildProcess
  /** Standard output and standard error, the last of it. */
  output: string
  /** Resolves with the exit status; null where a signal ended it. */
  ended: Promise<number | null>
}

const children = new Set<Child>()

function start(words: readonly string[], environment: NodeJS.ProcessEnv, onOutput: () => void): Child {
  const [program = '', ...rest] = words
  const child = spawn(program, rest, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', (status) => resolve(status))
  }).finally(() => children.delete(entry))
  // Who waits for it hears of a failure; nobody else has to.
  ended.catch(() => {})
  const entry: Child = { process: child, output: '', ended }
  children.add(entry)
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      entry.output = (entry.output + text).slice(-keptCharacters)
      onOutput()
    })
  return entry
}

/** Resolves when the process has written what `ready` matches. @throws with what it wrote otherwise */
export function startProcess(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<RunningProcess> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${words.join(' ')} ${why}:\n${child.output}`))
    const timer = setTimeout(() => fail('was not ready in time'), longestStartMs)
    let isReady = false
    const child = start(words, environment, () => {
      const found = isReady ? null : ready.exec(child.output)
      if (!found) return
      isReady = true
      clearTimeout(timer)
      resolve({ pid: child.process.pid!, found, stop: () => stop(child) })
    })
    child.ended.then(
      () => fail('ended'),
      (error) => reject(error),
    )
    child.ended.finally(() => clearTimeout(timer)).catch(() => {})
  })
}

/** Runs to the end and resolves with the output. @throws with the output, where it fails */
export async function runProcess(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const child = start(words, environment, () => {})
  const status = await child.ended
  if (status !== 0) throw new Error(`${words.join(' ')} failed (${status}):\n${child.output}`)
  return child.output
}

/** Ends all that runs, and resolves when it is gone. */
export async function stopProcesses(): Promise<void> {
  await Promise.all([...children].map(stop))
}

async function stop({ process, ended }: Child): Promise<void> {
  const timer = setTimeout(() => process.kill('SIGKILL'), longestStopMs)
  process.kill('SIGTERM')
  await ended.catch(() => {})
  clearTimeout(timer)
}

/** Processor time that a process has used, in µs; NaN where the system does not tell (not Linux). */
export function processorMicros(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return Number.NaN
  const text = readFileSync(file, 'latin1')
  // The second field is the name in brackets; user and system time are the 14th and 15th, in 1/100 s (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Resident memory in MB: all of it, or (Linux) without what is a file's. */
export function residentMb(pid: number, kind: 'VmRSS' | 'RssAnon' = 'VmRSS'): number {
  const file = `/proc/${pid}/status`
  const kilobytes = existsSync(file)
    ? new RegExp(`^${kind}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'))?.[1]
    : spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout
  return Math.round(Number(kilobytes) / 1024)
}
