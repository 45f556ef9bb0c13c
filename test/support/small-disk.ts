/** A disk so small that it is soon full: a file system in memory, where this user may mount one. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface SmallDisk {
  folder: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives back what was taken. */
  free(): void
}

/** @returns the disk, gone when the test is over; or why there is none */
export function mountSmallDisk(megabytes: number): SmallDisk | string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'signon-disk-'))
  const { status, stderr, error } = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${megabytes}m`,
    'tmpfs',
    folder,
  ])
  if (status !== 0) {
    rmdirSync(folder)
    return `no small file system can be mounted here: ${error?.message ?? stderr.toString().trim()}`
  }
  onTestFinished(() => {
    // A process that was killed a moment ago may still hold it.
    spawnSync('umount', ['--lazy', folder])
    rmdirSync(folder)
  })
  const fillers: string[] = []
  return {
    folder,
    fill() {
      for (let bytes = megabytes << 20; bytes >= 1; bytes = bytes >> 1)
        for (;;) {
          const filler = join(folder, `filler-${fillers.length}`)
          try {
            writeFileSync(filler, Buffer.alloc(bytes))
            fillers.push(filler)
          } catch {
            rmSync(filler, { force: true })
            break
          }
          if (bytes === 1) break
        }
    },
    free() {
      for (const filler of fillers.splice(0)) rmSync(filler, { force: true })
    },
  }
}
