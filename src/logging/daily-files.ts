import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const pattern = /^server-\d{4}-\d{2}-\d{2}\.log$/

/** Name of the log file of a moment, by the day of this machine's time zone. */
export function dailyFileName(moment: Date): string {
  const day = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()]
  const [year, month, date] = day.map((part) => String(part).padStart(2, '0'))
  return `server-${year!.padStart(4, '0')}-${month}-${date}.log`
}

/** Paths of the log files of a folder, the oldest first. A folder that is not there has none. */
export function dailyFiles(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name))
}
