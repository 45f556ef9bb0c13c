/**
 * Private signing keys: one file each, named by the key's thumbprint, encrypted (JWE, direct, A256GCM) under a key
 * that only this server can derive. They lie outside the ledger, so neither an auditor nor a backup gets them.
 */
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CompactEncrypt, compactDecrypt, type JWK } from 'jose'
import { writeDurably } from '../ledger/durable-file.ts'
import { jwkThumbprint } from '../oauth/signing-key.ts'

const kidText = /^[A-Za-z0-9_-]{43}$/

export class PrivateKeyFiles {
  readonly #directory: string
  readonly #secret: Buffer

  /** @param secret 32 bytes */
  constructor(directory: string, secret: Buffer) {
    this.#directory = directory
    this.#secret = secret
  }

  /** Resolves when the key would outlive a crash: only then may it be announced. */
  async write(kid: string, jwk: JWK): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await chmod(this.#directory, 0o700)
    const text = await new CompactEncrypt(Buffer.from(JSON.stringify(jwk)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'jwk+json', kid })
      .encrypt(this.#secret)
    await writeDurably(this.#file(kid), `${text}\n`)
  }

  /** The key; undefined where the file is not there, damaged, another server's or another key's. */
  async read(kid: string): Promise<JWK | undefined> {
    if (!kidText.test(kid)) return undefined
    try {
      const text = await readFile(this.#file(kid), 'utf8')
      const { plaintext } = await compactDecrypt(text.trim(), this.#secret, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      })
      const jwk = JSON.parse(Buffer.from(plaintext).toString()) as JWK
      return jwkThumbprint({ ...jwk }) === kid ? jwk : undefined
    } catch {
      return undefined
    }
  }

  /** Removes the keys that sign no more, and those that were never announced. */
  async keepOnly(kids: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    for (const name of names) if (!kids.has(name)) await rm(this.#file(name), { force: true })
  }

  #file(kid: string): string {
    return join(this.#directory, kid)
  }
}
