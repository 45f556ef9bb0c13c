import { spawn, spawnSync } from 'node:child_process'

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  write(text: string): void
  endInput(): void
  /** Reads no more of what it says: its next word finds the pipes closed. */
  closeOutput(): void
  kill(signal: NodeJS.Signals): void
  /** Resolves once the text has appeared on standard output or standard error. */
  shows(text: string): Promise<void>
  /** What has appeared on standard output until now. */
  output(): string
  /** What has appeared on standard error until now. */
  errorOutput(): string
  readonly finished: Promise<Finished>
}

/** Starts a process without a terminal, in an environment of only PATH, HOME and what is given. */
export function start(
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Running {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command, words, { env: { PATH, HOME, ...environment }, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  // A process that ends early closes its input; that is for its exit code to tell.
  child.stdin.on('error', () => {})
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    pid: child.pid!,
    write: (text) => child.stdin.write(text),
    endInput: () => child.stdin.end(),
    closeOutput() {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    kill: (signal) => child.kill(signal),
    async shows(text) {
      for (let tries = 0; !`${stdout}${stderr}`.includes(text); tries++) {
        if (tries > 1500) throw new Error(`never shown: ${text}; shown: ${stdout}${stderr}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    output: () => stdout,
    errorOutput: () => stderr,
    finished,
  }
}

/** Starts a process on a pseudo-terminal by util-linux' `script`. */
export function startOnTerminal(
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Running {
  const line = [command, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  // exec: a shell in between would take Ctrl-C for itself and hide the exit code.
  return start('script', ['-qefc', `exec ${line}`, '/dev/null'], {
    TERM: 'xterm',
    SHELL: '/bin/sh',
    ...environment,
  })
}

/** Whether `startOnTerminal` works here (BSD's `script` has other flags). */
export const hasTerminal =
  spawnSync('script', ['-qefc', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0
