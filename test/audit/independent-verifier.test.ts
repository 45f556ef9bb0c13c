/**
 * A verifier that shares nothing with this program: Python's standard library and docs/formats.md. That it agrees
 * shows that the formats are told to the byte.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeAnchor } from '../../src/anchor/anchor.ts'
import { exportBundle } from '../../src/audit/bundle-export.ts'
import { encodeReceipt } from '../../src/audit/receipt.ts'
import { receiptFor } from '../../src/audit/receipts.ts'
import { signMessage } from '../../src/chain/message.ts'
import { putAnnex } from '../../src/ledger/annex.ts'
import { serverText } from '../../src/oauth/administration.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { testKey } from '../chain/support.ts'
import { type Alterations, altered, atFrame } from '../support/altered-bundle.ts'
import { anchorOf, checkpointsOf, liveAnchored } from '../support/anchored-ledger.ts'
import { anchor, drop, inside } from '../support/dropped-ledger.ts'
import {
  options,
  SampleLedger,
  server,
  serverOpened,
  startMs,
  template,
  temporaryDirectory,
} from './support.ts'

const program = fileURLToPath(new URL('../support/independent-verifier/verify.py', import.meta.url))
const vectors = fileURLToPath(new URL('../../fixtures/vectors/', import.meta.url))
const { error } = spawnSync('python3', ['--version'])
if (error) console.warn(`skipped: python3 is not on this machine (${error.message})`)

const run = (...words: string[]) => {
  const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const { status, stdout, stderr } = spawnSync('python3', [program, ...words], {
    encoding: 'utf8',
    env: environment,
  })
  expect(stderr).toBe('')
  return { status, stdout }
}

describe.skipIf(error)('an independent verifier', () => {
  let folder: string
  beforeAll(async () => {
    folder = await temporaryDirectory()
  })
  const ofText = (text: string, ...words: string[]) => {
    const file = join(folder, 'told.json')
    writeFileSync(file, text)
    return run('receipt', file, ...words)
  }

  test('the vectors', () => {
    const { status, stdout } = run('vectors', join(vectors, 'ledger.json'))
    expect(status, stdout).toBe(0)
    const counts = JSON.parse(stdout)
    expect(counts).toMatchObject({
      'leaf hash': 13,
      'inclusion proof': 13,
      'consistency proof': 13,
      'administration is signed': 4,
      'checkpoint is signed': 2,
      'header has the work it names': 2,
    })
  })

  test.each(['receipt.json', 'receipt-disclosed.json'])('%s', (name) => {
    const text = readFileSync(join(vectors, name), 'utf8')
    expect(ofText(text, server.address).status).toBe(0)
    expect(ofText(text, testKey('stranger').address)).toEqual({
      status: 1,
      stdout: 'does not hold: server is the known one\n',
    })
  })

  test('of another version: refused', () => {
    const receipt = JSON.parse(readFileSync(join(vectors, 'receipt.json'), 'utf8'))
    expect(ofText(JSON.stringify({ ...receipt, version: 2 })).stdout).toContain('version is known')
    const record = Buffer.from(receipt.events[0].record, 'base64')
    record[0] = 2
    const events = [{ ...receipt.events[0], record: record.toString('base64') }]
    expect(ofText(JSON.stringify({ ...receipt, events })).stdout).toContain('record version is known')
  })

  test('altered anywhere: refused', () => {
    const text = readFileSync(join(vectors, 'receipt-disclosed.json'), 'utf8')
    const { length } = text
    for (let i = 1; i < 14; i++) {
      const at = Math.floor((length * i) / 14)
      const altered = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
      expect(ofText(altered, server.address).status, `at ${at}`).toBe(1)
    }
  })

  test('the bundle of the vectors', () => {
    const { status, stdout } = run('bundle', join(vectors, 'bundle'), server.address)
    expect(stdout).not.toContain('does not hold')
    expect(status).toBe(0)
  })

  describe('bundles', () => {
    /** Positions 2 to 11, whole, and after seven of them were dropped; then the whole log. */
    let [kept, dropped, whole] = ['', '', '']
    const verified = (target: string, ...words: string[]) => run('bundle', target, ...words)
    const refused = async (alterations: Alterations, target = dropped) => {
      const { status, stdout } = verified(await altered(target, alterations))
      expect(status).toBe(1)
      return stdout
    }

    beforeAll(async () => {
      const directory = await template((log) => liveAnchored(log, 20))
      const written = (from: number, to: number) =>
        inside(directory, async (storage) => {
          const target = join(await temporaryDirectory(), 'bundle')
          await exportBundle(storage, target, { ...options, from, to, disclose: true })
          return target
        })
      kept = await written(2, 11)
      await drop(directory, startMs + 1000_000, { payloadsSeconds: 988 })
      await anchor(directory)
      dropped = await written(2, 11)
      whole = await written(0, 33)
    })

    test('with all records, and with dropped ones', () => {
      for (const target of [kept, dropped, whole]) {
        const { status, stdout } = verified(target, server.address)
        expect(status, stdout).toBe(0)
      }
      expect(JSON.parse(verified(whole).stdout)).toMatchObject({
        'leaf hash stands for a dropped record': 7,
        'positions have no gap': 27,
        'checkpoint has the root of the records': 4,
        'checkpoint is signed': 3,
        'drop sums up its positions': 1,
      })
      expect(verified(kept, testKey('stranger').address).stdout).toContain('server is the known one')
    })

    test('of another version, or with the files of the other one: refused', async () => {
      const later = await altered(kept, {})
      const manifest = readFileSync(join(later, 'manifest.json'), 'utf8')
      writeFileSync(join(later, 'manifest.json'), manifest.replace('"version": 1', '"version": 3'))
      expect(verified(later).stdout).toContain('bundle version is known')
      writeFileSync(join(later, 'manifest.json'), manifest.replace('"version": 1', '"version": 2'))
      expect(verified(later).stdout).toContain('bundle has the files of its version')
      expect(await refused({ 'dropped.jsonl': () => undefined })).toContain('record is there')
    })

    test('a record that no event explains, a leaf hash, an event of nothing: refused', async () => {
      const gone = atFrame(9, (record) => ({ leaf: leafHash(record) }))
      for (const target of [kept, dropped])
        expect(await refused({ 'records.bin': gone }, target)).toMatch(
          /record is (there|missing where a drop)/,
        )
      const other = atFrame(3, (leaf) => ({ leaf: leafHash(leaf) }))
      expect(await refused({ 'records.bin': other })).toContain('has the root of the records')
      expect(await refused({ 'dropped.jsonl': () => Buffer.alloc(0) })).toContain('something was dropped')
      const again = (bytes: Buffer) => Buffer.concat([bytes, bytes])
      expect(await refused({ 'dropped.jsonl': again })).toContain('in the order of the log')
      const moved = (bytes: Buffer) =>
        Buffer.from(bytes.toString().replace('"record":"AQAA', '"record":"AQAB'))
      expect(await refused({ 'dropped.jsonl': moved })).toContain('proof names its place')
    })
  })

  test('a receipt whose anchor another key of the server paid', async () => {
    const second = testKey('second key')
    const log = await SampleLedger.open(await temporaryDirectory())
    await log.append(streamOf.server(server.address), 0, [serverOpened()])
    const opened = serverOpened({ serverAddress: second.address })
    const signature = signMessage(serverText(opened), second)
    await log.append(streamOf.server(second.address), 0, [{ ...opened, signature }])
    await log.issueToClient(3)
    await log.checkpoints.sign()
    const [checkpoint] = await checkpointsOf(log.storage)
    await putAnnex(log.storage, { 'anchor/0000000000000005': encodeAnchor(anchorOf(checkpoint!, second)) })
    const receipt = await receiptFor(log.storage, [3], options)
    await log.ledger.close()
    expect(receipt.servers).toHaveLength(2)
    expect(ofText(encodeReceipt(receipt), server.address).status).toBe(0)
    const alone = { ...receipt, servers: receipt.servers.slice(0, 1) }
    expect(ofText(encodeReceipt(alone), server.address).stdout).toContain('anchor is signed by the server')
  })
})
