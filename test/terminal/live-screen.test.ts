import { EventEmitter } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { showLiveScreen } from '../../src/terminal/live-screen.ts'
import { hasTerminal, start, startOnTerminal } from './child-process.ts'

const program = fileURLToPath(new URL('live-screen-program.ts', import.meta.url))
const words = (ending: string) => ['--import', 'tsx', program, ending]
const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'

/** The terminal was taken once and given back once, with nothing of the screen after that. */
function expectRestored(output: string): string {
  expect(output.split(enter)).toHaveLength(2)
  expect(output.split(leave)).toHaveLength(2)
  const after = output.slice(output.indexOf(leave) + leave.length)
  expect(after).not.toContain('screen')
  return after
}

describe.runIf(hasTerminal)('on a terminal', () => {
  test('Ctrl-C gives it back and the program goes on', async () => {
    const child = startOnTerminal(process.execPath, words('signal'))
    await child.shows('screen 2')
    child.write('\u0003')
    const { code, stdout } = await child.finished
    expect(expectRestored(stdout)).toContain('after')
    expect(code).toBe(0)
  })

  test('an error of the drawing gives it back', async () => {
    const { code, stdout } = await startOnTerminal(process.execPath, words('error')).finished
    expect(expectRestored(stdout)).toContain('caught render failed')
    expect(code).toBe(4)
  })

  test('process.exit in the middle gives it back', async () => {
    const { code, stdout } = await startOnTerminal(process.execPath, words('exit')).finished
    expectRestored(stdout)
    expect(code).toBe(3)
  })

  test('an error from nowhere gives it back, and is said after that', async () => {
    const { code, stdout } = await startOnTerminal(process.execPath, words('stray')).finished
    expect(expectRestored(stdout)).toContain('unexpected error: stray fault')
    expect(code).toBe(1)
  })
})

describe('without a terminal', () => {
  test('screens follow each other as plain text, and SIGTERM ends them', async () => {
    const child = start(process.execPath, words('signal'))
    await child.shows('screen 2')
    child.kill('SIGTERM')
    const { code, stdout } = await child.finished
    expect(stdout.startsWith('screen 1\n\nscreen 2\n')).toBe(true)
    expect(stdout.endsWith('after\n')).toBe(true)
    expect(stdout).not.toContain('\u001b')
    expect(code).toBe(0)
  })
})

describe('drawing', () => {
  function screenWith(options: { rows?: number; render: () => string; signal: AbortSignal }) {
    const signals = new EventEmitter()
    const written: string[] = []
    const output = { rows: options.rows, write: (text: string) => written.push(text) }
    const appearance = { interactive: true }
    const { render, signal } = options
    const shown = showLiveScreen({ output, appearance, signals, intervalMs: 1, render, signal })
    return { signals, written, shown }
  }

  test('each signal ends it, the abort signal too, and no listener stays', async () => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'abort']) {
      const ending = new AbortController()
      const { signals, written, shown } = screenWith({ render: () => 'text', signal: ending.signal })
      await new Promise((resolve) => setTimeout(resolve, 10))
      if (name === 'abort') ending.abort()
      else signals.emit(name)
      await shown
      expect(written.at(-1)).toBe(leave)
      expect(signals.eventNames()).toEqual([])
    }
  })

  test('an earlier abort draws nothing', async () => {
    const { written, shown } = screenWith({ render: () => 'text', signal: AbortSignal.abort() })
    await shown
    expect(written).toEqual([])
  })

  test('clears what is left of each line and cuts what does not fit', async () => {
    const ending = new AbortController()
    const { written, shown } = screenWith({ rows: 2, render: () => 'a\nb\nc', signal: ending.signal })
    await new Promise((resolve) => setTimeout(resolve, 10))
    ending.abort()
    await shown
    expect(written[1]).toBe('\u001b[Ha\u001b[K\r\nb\u001b[K\u001b[J')
  })
})
