/**
 * Verifies a bundle from its own bytes: no ledger, and no network but for a node that may be asked. Every byte of it is
 * held against another or against a signature, and every event against the laws of the protocol. Memory goes with the
 * number of checkpoints and of dropped streams, not with that of records.
 */
import { hash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import type { ChainClient } from '../chain/types.ts'
import { decodeRecord } from '../ledger/record.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { type Checkpoint, parseCheckpoint } from '../tree/checkpoint.ts'
import { leafHash, sameHash } from '../tree/hash.ts'
import { parseNote } from '../tree/signed-note.ts'
import { Authority, type Trusted, type VerifyMessage } from './authority.ts'
import {
  type BundleFile,
  decodeManifest,
  droppedName,
  longestManifestBytes,
  type Manifest,
  manifestName,
  sidesName,
  subtreesBefore,
  subtreesBehind,
} from './bundle.ts'
import { BundleDrops } from './bundle-drops.ts'
import { BundleFolder } from './bundle-folder.ts'
import { BundleStreams } from './bundle-streams.ts'
import { Faults } from './fault.ts'
import { RangeTree } from './range-tree.ts'
import { decodeAnchor } from './receipt.ts'
import { AnchorStations } from './receipt-anchor-check.ts'
import type { NotedTree } from './receipt-check.ts'
import { type Station, Stations } from './stations.ts'

export interface BundleCheckOptions {
  verifyMessage: VerifyMessage
  /** Addresses known from elsewhere. */
  trusted?: Trusted
  /** A node to ask whether the blocks are on its best chain. */
  chain?: ChainClient
}

export interface BundleFault {
  file: string
  detail: string
}

export interface BundleVerdict {
  ok: boolean
  manifest: Manifest
  /** Records that are as they were hashed, in their places. */
  events: number
  /** Records that were dropped by policy, as events say that are in the bundle. */
  dropped: number
  checkpoints: number
  /** Addresses of the servers that signed, by the bundle's own word. */
  servers: string[]
  faults: BundleFault[]
  /** Anchors, station by station, and what is not proved. */
  stations: Station[]
}

const saltBytes = 32
/** Length and record, which is never shorter. */
const fewestBytes = 4 + 24
const mostFaults = 100

/** @throws ProofFileError malformed, unknown_version: where there is no manifest to go by */
export async function checkBundle(directory: string, options: BundleCheckOptions): Promise<BundleVerdict> {
  const folder = new BundleFolder(directory)
  const manifest = decodeManifest(await folder.text(manifestName, longestManifestBytes))
  const check = new BundleCheck(folder, manifest, options)
  await check.files()
  // What has other bytes than the manifest says cannot be gone through.
  if (check.faults.length === 0) await check.content()
  return check.verdict()
}

class BundleCheck {
  readonly faults: BundleFault[] = []
  readonly #folder: BundleFolder
  readonly #manifest: Manifest
  readonly #found = new Faults(mostFaults)
  readonly #authority: Authority
  readonly #drops: BundleDrops
  readonly #streams: BundleStreams
  readonly #chain: ChainClient | undefined
  readonly #stations = new Stations()
  readonly #tree = new RangeTree()
  readonly #trees = new Map<number, NotedTree>()
  readonly #later: (() => void)[] = []
  #events = 0
  #checkpoints = 0
  #lastTimeMs = 0

  constructor(
    folder: BundleFolder,
    manifest: Manifest,
    { verifyMessage, trusted = {}, chain }: BundleCheckOptions,
  ) {
    this.#folder = folder
    this.#manifest = manifest
    this.#chain = chain
    this.#drops = new BundleDrops({ from: manifest.from, to: manifest.to + 1 }, this.#found)
    this.#streams = new BundleStreams(manifest.from, this.#found, {
      droppedAt: (stream) => this.#drops.droppedAt(stream),
    })
    this.#authority = new Authority(verifyMessage, trusted, this.#found)
    if (!trusted.serverAddresses)
      this.#stations.notProved(
        'server_address',
        'bundle',
        'that the servers are who they say: compare their addresses with what you know from elsewhere',
      )
    if (manifest.from > 0)
      this.#stations.notProved(
        'administrator',
        'bundle',
        `that every server which named an administrator before position ${manifest.from} is in it`,
      )
  }

  async files(): Promise<void> {
    const { files } = this.#manifest
    const names = await readdir(this.#folder.directory)
    for (const name of names)
      if (name !== manifestName && !Object.hasOwn(files, name)) this.#fault(name, 'it does not belong here')
    for (const [name, expected] of Object.entries(files)) {
      const actual = await this.#folder.sha256(name as BundleFile)
      if (actual === undefined) this.#fault(name, 'it is missing')
      else if (actual !== expected) this.#fault(name, 'it is not the file that the manifest names')
    }
  }

  async content(): Promise<void> {
    const { from, to, size, left, right, files } = this.#manifest
    // A range that nobody could have written would keep this going for ever.
    if ((await this.#folder.bytes('records.bin')) < (to + 1 - from) * fewestBytes)
      return this.#fault('records.bin', `it is too short for positions ${from} to ${to}`)
    await this.#attempt('checkpoints.jsonl', () => this.#readCheckpoints())
    if (files[droppedName] !== undefined)
      await this.#attempt(droppedName, () =>
        this.#drops.read(this.#folder.events(droppedName, this.#covering)),
      )
    await this.#attempt('servers.jsonl', () => this.#readServers())
    await this.#attempt(manifestName, () => this.#appendSubtrees(subtreesBefore(from), left))
    await this.#attempt('records.bin', () => this.#readRecords())
    for (const feed of this.#later) feed()
    await this.#attempt(manifestName, () => this.#appendSubtrees(subtreesBehind(to + 1, size), right))
    if (this.#tree.size > to + 1) this.#checkTree()
    this.#authority.finish()
    if (this.#found.count === 0 && this.faults.length === 0) {
      this.#streams.finish(this.#stations)
      this.#drops.finish(this.#stations)
    }
    await this.#attempt('anchors.jsonl', () => this.#readAnchors())
    for (const { position, detail } of this.#found.sorted())
      this.#fault('records.bin', position === null ? detail : `position ${position}: ${detail}`)
  }

  verdict(): BundleVerdict {
    for (const { outcome, about, detail } of this.#stations.all)
      if (outcome === 'failed') this.#fault('anchors.jsonl', `${about}: ${detail}`)
    return {
      ok: this.faults.length === 0,
      manifest: this.#manifest,
      events: this.#events,
      dropped: this.#drops.count,
      checkpoints: this.#checkpoints,
      servers: [...new Set(this.#authority.servers.map(({ serverAddress }) => serverAddress))],
      faults: this.faults,
      stations: this.#stations.all,
    }
  }

  get #covering(): NotedTree | undefined {
    return this.#trees.get(this.#manifest.size)
  }

  async #readCheckpoints(): Promise<void> {
    const { from, to, size, origin } = this.#manifest
    let last = from
    for await (const value of this.#folder.lines('checkpoints.jsonl')) {
      if (typeof value !== 'string') throw new RangeError('a line is no note')
      const checkpoint: Checkpoint = parseCheckpoint(parseNote(value).text)
      const isInRange = checkpoint.size <= to + 1 || checkpoint.size === size
      if (checkpoint.size <= last || !isInRange) throw new RangeError('a checkpoint is not of this range')
      if (checkpoint.origin !== origin) throw new RangeError(`a checkpoint is of ${checkpoint.origin}`)
      last = checkpoint.size
      this.#trees.set(checkpoint.size, { note: value, checkpoint })
    }
    if (last !== size) throw new RangeError(`the checkpoint of ${size} events is missing`)
  }

  /** Servers of the range itself come with its records; those behind it are heard of in their turn. */
  async #readServers(): Promise<void> {
    const { from, to } = this.#manifest
    for await (const server of this.#folder.events('servers.jsonl', this.#covering)) {
      const { event, position } = server
      if (event.type !== 'server.opened') throw new RangeError(`position ${position} opens no server`)
      const feed = () => this.#authority.check(server, undefined)
      if (position < from) feed()
      else if (position > to) this.#later.push(feed)
    }
  }

  async #readRecords(): Promise<void> {
    const { from, to, files } = this.#manifest
    const sides = files[sidesName] === undefined ? undefined : this.#folder.sides(sidesName)
    let side = await sides?.next()
    let position = from
    for await (const piece of this.#folder.records('records.bin')) {
      if (position > to) throw new RangeError('there are more records than the range has')
      if ('leaf' in piece) this.#drops.pass(position)
      else {
        const isOwn = side && !side.done && side.value.position === position
        this.#checkRecord(position, piece.record, isOwn ? side?.value.bytes : undefined)
        if (isOwn) side = await sides?.next()
        this.#events++
      }
      this.#tree.append('leaf' in piece ? piece.leaf : leafHash(piece.record))
      position++
      this.#checkTree()
    }
    this.#drops.end()
    if (position !== to + 1) throw new RangeError(`the records end before position ${position}`)
    if (side && !side.done)
      this.#fault(sidesName, `a side record of position ${side.value.position} is left over`)
  }

  #checkRecord(position: number, bytes: Buffer, side: Buffer | undefined): void {
    const record = decodeRecord(bytes)
    const { commitment } = record
    if (record.position !== position)
      this.#fault('records.bin', `position ${record.position} stands at ${position}`)
    if (record.timeMs < this.#lastTimeMs)
      this.#fault('records.bin', `position ${position} is older than the one before`)
    this.#lastTimeMs = record.timeMs
    const isRight =
      !side ||
      (commitment && side.length >= saltBytes && sameHash(hash('sha256', side, 'buffer'), commitment))
    if (!isRight) this.#fault(sidesName, `position ${position}: it is not the one that the record commits to`)
    const event = decodeEvent(record.type, record.body, isRight ? side?.subarray(saltBytes) : undefined)
    const recorded: Recorded = { ...record, event }
    this.#authority.check(recorded, commitment)
    this.#drops.keep(recorded)
    this.#streams.check(recorded)
  }

  /** Where there is a checkpoint of as many events as have been gone through. */
  #checkTree(): void {
    const tree = this.#trees.get(this.#tree.size)
    if (!tree) return
    const { size, root, origin } = tree.checkpoint
    const wrong = this.#authority.checkNote(tree.note, origin, size)
    if (!sameHash(this.#tree.root(), root))
      this.#fault('checkpoints.jsonl', `the checkpoint of ${size} events has another root than the records`)
    else if (typeof wrong === 'string')
      this.#fault('checkpoints.jsonl', `the checkpoint of ${size} events: ${wrong}`)
    else this.#checkpoints++
  }

  async #readAnchors(): Promise<void> {
    const anchors = new AnchorStations(this.#stations, this.#authority.anchorSigners, this.#chain)
    const anchored = new Set<NotedTree>()
    let i = 0
    for await (const value of this.#folder.lines('anchors.jsonl')) {
      const name = `anchor ${++i}`
      const tree = await anchors.check(decodeAnchor(value, name), [...this.#trees.values()], name)
      if (tree) anchored.add(tree)
    }
    if (this.#covering && !anchored.has(this.#covering))
      this.#stations.notProved(
        'anchor_payload',
        'bundle',
        'when it was there: the covering tree has no anchor',
      )
  }

  #appendSubtrees(subtrees: readonly { height: number }[], hashes: readonly Buffer[]): void {
    if (subtrees.length !== hashes.length)
      throw new RangeError('the hashes beside the range are not as many as needed')
    for (const [i, { height }] of subtrees.entries()) this.#tree.append(hashes[i]!, height)
  }

  async #attempt(file: string, run: () => Promise<void> | void): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#fault(file, (error as Error).message)
    }
  }

  #fault(file: string, detail: string): void {
    if (this.faults.length < mostFaults) this.faults.push({ file, detail })
  }
}
