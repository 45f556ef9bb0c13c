/** How a command ends that runs until it is told to, and one whose readers have gone. */

/** Ctrl-C, a polite end, and a terminal that is closed. */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What of `process` is needed; a test passes an EventEmitter. */
export interface SignalSource {
  once(event: string, listener: () => void): unknown
  removeListener(event: string, listener: () => void): unknown
}

export interface Ending {
  /** Aborted when somebody asks for the end. */
  readonly signal: AbortSignal
  /** From now on the signals have their usual effect. */
  forget(): void
}

/** Waits for a signal to end, from now on; a second one has its usual effect. */
export function awaitEnding(source: SignalSource): Ending {
  const ended = new AbortController()
  const end = () => ended.abort()
  for (const name of endingSignals) source.once(name, end)
  return {
    signal: ended.signal,
    forget() {
      for (const name of endingSignals) source.removeListener(name, end)
    },
  }
}

/** 128 and the number of SIGPIPE, which is how a shell tells of a program that wrote to nobody. */
const unreadExitCode = 141

/**
 * Where nobody reads any more (`| head -1`, a closed terminal) the program ends without a word. Results that cannot be
 * written for another reason are an error.
 */
export function endWithReaders(source: NodeJS.Process): void {
  const end = ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || code === 'EIO') source.exit(unreadExitCode)
    source.stderr.write(`the output cannot be written: ${code ?? message}\n`)
    source.exit(1)
  }
  source.stdout.on('error', end)
  source.stderr.on('error', end)
}

/** A server serves on, whoever reads what it says. */
export function outliveReaders({ stdout, stderr }: NodeJS.Process): void {
  for (const stream of [stdout, stderr]) stream.removeAllListeners('error').on('error', () => {})
}
