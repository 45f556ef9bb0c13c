/**
 * Folders that appear whole. One is written under another name, which says who writes it, and gets its own when all of
 * it is on the disk.
 *
 *     NAME               all of it, or not there
 *     NAME.partial-PID   being written by the process PID; where that is dead, of no use to anybody
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFiles, syncFolder } from './durable-file.ts'
import { LedgerError } from './errors.ts'
import { isProcessAlive } from './live-process.ts'

const infix = '.partial-'

/** Removes what processes that died have left of a folder; never what a live one is writing. */
export async function removeLeftovers(folder: string): Promise<void> {
  const parent = dirname(folder)
  const prefix = basename(folder) + infix
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw unwritten(folder, error)
  })
  for (const name of names.filter((name) => name.startsWith(prefix))) {
    const processId = name.slice(prefix.length)
    if (/^\d+$/.test(processId) && !isProcessAlive(Number(processId)))
      await remove(join(parent, name), folder)
  }
}

/**
 * Writes a folder that must not be there, or be empty.
 *
 * Dying before the rename leaves nothing under its name, and dying behind it all of it.
 *
 * @param write is given the other name
 * @throws LedgerError unavailable; what `write` throws
 */
export async function writeFolder<T>(folder: string, write: (partial: string) => Promise<T>): Promise<T> {
  const partial = folder + infix + process.pid
  // Of another process that had the same number, as the first one of every container has.
  await remove(partial, folder)
  let written: T
  try {
    await mkdir(partial, { recursive: true, mode: 0o700 })
    written = await write(partial)
    await syncFiles(partial)
    await rename(partial, folder)
  } catch (error) {
    // What cannot be removed now, the next one who writes the folder removes.
    await rm(partial, { recursive: true, force: true }).catch(() => {})
    throw unwritten(folder, error)
  }
  await syncFolder(dirname(folder)).catch((cause: Error) => {
    throw new LedgerError(
      'unavailable',
      `${folder} is written, but a power cut may undo that: ${cause.message}`,
      { cause },
    )
  })
  return written
}

const remove = (path: string, folder: string): Promise<void> =>
  rm(path, { recursive: true, force: true }).catch((error) => {
    throw unwritten(folder, error)
  })

/** What the operating system says does not always tell which file it is about. */
const unwritten = (folder: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? new LedgerError('unavailable', `${folder} could not be written: ${error.message}`, { cause: error })
    : error
