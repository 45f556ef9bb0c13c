/** A lock that holds between processes, for as long as whoever has it lives. */
import { Level } from 'level'
import { LedgerError } from './errors.ts'

/**
 * Takes the lock `FILE.lock`. Node knows none that the system takes back from a process that was killed; LevelDB
 * has one, on a folder. Nothing else is ever in that folder.
 *
 * @returns what gives it back; undefined where another process has it
 * @throws LedgerError unavailable
 */
export async function lockBeside(file: string): Promise<(() => Promise<void>) | undefined> {
  const folder = `${file}.lock`
  const lock = new Level(folder)
  try {
    await lock.open()
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    if (cause?.code === 'LEVEL_LOCKED') return undefined
    throw new LedgerError('unavailable', `${folder} cannot be opened: ${cause?.message ?? error}`, {
      cause: error,
    })
  }
  return () => lock.close()
}
