import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import type { Anchor } from '../../src/anchor/anchor.ts'
import { listAnchors } from '../../src/anchor/anchor-store.ts'
import { type Anchorer, type AnchorerSettings, openAnchorer } from '../../src/anchor/anchorer.ts'
import { parsePayload } from '../../src/anchor/payload.ts'
import { verifyAnchor } from '../../src/anchor/verify.ts'
import { parseBlock } from '../../src/chain/block.ts'
import type { PrivateKey } from '../../src/chain/keys.ts'
import { createRestClient } from '../../src/chain/rest-client.ts'
import { readEvidence } from '../../src/chain/transaction-evidence.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { openDevNode } from '../../src/devnode/node.ts'
import { Checkpoints, listCheckpoints } from '../../src/ledger/checkpoints.ts'
import type { EventCodec } from '../../src/ledger/codec.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import type { Checkpoint } from '../../src/tree/checkpoint.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { ed25519Signer } from '../../src/tree/signed-note.ts'
import { testKey } from '../chain/support.ts'
import { afterTest, fundOf, startNode, temporaryDirectory } from '../devnode/support.ts'
import { faultyClient, type SendFault } from './faults.ts'

export const origin = 'signon.example.com'
export const intervalMs = 10_000

const textCodec: EventCodec<string> = {
  encode: (event) => ({ code: 1, body: Buffer.from(event) }),
  decode: (_code, body) => Buffer.from(body).toString(),
}

/** A ledger of texts on disk, closed after the test; closing it twice is fine. */
export async function openLog(directory: string) {
  const storage = await openStorage(join(directory, 'ledger'))
  const ledger = new Ledger(storage, textCodec, () => undefined)
  afterTest(() => ledger.close())
  const signer = ed25519Signer(origin, ed25519PrivateKey(Buffer.alloc(32, 7)))
  const checkpoints = await Checkpoints.open(ledger, join(directory, 'checkpoint'), origin, signer)
  return { ledger, checkpoints }
}

export type Log = Awaited<ReturnType<typeof openLog>>

/** A chain whose first blocks are mined once a test file, then copied. */
const chains = new Map<string, Promise<string>>()

afterAll(async () => {
  for (const chain of chains.values()) await rm(await chain, { recursive: true, force: true })
})

async function mineFirstBlocks(address: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'anchor-'))
  const node = await openDevNode({ directory, port: 0, blockIntervalMs: 0, fund: fundOf(address) })
  await node.close()
  return directory
}

async function startFundedNode(address: string) {
  const chain = chains.get(address) ?? mineFirstBlocks(address)
  chains.set(address, chain)
  const directory = await temporaryDirectory()
  await cp(await chain, directory, { recursive: true })
  return startNode({ directory })
}

export interface BenchOptions {
  readonly isFunded?: boolean
  /** Beside the server's own. */
  readonly otherKeys?: readonly PrivateKey[]
  readonly storage?: (storage: Storage) => Storage
}

/** A node, a ledger and an anchorer between them, with a clock and blocks that move by hand. */
export class Bench {
  readonly key: PrivateKey = testKey('server')
  readonly clock = { nowMs: 1_800_000_000_000 }
  readonly messages: string[] = []
  readonly directory: string
  readonly nodeDirectory: string
  readonly faults: SendFault[]
  readonly sent: Buffer[]
  node: Awaited<ReturnType<typeof startNode>>['node']
  readonly client: ChainClient
  readonly #faulty: ChainClient
  readonly #options: BenchOptions
  log!: Log
  anchorer!: Anchorer
  /** Requests to the node so far. */
  calls = 0
  #written = 0

  private constructor(
    directory: string,
    running: Awaited<ReturnType<typeof startNode>>,
    options: BenchOptions,
  ) {
    this.directory = directory
    this.nodeDirectory = running.directory
    this.node = running.node
    this.client = createRestClient({
      endpoint: running.node.endpoint,
      timeoutMs: 20_000,
      onCall: () => {
        this.calls++
      },
    })
    const { client, faults, sent } = faultyClient(this.client)
    this.#faulty = client
    this.faults = faults
    this.sent = sent
    this.#options = options
  }

