/** Files outside LevelDB that are replaced whole. */
import { open, readdir, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Replaces a file: whoever reads it finds the old text or the new one, also after a crash. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await renameDurably(temporary, file)
}

/** Renames a file or folder; when this resolves, a crash does not undo it. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** @throws where that cannot be told */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** What stands in a folder stays there after a crash. */
export const syncFolder = (folder: string): Promise<void> => sync(folder)

/** As `syncFolder`, with the content of all that stands there. */
export async function syncFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    await (entry.isDirectory() ? syncFiles(path) : sync(path))
  }
  await sync(folder)
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
