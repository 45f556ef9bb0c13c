/** Files outside LevelDB that are replaced whole. */
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

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

/** What stands in a folder stays there after a crash. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
