import { awaitEnding, type SignalSource } from './ending.ts'
import type { Appearance } from './output.ts'

const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'
const home = '\u001b[H'
const clearLine = '\u001b[K'
const clearBelow = '\u001b[J'

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
  const asked = awaitEnding(signals)
  const ended = signal ? AbortSignal.any([asked.signal, signal]) : asked.signal
  let taken = false
  const restore = () => {
    if (taken) output.write(leave)
    taken = false
  }

  signals.once('exit', restore)
  try {
    let first = true
    while (!ended.aborted) {
      const text = await render()
      if (ended.aborted) break
      if (appearance.interactive) {
        if (first) output.write(enter)
        taken = true
        output.write(frame(text, output.rows))
      } else {
        output.write(first ? `${text}\n` : `\n${text}\n`)
      }
      first = false
      await pause(intervalMs, ended)
    }
  } finally {
    restore()
    asked.forget()
    signals.removeListener('exit', restore)
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
