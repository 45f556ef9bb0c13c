/** The segment files of a ledger, byte by byte: each is there and is the one that was registered. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { isDamage, unreadable } from '../ledger/errors.ts'
import { decodePosition, kindOf } from '../ledger/layout.ts'
import { trailerBytes } from '../ledger/segments/format.ts'
import { blockCache, SegmentFile } from '../ledger/segments/segment-file.ts'
import type { Registration } from '../ledger/segments/segments.ts'
import { segmentName } from '../ledger/segments/write-segment.ts'
import type { Faults } from './fault.ts'

export interface SegmentSource {
  folder: string
  /** What is registered now: a running server may have merged some meanwhile. */
  list: () => Promise<readonly Registration[]>
}

export interface CheckedSegments {
  whole: number
  damaged: number
}

/** @throws LedgerError unavailable */
export async function checkSegments(source: SegmentSource, faults: Faults): Promise<CheckedSegments> {
  const checked: CheckedSegments = { whole: 0, damaged: 0 }
  const done = new Set<string>()
  const isCurrent = async ({ sha256 }: Registration) =>
    (await source.list()).some((registration) => registration.sha256 === sha256)
  for (let list = await source.list(); ; list = await source.list()) {
    const fresh = list.filter(({ sha256 }) => !done.has(sha256))
    if (fresh.length === 0) return checked
    for (const registration of fresh) {
      done.add(registration.sha256)
      const found: [position: number, kind: 'segment_missing' | 'segment_altered', detail: string][] = []
      await checkSegment(source.folder, registration, (...fault) => found.push(fault))
      if (found.length === 0) checked.whole++
      else if (await isCurrent(registration)) {
        checked.damaged++
        for (const fault of found) faults.add(...fault)
      }
    }
  }
}

type Tell = (position: number, kind: 'segment_missing' | 'segment_altered', detail: string) => void

async function checkSegment(folder: string, registration: Registration, tell: Tell): Promise<void> {
  const { first, last, generation, sha256, entries, rawBytes, fileBytes } = registration
  const name = segmentName(first, last, generation)
  const positions = `positions ${first} to ${last}`
  const digest = await digestOf(join(folder, name), fileBytes - trailerBytes)
  if (digest === undefined) return tell(first, 'segment_missing', `${name} is missing: ${positions}`)
  let file: SegmentFile
  try {
    file = SegmentFile.open(folder, registration, blockCache())
  } catch (error) {
    if (!isDamage(error)) throw error
    return tell(first, 'segment_altered', `${error.message}: ${positions}`)
  }
  try {
    const { trailer } = file
    if (file.fileBytes !== fileBytes || trailer.entries !== entries || trailer.rawBytes !== rawBytes)
      return tell(first, 'segment_altered', `${name} has not the size that was registered: ${positions}`)
    if (digest === sha256 && trailer.sha256.toString('hex') === sha256) return
    const isNamed = await nameBlocks(file, first, tell)
    if (!isNamed)
      tell(first, 'segment_altered', `${name} is altered, but in no block of entries: ${positions}`)
  } finally {
    file.release()
  }
}

async function nameBlocks(file: SegmentFile, first: number, tell: Tell): Promise<boolean> {
  let isNamed = false
  for (let block = 0; block < file.trailer.blocks; block++) {
    try {
      await file.block(block)
    } catch (error) {
      if (!isDamage(error)) throw error
      isNamed = true
      const key = file.firstKey(block)
      const isOfEvents = kindOf(key) === 'event'
      const from = isOfEvents ? decodePosition(key, 1) : first
      tell(
        from,
        'segment_altered',
        `${error.message}: ${isOfEvents ? `events from position ${from} on` : 'index entries or rows'}`,
      )
    }
  }
  return isNamed
}

/** SHA-256 of the first bytes of a file, hex; undefined where it is not there. */
async function digestOf(path: string, bytes: number): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    // The first byte too of one that is said to have fewer: whether it is there is to be seen.
    for await (const chunk of createReadStream(path, { end: Math.max(bytes - 1, 0), highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer)
    return hash.digest('hex')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const failure = unreadable(`${path} cannot be read`, cause)
    // What stands there is told when it is opened.
    if (isDamage(failure)) return ''
    throw failure
  }
}
