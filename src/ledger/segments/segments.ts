/**
 * The segments of a ledger. Which files belong to it stands in LevelDB, written after the file was synced and named:
 * a registered file that is missing or altered is damage and told by its name; one that is not registered is what a
 * crash left, and goes, unless it is of another ledger or nothing else has its events: those nobody here may delete.
 */
import { isDamage, LedgerError } from '../errors.ts'
import { decodePosition, eventKey, filterPart, kindOf, ownRange, segmentKey, streamKey } from '../layout.ts'
import type { LevelStorage, Range } from '../storage.ts'
import { filterHash } from './filter.ts'
import { type BlockCache, blockCache, SegmentFile } from './segment-file.ts'

/** What LevelDB keeps of a segment, as JSON. */
export interface Registration {
  /** 2 where there is a generation. */
  version: 1 | 2
  first: number
  last: number
  /** How often it was written anew, without what was dropped or with what was over later; left out where never. */
  generation?: number
  entries: number
  /** Bytes of the keys and values in it, and of the file. */
  rawBytes: number
  fileBytes: number
  /** SHA-256 of the file without its trailer, hex. */
  sha256: string
  /** Streams that were over, whose rows moved here. */
  streams: number
  /** Whether what moved here has been deleted from LevelDB. */
  isCleared: boolean
}

export interface Segment {
  registration: Registration
  file: SegmentFile
}

/** What is wrong with the folder or with what is registered of it. */
export interface SegmentDamage {
  kind: 'segment' | 'registration' | 'stranger'
  message: string
  /** The first position that it concerns; undefined where that is not known. */
  position?: number
  /** Of a segment whose file cannot be opened. */
  registration?: Registration
}

export type OnDamage = (damage: SegmentDamage) => void

const refuse: OnDamage = ({ message }) => {
  throw new LedgerError('damaged', message)
}

/** About 25 million events' worth; filters beyond it are read from their files, a line a look-up. */
const mostFilterBytes = 64 << 20

export class Segments {
  readonly #hot: LevelStorage
  readonly folder: string
  readonly #cache: BlockCache = blockCache()
  /** By position; replaced as a whole, so that a reader keeps the list that it began with. */
  #list: readonly Segment[] = []

  constructor(hot: LevelStorage, folder: string) {
    this.#hot = hot
    this.folder = folder
  }

  get list(): readonly Segment[] {
    return this.#list
  }

  /** Events before this position are in segments. */
  get end(): number {
    const last = this.#list.at(-1)
    return last ? last.registration.last + 1 : 0
  }

  /**
   * Opens what is registered, in place of what is open.
   *
   * @param onDamage is told what is left out; where it is not given, loading fails
   * @throws LedgerError damaged, unavailable
   */
  async load(onDamage: OnDamage = refuse): Promise<void> {
    const list: Segment[] = []
    try {
      for await (const registration of this.#registered(onDamage))
        onlyDamage(
          () => list.push({ registration, file: this.openFile(registration) }),
          (message) => onDamage({ kind: 'segment', message, position: registration.first, registration }),
        )
      this.#replaceList(list, [], onDamage)
    } catch (error) {
      for (const { file } of list) file.release()
      throw error
    }
  }

  /** @throws LedgerError damaged */
  openFile(registration: Registration): SegmentFile {
    const file = SegmentFile.open(this.folder, registration, this.#cache)
    if (file.trailer.sha256.toString('hex') === registration.sha256) return file
    file.release()
    throw new LedgerError('damaged', `${file.name} is not the file that was registered`)
  }

  /** Takes a segment in place of those that it covers, for all reads that begin from now on. */
  adopt(segment: Segment): readonly Segment[] {
    const { first, last } = segment.registration
    const isCovered = ({ registration: it }: Segment) => it.first >= first && it.last <= last
    const covered = this.#list.filter(isCovered)
    const others = this.#list.filter((it) => !isCovered(it))
    this.#replaceList(
      [...others, segment].sort((a, b) => a.registration.first - b.registration.first),
      others,
    )
    return covered
  }

  /** Notes in memory what has been written of a segment. */
  note(registration: Registration): void {
    this.#list = this.#list.map((it) =>
      it.registration.first === registration.first ? { ...it, registration } : it,
    )
  }

