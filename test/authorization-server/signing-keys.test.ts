import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { describe, expect, test } from 'vitest'
import { PrivateKeyFiles } from '../../src/authorization-server/private-key-files.ts'
import { SigningKeys } from '../../src/authorization-server/signing-keys.ts'
import type { SigningAlgorithm } from '../../src/oauth/client-metadata.ts'
import { publicJwk, statusOf } from '../../src/oauth/signing-key.ts'
import { openWorld, registerClient } from '../support/authorization.ts'
import { temporaryFolder } from '../support/ledger.ts'
import { sampleMetadata } from '../support/oauth.ts'

const day = 86_400
const secret = Buffer.alloc(32, 8)

async function openKeys(algorithms: readonly SigningAlgorithm[] = ['ES256', 'EdDSA']) {
  const world = await openWorld()
  const folder = join(temporaryFolder(), 'keys')
  const open = (more: { secret?: Buffer } = {}) =>
    SigningKeys.open({
      ledger: world.ledger,
      models: world.models,
      files: new PrivateKeyFiles(folder, more.secret ?? secret),
      serverAddresses: ['server'],
      schedule: { algorithms, rotationSeconds: 90 * day, leadSeconds: day },
      accessSeconds: 3600,
      now: () => world.clock.nowMs,
    })
  const keys = await open()
  const pass = (seconds: number) => {
    world.clock.nowMs += seconds * 1000
  }
  const statuses = () => keys.list().map((key) => statusOf(key))
  return { ...world, keys, open, folder, pass, statuses }
}

test('a client cannot be registered for an algorithm that the server does not sign with', async () => {
  const world = await openWorld()
  const { algorithms } = world.context.keys
  const missing = (['ES256', 'RS256', 'EdDSA'] as const).find((one) => !algorithms.includes(one))!
  await expect(registerClient(world, 'other', { idTokenAlgorithm: missing })).rejects.toThrow(
    `this server signs with ${algorithms.join(', ')} only`,
  )
  expect(world.models.load('client', 'client:other').state).toBeUndefined()
  const client = await registerClient(world, 'one', { idTokenAlgorithm: algorithms[0]! })
  expect(client.metadata.idTokenAlgorithm).toBe(algorithms[0])
})

test('Registration section 2: ID tokens are signed with RS256 unless the client registered another algorithm', async () => {
  const of = async (...algorithms: SigningAlgorithm[]) => {
    const { keys } = await openKeys(algorithms)
    return [{}, { idTokenAlgorithm: 'EdDSA' as const }].map((more) => keys.algorithmFor(sampleMetadata(more)))
  }
  expect(await of('ES256', 'RS256', 'EdDSA')).toEqual(['RS256', 'EdDSA'])
  expect(await of('ES256', 'EdDSA')).toEqual(['ES256', 'EdDSA'])
})

