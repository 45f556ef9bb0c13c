import type { Appearance } from './output.ts'

const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'
const home = '\u001b[H'
const clearLine = '\u001b[K'
const clearBelow = '\u001b[J'

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What of `process` the screen needs; a test passes an EventEmitter. */
export interface SignalSource {
  once(event: string, listener: () => void): unknown
  removeListener(event: string, listener: () => void): unknown
}

export interface LiveScreenOptions {
  readonly output: { write(text: string): unknown; readonly rows?: number | undefined }
  readonly appearance: Pick<Appearance, 'interactive'>
  readonly signals: SignalSource
  readonly intervalMs: number
  /** Gives the text of the next screen; throwing ends the screen with that error. */
  readonly render: () => string | Promise<string>
  /** Ends the screen from outside. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Shows a screen again and again until SIGINT, SIGTERM, SIGHUP or the abort signal, then resolves.
 * On a terminal it uses the alternate buffer without cursor, and whatever happens (an error of `render`,
 * a signal, process.exit in the middle) the buffer and the cursor are given back exactly once.
 * Elsewhere the screens follow each other as plain text.
 */
export async function showLiveScreen(options: LiveScreenOptions): Promise<void> {
  const { output, appearance, signals, intervalMs, render, signal } = options
  const ended = new AbortController()
  const end = () => ended.abort()
  let taken = false
  const restore = () => {
    if (taken) output.write(leave)
    taken = false
  }

  for (const name of endingSignals) signals.once(name, end)
  signals.once('exit', restore)
  signal?.addEventListener('abort', end, { once: true })
  try {
    let first = true
    while (!ended.signal.aborted && !signal?.aborted) {
      const text = await render()
      if (ended.signal.aborted) break
      if (appearance.interactive) {
        if (first) output.write(enter)
        taken = true
        output.write(frame(text, output.rows))
      } else {
        output.write(first ? `${text}\n` : `\n${text}\n`)
      }
      first = false
      await pause(intervalMs, ended.signal)
    }
  } finally {
    restore()
    for (const name of endingSignals) signals.removeListener(name, end)
    signals.removeListener('exit', restore)
    signal?.removeEventListener('abort', end)
  }
}

// Overwrites in place: clearing first would flicker. A text longer than the window is cut, not scrolled.
function frame(text: string, rows: number | undefined): string {
  const lines = text.split('\n').slice(0, rows && rows > 0 ? rows : undefined)
  return `${home}${lines.map((line) => line + clearLine).join('\r\n')}${clearBelow}`
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
