import { closeSync, mkdirSync, openSync, rmSync, write, writeSync } from 'node:fs'
import { join } from 'node:path'
import { dailyFileName, dailyFiles } from './daily-files.ts'
import { prettyLogLine } from './log-line.ts'

export interface DailyLogOptions {
  readonly folder: string
  readonly format: 'json' | 'text'
  /** How many files are kept, today's included. */
  readonly keep: number
  readonly now: () => Date
  /** Told when lines could not be written; logging then goes on with the next ones. */
  readonly onError: (error: Error) => void
}

/** A destination for pino: give it as `stream`. */
export interface DailyLog {
  write(line: string): void
  /** Writes what is waiting before it returns, for the last words of a dying process. */
  flushSync(): void
  /** Resolves when everything is written and the file is closed; later lines are dropped. */
  close(): Promise<void>
}

// With a stuck disk the log gives way, never the server: beyond this much waiting, lines are dropped.
const mostWaitingCharacters = 16 * 1024 * 1024

/**
 * Writes `server-YYYY-MM-DD.log`, one file a day, and keeps the newest ones. Lines are collected while a write
 * is under way, so a request never waits for the disk; the file of a line is that of the day it was logged on.
 */
export function createDailyLog(options: DailyLogOptions): DailyLog {
  const { folder, format, keep, now, onError } = options
  let queue: { readonly name: string; text: string }[] = []
  let waiting = 0
  let dropped = 0
  let open: { readonly name: string; readonly descriptor: number } | undefined
  let busy = false
  let closed = false
  let whenIdle: (() => void) | undefined

  mkdirSync(folder, { recursive: true, mode: 0o700 })

  const descriptorOf = (name: string): number => {
    if (open?.name === name) return open.descriptor
    if (open !== undefined) closeSync(open.descriptor)
    open = undefined
    const descriptor = openSync(join(folder, name), 'a', 0o600)
    open = { name, descriptor }
    for (const old of dailyFiles(folder).slice(0, -keep)) rmSync(old, { force: true })
    return descriptor
  }

  const enqueue = (line: string) => {
    const name = dailyFileName(now())
    const text = format === 'json' ? line : `${prettyLogLine(line.trimEnd(), { colour: false })}\n`
    const last = queue.at(-1)
    if (last?.name === name) last.text += text
    else queue.push({ name, text })
    waiting += text.length
  }

  const next = () => {
    const batch = queue.shift()
    if (batch === undefined) {
      busy = false
      whenIdle?.()
      return
    }
    waiting -= batch.text.length
    busy = true
    const failed = (error: Error) => {
      onError(error)
      setImmediate(next)
    }
    try {
      writeAll(descriptorOf(batch.name), Buffer.from(batch.text), (error) => (error ? failed(error) : next()))
    } catch (error) {
      failed(error as Error)
    }
  }

  return {
    write(line) {
      if (closed) return
      if (waiting > mostWaitingCharacters) {
        dropped++
        return
      }
      if (dropped > 0) {
        enqueue(
          `${JSON.stringify({ level: 40, time: now().getTime(), msg: 'log lines dropped', dropped })}\n`,
        )
        dropped = 0
      }
      enqueue(line)
      if (!busy) {
        busy = true
        // One turn later: the lines of one turn of the event loop share a write.
        setImmediate(next)
      }
    },
    flushSync() {
      const batches = queue
      queue = []
      waiting = 0
      try {
        for (const { name, text } of batches) writeSync(descriptorOf(name), text)
      } catch (error) {
        onError(error as Error)
      }
    },
    async close() {
      closed = true
      if (busy)
        await new Promise<void>((resolve) => {
          whenIdle = resolve
        })
      if (open !== undefined) closeSync(open.descriptor)
      open = undefined
    },
  }
}

// A write may take only a part, on a nearly full disk for one.
function writeAll(descriptor: number, bytes: Buffer, done: (error: Error | null) => void): void {
  write(descriptor, bytes, (error, written) => {
    if (error !== null || written === bytes.length) done(error)
    else writeAll(descriptor, bytes.subarray(written), done)
  })
}