describe('keys of a server', () => {
  test('none is made before one is needed; then it is published, signs, and verifies with any library', async () => {
    const { keys, ledger } = await openKeys()
    expect(await keys.maintain()).toEqual([])
    expect(ledger.size).toBe(0)
    const jwt = await keys.sign('JWT', { sub: 'alice' })
    expect(keys.jwks().keys).toHaveLength(1)
    const { payload, protectedHeader } = await jwtVerify(jwt, createLocalJWKSet(keys.jwks()))
    expect(payload).toEqual({ sub: 'alice' })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: keys.list()[0]?.kid })
    expect(await keys.verify(jwt)).toMatchObject({ typ: 'JWT', payload: { sub: 'alice' } })
  })

  test('ensure makes one of each algorithm, once, whoever asks at the same time', async () => {
    const { keys } = await openKeys()
    await Promise.all([keys.ensure(), keys.ensure(), keys.sign('JWT', {}, 'EdDSA')])
    expect(
      keys
        .jwks()
        .keys.map(({ alg }) => alg)
        .sort(),
    ).toEqual(['ES256', 'EdDSA'])
    expect(keys.jwks().keys.every((key) => !('d' in key))).toBe(true)
  })

  test('an algorithm that is not set is refused', async () => {
    const { keys } = await openKeys()
    await expect(keys.sign('JWT', {}, 'RS256')).rejects.toThrow('signon.keys.algorithms')
    await expect(keys.rotate(['RS256'], false)).rejects.toThrow('signon.keys.algorithms')
  })

  test('tokens stay good over a rotation, until they expire; then the key goes', async () => {
    const { keys, pass, statuses, folder } = await openKeys()
    const old = await keys.sign('JWT', { n: 1 })
    pass(89 * day)
    await keys.maintain()
    expect(statuses()).toEqual(['active', 'pending'])
    expect(keys.jwks().keys).toHaveLength(2)
    expect(readdirSync(folder)).toHaveLength(2)
    pass(day)
    await keys.maintain()
    const fresh = await keys.sign('JWT', { n: 2 })
    expect(decodeProtectedHeader(fresh).kid).not.toBe(decodeProtectedHeader(old).kid)
    const published = createLocalJWKSet(keys.jwks())
    for (const jwt of [old, fresh]) await jwtVerify(jwt, published)
    // The private part of a key that signs no more is of no use to anybody.
    expect(readdirSync(folder)).toEqual([decodeProtectedHeader(fresh).kid])
    pass(3600 + 300)
    await keys.maintain()
    expect(statuses()).toEqual(['retired', 'active'])
    expect(keys.jwks().keys).toHaveLength(1)
    // An auditor still can.
    expect(await keys.verify(old)).toMatchObject({ payload: { n: 1 } })
  })

  test('a key goes when the last token of the most patient client has expired', async () => {
    const world = await openKeys()
    const { keys, pass, statuses } = world
    await registerClient(world, 'patient', { accessTokenValiditySeconds: 5 * day })
    await keys.ensure()
    await keys.rotate(['ES256'], false)
    pass(4 * day)
    await keys.maintain()
    expect(statuses()).toContain('retiring')
    pass(day + 300)
    await keys.maintain()
    expect(statuses()).not.toContain('retiring')
  })

  test('on command: at once; where compromised, what was signed counts no more', async () => {
    const { keys, pass, statuses } = await openKeys()
    const old = await keys.sign('JWT', {})
    pass(89 * day)
    await keys.maintain()
    await keys.rotate(['ES256'], true)
    expect(statuses()).toEqual(['retired', 'retired', 'active'])
    expect(keys.jwks().keys).toHaveLength(1)
    const verified = await keys.verify(old)
    expect(verified && statusOf(verified.key)).toBe('retired')
    await keys.rotate(undefined, false)
    expect(statuses().filter((status) => status === 'active')).toHaveLength(2)
  })

  test('a restart finds the keys again; another server of the ledger signs with its own', async () => {
    const { keys, open, ledger, models, clock } = await openKeys()
    const jwt = await keys.sign('JWT', {})
    const again = await open()
    expect(decodeProtectedHeader(await again.sign('JWT', {})).kid).toBe(decodeProtectedHeader(jwt).kid)
    const other = await SigningKeys.open({
      ledger,
      models,
      files: new PrivateKeyFiles(temporaryFolder(), Buffer.alloc(32, 1)),
      serverAddresses: ['other'],
      schedule: { algorithms: ['ES256'], rotationSeconds: 90 * day, leadSeconds: day },
      accessSeconds: 3600,
      now: () => clock.nowMs,
    })
    const theirs = await other.sign('JWT', {})
    expect(await keys.verify(theirs)).toBeDefined()
    expect(await other.verify(jwt)).toBeDefined()
    expect(keys.jwks()).toEqual(other.jwks())
    expect(keys.list().map(statusOf)).toEqual(['active', 'active'])
  })
})

