/** The signing keys that there are: the fold of the ledger, and of this server's own keys the private parts. */
import { type CryptoKey, importJWK, type JWK } from 'jose'
import type { Ledger } from '../ledger/ledger.ts'
import type { SigningAlgorithm } from '../oauth/client-metadata.ts'
import type { Event, Recorded } from '../oauth/events.ts'
import type { HeldKey } from '../oauth/key-rotation.ts'
import { type SigningKey, statusOf } from '../oauth/signing-key.ts'
import type { ReadModels } from '../projections/read-models.ts'
import type { PrivateKeyFiles } from './private-key-files.ts'

export interface KeyRingSources {
  ledger: Ledger<Event>
  models: ReadModels
  files: PrivateKeyFiles
  /** Of this server's own keys, former ones included; new keys are published by the first. */
  serverAddresses: readonly string[]
}

export class KeyRing {
  readonly #sources: KeyRingSources
  readonly #keys = new Map<string, SigningKey>()
  readonly #privateKeys = new Map<string, CryptoKey | Uint8Array>()
  /** Own keys whose private part was looked for in its file. */
  readonly #lookedFor = new Set<string>()

  /** Knows the keys that the ledger holds already once `load` has resolved. */
  constructor(sources: KeyRingSources) {
    this.#sources = sources
    sources.ledger.committed$.subscribe((events) => this.#follow(events))
  }

  async load(): Promise<void> {
    for await (const key of this.#sources.models.list('signing_key'))
      if (!this.#keys.has(key.kid)) this.#keys.set(key.kid, key)
  }

  get(kid: string): SigningKey | undefined {
    return this.#keys.get(kid)
  }

  /** All keys of the ledger, the oldest first. */
  list(): SigningKey[] {
    return [...this.#keys.values()].sort((a, b) => a.publishedAtSeconds - b.publishedAtSeconds)
  }

  privateKey(kid: string): CryptoKey | Uint8Array | undefined {
    return this.#privateKeys.get(kid)
  }

  /** This server's own keys, as far as their private parts have been looked for. */
  heldNow(): HeldKey[] {
    const { serverAddresses } = this.#sources
    const own = [...this.#keys.values()].filter((key) => serverAddresses.includes(key.serverAddress))
    return own.map((key) => ({ key, isUsable: this.#privateKeys.has(key.kid) }))
  }

  /** This server's own keys; looks for the private parts of those that sign or will sign. */
  async held(): Promise<HeldKey[]> {
    for (const { key } of this.heldNow()) {
      if (!signs(key) || this.#lookedFor.has(key.kid)) continue
      const secret = await this.#sources.files.read(key.kid)
      this.#lookedFor.add(key.kid)
      if (secret) await this.#import(key.kid, secret, key.algorithm)
    }
    return this.heldNow()
  }

  /** Holds the private part of a key; its file is on disk once this resolves. */
  async hold(kid: string, secret: JWK, algorithm: SigningAlgorithm): Promise<void> {
    await this.#sources.files.write(kid, secret)
    this.#lookedFor.add(kid)
    await this.#import(kid, secret, algorithm)
  }

  /** Signs with this key no more. Its file goes with the next `removeFiles`. */
  forget(kid: string): void {
    this.#privateKeys.delete(kid)
  }

  /** Removes the files of keys that do not sign and will not. */
  async removeFiles(): Promise<void> {
    await this.#sources.files.keepOnly(
      new Set(
        this.list()
          .filter(signs)
          .map(({ kid }) => kid),
      ),
    )
  }

  async #import(kid: string, secret: JWK, algorithm: SigningAlgorithm): Promise<void> {
    this.#privateKeys.set(kid, await importJWK({ ...secret, ext: false }, algorithm))
  }

  #follow(events: readonly Recorded[]): void {
    for (const { stream, event } of events) {
      if (!event.type.startsWith('signing_key.')) continue
      const { state } = this.#sources.models.load('signing_key', stream)
      if (state) this.#keys.set(state.kid, state)
    }
  }
}

/** Whether the key signs, or will. */
const signs = (key: SigningKey): boolean => ['pending', 'active'].includes(statusOf(key))