  static async open(options: BenchOptions = {}): Promise<Bench> {
    const rich = options.isFunded === false ? testKey('rich') : testKey('server')
    const bench = new Bench(await temporaryDirectory(), await startFundedNode(rich.address), options)
    await bench.#openServer()
    return bench
  }

  get settings(): AnchorerSettings {
    const { ledger, checkpoints } = this.log
    const wrap = this.#options.storage ?? ((storage: Storage) => storage)
    const note = (_fields: object, message: string) => void this.messages.push(message)
    return {
      ledger: {
        storage: wrap(ledger.storage),
        get size() {
          return ledger.size
        },
      },
      checkpoints,
      chain: this.#faulty,
      keys: [this.key, ...(this.#options.otherKeys ?? [])],
      feeRateSatsPerByte: 2,
      intervalMs,
      now: () => this.clock.nowMs,
      log: { info: note, warn: note },
    }
  }

  async #openServer(): Promise<void> {
    this.log = await openLog(this.directory)
    this.anchorer = await openAnchorer(this.settings)
  }

  /** Ends anchorer and ledger, and opens both from what is on disk. */
  async restart(): Promise<void> {
    await this.anchorer.stop()
    await this.log.ledger.close()
    await this.#openServer()
  }

  /** The node on its old port with its old data. */
  async reopenNode(): Promise<void> {
    const { node } = await startNode({ directory: this.nodeDirectory, port: this.node.port })
    this.node = node
  }

  async write(count = 1): Promise<void> {
    for (let left = count; left > 0; left--)
      await this.log.ledger.append('stream', this.#written++, ['event'], this.clock.nowMs)
  }

  /** A step with all that must always hold checked behind it. */
  async tick(): Promise<void> {
    await this.anchorer.tick()
    await this.check()
  }

  /** A step an interval later. */
  async tickLater(): Promise<void> {
    this.clock.nowMs += intervalMs
    await this.tick()
  }

  async anchors(): Promise<Anchor[]> {
    const anchors: Anchor[] = []
    for await (const entry of listAnchors(this.log.ledger.storage)) {
      if ('fault' in entry) throw new Error(`${entry.name}: ${entry.fault}`)
      anchors.push(entry.anchor)
    }
    return anchors
  }

  async checkpoint(size: number): Promise<Checkpoint | undefined> {
    for await (const { checkpoint } of listCheckpoints(this.log.ledger.storage))
      if (checkpoint.size === size) return checkpoint
    return undefined
  }

  /** The counts are those of the records, every anchor holds, and no two trees of one size were ever sent. */
  async check(): Promise<void> {
    const anchors = await this.anchors()
    const confirmed = anchors.filter(({ status }) => status === 'confirmed' || status === 'buried')
    expect(this.anchorer.status()).toMatchObject({
      confirmed: confirmed.length,
      pending: anchors.length - confirmed.length,
      anchoredSize: Math.max(0, ...confirmed.map(({ size }) => size)),
    })
    for (const anchor of anchors) {
      const checkpoint = await this.checkpoint(anchor.size)
      const serverAddresses = this.settings.keys.map((key) => key.address)
      expect(verifyAnchor(anchor, { checkpoint, serverAddresses })).toEqual([])
    }
    const roots = new Map<number, string>()
    for (const raw of this.sent) {
      const { size, root } = parsePayload(readEvidence(raw).payloads[0]!)!
      expect(roots.get(size) ?? root.toString('hex')).toBe(root.toString('hex'))
      roots.set(size, root.toString('hex'))
    }
  }

  /** How many anchor transactions the best chain holds. */
  async mined(): Promise<number> {
    let count = 0
    for (let height = this.node.height(); height > 100; height--) {
      const raw = await this.client.rawBlock((await this.client.blockHashAt(height))!)
      for (const transaction of parseBlock(raw!).transactions.slice(1))
        count += readEvidence(transaction).payloads.length
    }
    return count
  }
}