describe('files of private keys', () => {
  test('are private, encrypted and named by the thumbprint', async () => {
    const { keys, folder } = await openKeys()
    await keys.ensure()
    for (const { kid } of keys.list()) {
      const file = join(folder, kid)
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(decodeProtectedHeader(readFileSync(file, 'utf8').trim())).toMatchObject({
        alg: 'dir',
        enc: 'A256GCM',
      })
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  test.each<[string, (file: string) => void]>([
    ['missing', (file) => rmSync(file)],
    ['damaged', (file) => writeFileSync(file, readFileSync(file, 'utf8').replace(/.{5}$/s, 'AAAA\n'))],
    ['empty', (file) => writeFileSync(file, '')],
  ])('%s: another key signs, and what was signed before stays good', async (_, spoil) => {
    const { keys, open, folder } = await openKeys()
    const jwt = await keys.sign('JWT', {})
    spoil(join(folder, keys.list()[0]!.kid))
    const again = await open()
    expect((await again.maintain()).map((step) => step.do)).toEqual(['create', 'replace'])
    expect(again.list().map((key) => [statusOf(key), key.replaced?.reason])).toEqual([
      ['retiring', 'missing'],
      ['active', undefined],
    ])
    await jwtVerify(jwt, createLocalJWKSet(again.jwks()))
  })

  test('of another server, or written but never announced, are no keys of this one', async () => {
    const { keys, open, folder } = await openKeys()
    await keys.ensure()
    writeFileSync(join(folder, 'A'.repeat(43)), 'x')
    const foreign = await open({ secret: Buffer.alloc(32, 9) })
    const steps = (await foreign.maintain()).map((step) => step.do)
    expect(steps).toEqual(['create', 'replace', 'create', 'replace'])
    expect(readdirSync(folder).sort()).toEqual(
      foreign
        .list()
        .filter((key) => statusOf(key) === 'active')
        .map(({ kid }) => kid)
        .sort(),
    )
  })
})

const own = await generateKeyPair('ES256')

describe('RFC 8725 section 3.1, RFC 7515 section 10: whoever did not sign cannot pass', () => {
  async function attack() {
    const { keys, folder } = await openKeys()
    await keys.ensure()
    const [es256, eddsa] = [
      keys.list().find(({ algorithm }) => algorithm === 'ES256')!,
      keys.list().find(({ algorithm }) => algorithm === 'EdDSA')!,
    ]
    const good = await keys.sign('JWT', { sub: 'alice' })
    return { keys, folder, es256, eddsa, good }
  }

  test.each<[string, (world: Awaited<ReturnType<typeof attack>>) => string | Promise<string>]>([
    ['alg none', () => new UnsecuredJWT({ sub: 'alice' }).encode()],
    [
      'alg none with a kid',
      ({ es256, good }) => {
        const header = Buffer.from(JSON.stringify({ alg: 'none', kid: es256.kid })).toString('base64url')
        return `${header}.${good.split('.')[1]}.`
      },
    ],
    [
      'HS256 with the public key as secret',
      ({ es256 }) =>
        new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'HS256', kid: es256.kid })
          .sign(Buffer.from(JSON.stringify(es256.jwk))),
    ],
    [
      'an own key under our kid',
      ({ es256 }) =>
        new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'ES256', kid: es256.kid })
          .sign(own.privateKey),
    ],
    [
      'the kid of another key',
      ({ eddsa, good }) => {
        const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'JWT', kid: eddsa.kid })).toString(
          'base64url',
        )
        return [header, ...good.split('.').slice(1)].join('.')
      },
    ],
    [
      'a kid that walks through folders',
      ({ es256 }) =>
        new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'ES256', kid: `../keys/${es256.kid}` })
          .sign(own.privateKey),
    ],
    [
      'the name of a prototype as kid',
      () =>
        new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'ES256', kid: '__proto__' })
          .sign(own.privateKey),
    ],
    ['no kid', () => new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg: 'ES256' }).sign(own.privateKey)],
    [
      'a key in the header',
      async () => {
        return new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(own.publicKey) })
          .sign(own.privateKey)
      },
    ],
    [
      'another payload',
      ({ good }) => {
        const [header, , signature] = good.split('.')
        return [header, Buffer.from('{"sub":"mallory"}').toString('base64url'), signature].join('.')
      },
    ],
    ['a cut signature', ({ good }) => good.slice(0, -10)],
    ['no JWT', () => 'a.b.c'],
    ['nothing', () => ''],
  ])('%s', async (_, forge) => {
    const world = await attack()
    expect(await world.keys.verify(world.good)).toBeDefined()
    expect(await world.keys.verify(await forge(world))).toBeUndefined()
  })
})

describe('a key that was made elsewhere', () => {
  const made = async (algorithm: 'ES256' | 'EdDSA') => {
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
    return exportJWK(privateKey)
  }

  test('signs at once, and is rotated as all are', async () => {
    const { keys, pass, statuses, folder } = await openKeys()
    const own = await made('EdDSA')
    expect(await keys.adopt(own, 'EdDSA')).toBeUndefined()
    const jwt = await keys.sign('JWT', { sub: 'alice' }, 'EdDSA')
    await jwtVerify(jwt, await importJWK({ ...publicJwk({ ...own }) }, 'EdDSA'))
    expect(readdirSync(folder)).toEqual([decodeProtectedHeader(jwt).kid])
    expect(JSON.stringify(keys.jwks())).not.toContain(own.d)
    for (const seconds of [90 * day, day, 3600 + 300]) {
      pass(seconds)
      await keys.maintain()
    }
    expect(statuses()).toEqual(['retired', 'active'])
    expect(await keys.adopt(own, 'EdDSA')).toBe('retired')
    expect(statuses()).toEqual(['retired', 'active'])
  })

  test('takes the place of the one that signs, whose tokens stay good', async () => {
    const { keys, statuses } = await openKeys()
    const before = await keys.sign('JWT', { n: 1 })
    const own = await made('ES256')
    await keys.adopt(own, 'ES256')
    expect(statuses().sort()).toEqual(['active', 'retiring'])
    const after = await keys.sign('JWT', { n: 2 })
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
    for (const jwt of [before, after]) await jwtVerify(jwt, createLocalJWKSet(keys.jwks()))
  })

  test('is taken once, also by a server that is started again', async () => {
    const { keys, open, ledger } = await openKeys()
    const own = await made('ES256')
    await keys.adopt(own, 'ES256')
    const size = ledger.size
    const again = await open()
    expect(await again.adopt(own, 'ES256')).toBe('active')
    expect(ledger.size).toBe(size)
    const jwt = await again.sign('JWT', {})
    expect(decodeProtectedHeader(jwt).kid).toBe(keys.list()[0]!.kid)
  })

  test('of an algorithm that is not set is refused', async () => {
    const { keys, ledger } = await openKeys()
    await expect(keys.adopt(await made('ES256'), 'RS256')).rejects.toThrow('signon.keys.algorithms')
    expect(ledger.size).toBe(0)
  })
})
