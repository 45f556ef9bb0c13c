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
