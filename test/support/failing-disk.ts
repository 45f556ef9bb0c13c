/**
 * The real disk, of which any one step can fail: what goes to node:fs/promises, LevelDB's openings and its batches.
 * A test file lays it under the program with vi.mock.
 */
import type * as Files from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type * as Storages from '../../src/ledger/storage.ts'
import type { Fault } from './ledger.ts'

export type DiskFault = Fault | 'not stored, nor anything after it'

export interface Step {
  what: string
  path: string
}

const disk = { steps: [] as Step[], failing: Number.POSITIVE_INFINITY, fault: 'not stored' as DiskFault }

/** Runs with the step of this number failing, the first being 1. @returns the steps that were taken */
export async function withFault(
  failing: number,
  fault: DiskFault,
  run: () => Promise<unknown>,
): Promise<Step[]> {
  Object.assign(disk, { steps: [], failing, fault })
  try {
    await run()
  } finally {
    disk.failing = Number.POSITIVE_INFINITY
  }
  return disk.steps
}

async function step<T>(
  what: string,
  path: string,
  act: () => Promise<T>,
  undo: (done: T) => Promise<void> = async () => {},
): Promise<T> {
  const number = disk.steps.push({ what, path })
  const isFailing =
    number === disk.failing || (number > disk.failing && disk.fault === 'not stored, nor anything after it')
  if (!isFailing) return act()
  if (disk.fault === 'stored but not acknowledged') await act().then(undo, () => {})
  // As the operating system tells it: of what is done with an open file it does not say which.
  const where = what === 'fsync' || what === 'write' ? '' : ` '${path}'`
  throw Object.assign(new Error(`EIO: i/o error, ${what}${where}`), { code: 'EIO', syscall: what })
}

const named = ['cp', 'mkdir', 'readdir', 'readFile', 'rename', 'rm', 'stat', 'writeFile'] as const

export function failingFiles(real: typeof Files): typeof Files {
  const files: Record<string, unknown> = { ...real }
  for (const name of named) {
    const act = real[name] as (path: string, ...more: unknown[]) => Promise<unknown>
    files[name] = (path: string, ...more: unknown[]) => step(name, path, () => act(path, ...more))
  }
  files.open = async (path: string, ...more: []) => {
    const handle = await step(
      'open',
      path,
      () => real.open(path, ...more),
      (opened) => opened.close(),
    )
    return failingHandle(handle, path)
  }
  return files as unknown as typeof Files
}

function failingHandle(handle: FileHandle, path: string): FileHandle {
  const { sync, writeFile } = handle
  handle.sync = () => step('fsync', path, () => sync.call(handle))
  handle.writeFile = (...of) => step('write', path, () => writeFile.apply(handle, of))
  return handle
}

export function failingStorages(real: typeof Storages): typeof Storages {
  const openStorage: typeof real.openStorage = async (directory, options) => {
    const storage = await step(
      'openStorage',
      directory,
      () => real.openStorage(directory, options),
      (opened) => opened.close(),
    )
    return {
      ...storage,
      batch() {
        const batch = storage.batch()
        return { ...batch, write: () => step('batch', directory, () => batch.write()) }
      },
      async close() {
        await storage.close()
        await step('close', directory, async () => {})
      },
    }
  }
  return { ...real, openStorage }
}
