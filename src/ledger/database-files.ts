/**
 * What LevelDB passes over in silence when it opens its files, found before anything is served:
 *
 * - Without the file CURRENT it makes a new, empty database and deletes the tables of the old one.
 * - Of a write-ahead log it skips what its checksums reject and goes on behind it, so a batch in the middle would
 *   be missing although later ones are there. At the end that is what a crash leaves: the batch that was being
 *   written, which nobody was told of (what was acknowledged, src/ledger/head-file.ts knows).
 * - Tables it opens only when they are read, so one that was cut short would be noticed by some request, some day.
 *
 * Altered bytes inside a table are for `audit verify`: only reading everything finds them.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from './crc32c.ts'
import { LedgerError, unreadable } from './errors.ts'

/** Of LevelDB's log format (doc/log_format.md): blocks of records, each a fragment of a batch. */
const blockBytes = 32_768
const headerBytes = 7
const fullRecord = 1
const firstFragment = 2
const lastFragment = 4

const unreadableFile = (file: string, cause: NodeJS.ErrnoException) =>
  unreadable(`${file} cannot be read (${cause.code})`, cause)
const damaged = (file: string, what: string) => new LedgerError('damaged', `${file} ${what}`)

/** Whether there is a database in the directory, or what is left of one. @throws LedgerError unavailable */
export const hasDatabaseFiles = async (directory: string): Promise<boolean> =>
  (await namesIn(directory)).some((name) => /^CURRENT$|^MANIFEST-|\.(ldb|sst|log)$/.test(name))

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw unreadable(`the ledger in ${directory} cannot be read`, error)
  })
}

/** Before LevelDB opens the directory. @throws LedgerError damaged, naming the file */
export async function checkBeforeOpening(directory: string): Promise<void> {
  const names = await namesIn(directory)
  const isWritten = names.some((name) => /^\d+\.(ldb|sst|log)$|^MANIFEST-/.test(name))
  if (isWritten && !names.includes('CURRENT'))
    throw damaged(join(directory, 'CURRENT'), 'is missing, though the ledger has other files')
  if (names.includes('CURRENT')) {
    const manifest = (await bytesOf(join(directory, 'CURRENT'))).toString('latin1').trimEnd()
    if (!names.includes(manifest))
      throw damaged(join(directory, 'CURRENT'), `names a file that is not there: ${JSON.stringify(manifest)}`)
  }
  for (const name of names.filter((name) => /^\d+\.log$/.test(name))) await checkLog(join(directory, name))
}

/**
 * Once LevelDB has opened the directory.
 *
 * @param tables its property `leveldb.sstables`: the tables that count, with their sizes
 * @throws LedgerError damaged or unavailable, naming the file
 */
export async function checkTables(directory: string, tables: () => string): Promise<void> {
  for (const [, number = '', size = ''] of tables().matchAll(/^ (\d+):(\d+)\[/gm)) {
    const file = join(directory, `${number.padStart(6, '0')}.ldb`)
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw unreadableFile(file, error)
    })
    // One that was merged into another meanwhile counts no more.
    if (found?.size !== Number(size) && tables().includes(`\n ${number}:${size}[`))
      throw damaged(file, `has ${found?.size ?? 'no'} bytes, but ${size} were written`)
  }
}

/**
 * A batch is begun only when the one before is on disk. So what is wrong and has the beginning of a batch behind it
 * was once right.
 */
async function checkLog(file: string): Promise<void> {
  const bytes = await bytesOf(file)
  let wrongAt: number | undefined
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const end = Math.min(block + blockBytes, bytes.length)
    for (let at = block; at + headerBytes <= end; ) {
      const length = bytes.readUInt16LE(at + 4)
      const type = bytes[at + 6]!
      const next = at + headerBytes + length
      const isWhole = next <= end && type >= fullRecord && type <= lastFragment
      if (isWhole && unmasked(bytes.readUInt32LE(at)) === crc32c(bytes.subarray(at + 6, next))) {
        if (wrongAt !== undefined && (type === fullRecord || type === firstFragment))
          throw damaged(file, `is damaged at byte ${wrongAt}: what was written behind it is intact`)
      } else wrongAt ??= at
      if (next > end) break
      at = next
    }
  }
}

/** Nothing of a file that another process, which has the ledger open, took away: LevelDB tells that it is locked. */
const bytesOf = (file: string): Promise<Buffer> =>
  readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0)
    throw unreadableFile(file, error)
  })

/** LevelDB stores checksums rotated and shifted (util/crc32c.h). */
function unmasked(stored: number): number {
  const rotated = (stored - 0xa282_ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
