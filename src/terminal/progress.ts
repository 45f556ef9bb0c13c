import { shorten, visible } from './output.ts'

export interface Progress {
  /** Replaces the line. */
  update(text: string): void
  /** Takes the line away, so that what is printed next starts on a clean line. */
  clear(): void
}

/** A line on standard error that changes in place. Where it is no terminal, nothing is written at all. */
export function progressLine(
  stream: { write(text: string): unknown; readonly columns?: number | undefined },
  interactive: boolean,
): Progress {
  if (!interactive) return { update: () => {}, clear: () => {} }
  let shownText = ''
  return {
    update(text) {
      // One column stays free: some terminals wrap as soon as the last one is used.
      const line = shorten(visible(text), Math.max(10, (stream.columns || 80) - 1))
      if (line === shownText) return
      shownText = line
      stream.write(`\r${line}\u001b[K`)
    },
    clear() {
      if (shownText !== '') stream.write('\r\u001b[K')
      shownText = ''
    },
  }
}

const barColumns = 20

/** `[=====               ]  25 %`, in characters that every terminal has. */
export function progressBar(done: number, total: number): string {
  const share = total > 0 ? Math.min(done / total, 1) : 1
  const filled = '='.repeat(Math.floor(share * barColumns))
  return `[${filled.padEnd(barColumns)}] ${String(Math.floor(share * 100)).padStart(3)} %`
}

/**
 * Shows how many events a long work has come through: `verifying events [=====   ] 25 % of 1,200,000, 91,300 a second`.
 *
 * @returns to be told so, and of which step where there are several; each has its own rate
 */
export function eventProgress(
  line: Progress,
  now: () => number,
): (done: number, total: number, step: string) => void {
  let current = ''
  let begunMs = 0
  return (done, total, step) => {
    if (step !== current) {
      current = step
      begunMs = now()
    }
    const seconds = (now() - begunMs) / 1000
    // Before that it would be a guess.
    const rate = seconds < 1 ? '' : `, ${grouped(done / seconds)} a second`
    line.update(`${step} ${progressBar(done, total)} of ${grouped(total)}${rate}`)
  }
}

const grouped = (count: number) => Math.round(count).toLocaleString('en-US')