  /** @throws LedgerError damaged, unavailable */
  get(key: Buffer): Buffer | undefined {
    const kind = kindOf(key)
    if (kind === 'event')
      return key.length === 9 ? this.#at(decodePosition(key, 1))?.file.get(key) : undefined
    if (kind !== 'stream' && kind !== 'row' && kind !== 'life') return undefined
    const part = filterPart(key)
    const hash = part && filterHash(part)
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const { file } = this.#list[i]!
      if (hash && !file.mayHold(hash)) continue
      const value = file.get(key)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** The segments that hold the key, which is that of a record or a row. @throws LedgerError damaged, unavailable */
  holders(key: Buffer): Segment[] {
    if (kindOf(key) === 'event') {
      const segment = this.#at(decodePosition(key, 1))
      return segment?.file.get(key) === undefined ? [] : [segment]
    }
    const part = filterPart(key)
    const hash = part && filterHash(part)
    return this.#list.filter(({ file }) => (!hash || file.mayHold(hash)) && file.get(key) !== undefined)
  }

  /** Segments that may hold a key of the range, the newest first. */
  within({ gte, lt }: Range): Segment[] {
    if (this.#list.length === 0 || lt.compare(firstKind) <= 0 || gte.compare(behindLastKind) >= 0) return []
    const newestFirst = this.#list.toReversed()
    if (kindOf(gte) === 'event' && kindOf(lt) === 'event' && gte.length === 9 && lt.length === 9) {
      const [from, to] = [decodePosition(gte, 1), decodePosition(lt, 1)]
      return newestFirst.filter(({ registration: it }) => it.last >= from && it.first < to)
    }
    const part = streamOfRange(gte, lt)
    if (!part) return newestFirst
    const hash = filterHash(part)
    return newestFirst.filter(({ file }) => file.mayHold(hash))
  }

  close(): void {
    this.#replaceList([])
  }

  /** As they are stored, in the order of their positions. */
  async *#registered(onDamage: OnDamage): AsyncGenerator<Registration> {
    let next = 0
    for await (const [key, value] of this.#hot.entries(ownRange('segment'))) {
      const registration = readRegistration(value)
      if (!registration || !key.equals(segmentKey(registration.first))) {
        const message = 'the registration of a segment is malformed or of an unknown version'
        onDamage({ kind: 'registration', message, position: next })
        continue
      }
      const { first, last } = registration
      if (first !== next) {
        const message = `the segment that begins with position ${next} is not registered`
        onDamage({ kind: 'registration', message, position: next })
      }
      next = last + 1
      yield registration
    }
  }

  #at(position: number): Segment | undefined {
    let [low, high] = [0, this.#list.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#list[middle]!.registration.last < position) low = middle + 1
      else high = middle
    }
    const segment = this.#list[low]
    return segment && segment.registration.first <= position ? segment : undefined
  }

  #replaceList(list: readonly Segment[], kept: readonly Segment[] = [], onDamage: OnDamage = refuse): void {
    const former = this.#list
    let bytes = 0
    for (const { file, registration } of list.toReversed()) {
      bytes += file.trailer.filterBytes
      if (bytes > mostFilterBytes) break
      onlyDamage(
        () => file.loadFilter(),
        (message) => {
          onDamage({ kind: 'segment', message, position: registration.first, registration })
          file.doWithoutFilter()
        },
      )
    }
    this.#list = list
    for (const segment of former) if (!kept.includes(segment)) segment.file.release()
  }
}

/** Kinds that segments hold lie from records to index entries. */
const firstKind = eventKey(0).subarray(0, 1)
const behindLastKind = Buffer.of(streamKey('', 0)[0]! + 1)

/** The stream, where the range is that of one stream's index entries. */
function streamOfRange(gte: Buffer, lt: Buffer): Buffer | undefined {
  const end = gte.length - 4
  const isOne =
    kindOf(gte) === 'stream' &&
    gte.length === lt.length &&
    gte[end - 1] === 0 &&
    gte.compare(lt, 0, end, 0, end) === 0
  return isOne ? filterPart(gte) : undefined
}

/** Undefined where it cannot be read. */
function readRegistration(bytes: Buffer): Registration | undefined {
  try {
    const registration = JSON.parse(bytes.toString()) as Registration
    return isRegistration(registration) ? registration : undefined
  } catch {
    return undefined
  }
}

function isRegistration(it: Registration): boolean {
  const { version, first, last, generation, entries, rawBytes, fileBytes, sha256, streams, isCleared } = it
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  const isOfVersion =
    version === 1 ? generation === undefined : version === 2 && isCount(generation!) && generation! > 0
  return (
    isOfVersion &&
    [first, last, entries, rawBytes, fileBytes, streams].every(isCount) &&
    last >= first &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof isCleared === 'boolean'
  )
}

/** What is damaged is told, everything else thrown. */
export function onlyDamage(act: () => void, tell: (message: string) => void): void {
  try {
    act()
  } catch (error) {
    if (!isDamage(error)) throw error
    tell(error.message)
  }
}

export const registrationEntry = (registration: Registration): [key: Buffer, value: Buffer] => [
  segmentKey(registration.first),
  Buffer.from(JSON.stringify(registration)),
]
