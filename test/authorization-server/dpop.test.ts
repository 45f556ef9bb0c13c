/** RFC 9449 section 4.3: what a proof must be, point by point; section 8: nonces; section 11.1: replay. */
import fc from 'fast-check'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import vectors from '../../fixtures/oauth/dpop.json' with { type: 'json' }
import { DpopProofs, type ProvenRequest } from '../../src/authorization-server/dpop.ts'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { createProofKey, type ProofKey } from '../support/dpop.ts'

const url = 'https://signon.example/oauth/token'
const startMs = 1_700_000_000_000
const atSeconds = startMs / 1000
const about = { method: 'POST', url, atSeconds }
const needsNonce = 'use_dpop_nonce: the proof needs the nonce of this answer'
const nonces = new KeyedHash(Buffer.alloc(32, 1))

/** A process that has been up for a while. */
function open(nowMs = startMs, nonceRequired = false, upMs = 60_000) {
  const clock = { nowMs: nowMs - upMs }
  const proofs = new DpopProofs(nonces, { nonceRequired }, () => clock.nowMs)
  clock.nowMs = nowMs
  return { clock, proofs }
}

const outcome = async (proofs: DpopProofs, proof: string, changes: Partial<ProvenRequest> = {}) => {
  try {
    return await proofs.verify({ proof, method: 'POST', url, ...changes })
  } catch (error) {
    if (error instanceof OAuthError) return `${error.code}: ${error.message}`
    throw error
  }
}

let key: ProofKey
beforeAll(async () => {
  key = await createProofKey()
})

test.each([
  ['at the token endpoint', vectors.token],
  ['at a protected resource', vectors.resource],
])("the RFC's own proof %s", async (_, { proof, iat, thumbprint, ...request }) => {
  expect(await open(iat * 1000).proofs.verify({ proof, ...request })).toBe(thumbprint)
})

test.each(['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA'])('%s is accepted', async (alg) => {
  const { proof, thumbprint } = await createProofKey(alg)
  expect(await outcome(open().proofs, await proof(about))).toBe(thumbprint)
})

describe('section 4.3: what is refused', () => {
  const claims = (changes: Record<string, unknown>) => () => key.proof(about, { claims: changes })
  test.each<[string, () => Promise<string>, RegExp]>([
    ['2. what is no JWT', async () => 'x', /not a valid JWT/],
    ['1. two proofs', async () => `${await key.proof(about)}, ${await key.proof(about)}`, /exactly one/],
    ['3. no jti', claims({ jti: undefined }), /jti is missing/],
    ['3. no htm', claims({ htm: undefined }), /htm is not/],
    ['3. no iat', claims({ iat: undefined }), /iat is not within|not a valid JWT/],
    ['4. another type', () => key.proof(about, { header: { typ: 'jwt' } }), /not a valid JWT/],
    ['7. no key', () => key.proof(about, { header: { jwk: undefined } }), /not a valid JWT/],
    ['8. another method', claims({ htm: 'GET' }), /htm is not/],
    ['8. a method in small letters', claims({ htm: 'post' }), /htm is not/],
    ['9. another address', claims({ htu: 'https://signon.example/oauth/tokens' }), /htu is not/],
    ['9. another host', claims({ htu: 'https://other.example/oauth/token' }), /htu is not/],
    ['9. another scheme', claims({ htu: 'http://signon.example/oauth/token' }), /htu is not/],
    ['9. a user in the address', claims({ htu: 'https://a@signon.example/oauth/token' }), /htu is not/],
    ['9. no address', claims({ htu: '/oauth/token' }), /htu is not/],
    ['11. too old', claims({ iat: atSeconds - 61 }), /iat is not within/],
    ['11. from the future', claims({ iat: atSeconds + 61 }), /iat is not within/],
    ['a jti without end', claims({ jti: 'x'.repeat(257) }), /jti is missing/],
  ])('%s', async (_, proof, words) => {
    expect(await outcome(open().proofs, await proof())).toMatch(words)
  })

  test('5. a symmetric algorithm, or none', async () => {
    const secret = Buffer.alloc(32, 7)
    const symmetric = await new SignJWT({ jti: 'x', htm: 'POST', htu: url, iat: atSeconds })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct' } })
      .sign(secret)
    expect(await outcome(open().proofs, symmetric)).toMatch(/^invalid_dpop_proof: the proof is not a valid/)
    const [, body] = (await key.proof(about)).split('.')
    const header = Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString('base64url')
    expect(await outcome(open().proofs, `${header}.${body}.`)).toMatch(/not a valid JWT/)
  })

  test('6. a signature that is not by the key in the header', async () => {
    const other = await generateKeyPair('ES256')
    const jwk = await exportJWK(other.publicKey)
    expect(await outcome(open().proofs, await key.proof(about, { header: { jwk } }))).toMatch(/not a valid/)
  })

  test('7. a private key in the header', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(privateKey)
    expect(await outcome(open().proofs, await key.proof(about, { header: { jwk } }))).toMatch(
      /^invalid_dpop_proof/,
    )
  })

  test('10. the hash of another access token, or none where one is used', async () => {
    const { proofs } = open()
    const bound = await key.proof({ ...about, accessToken: 'one' })
    expect(await outcome(proofs, bound, { accessToken: 'two' })).toMatch(/ath is not/)
    expect(await outcome(proofs, await key.proof(about), { accessToken: 'one' })).toMatch(/ath is not/)
    expect(await outcome(proofs, bound, { accessToken: 'one' })).toBe(key.thumbprint)
  })

  test('whatever the header field says, nothing but OAuthError is thrown', async () => {
    const { proofs } = open()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(fc.base64String(), { minLength: 3, maxLength: 3 }).map((p) => p.join('.')),
        ),
        async (proof) => {
          expect(await outcome(proofs, proof)).toMatch(/^invalid_dpop_proof: /)
        },
      ),
    )
  })
})

test('query and fragment of htu are ignored, letters of the host too', async () => {
  const htu = 'HTTPS://SIGNON.example:443/oauth/token?x=1#y'
  expect(await outcome(open().proofs, await key.proof(about, { claims: { htu } }))).toBe(key.thumbprint)
})

describe('section 11.1: a proof counts once', () => {
  test('also at the last moment at which it is accepted', async () => {
    const { proofs, clock } = open()
    const nonce = proofs.nonce()
    const early = await key.proof({ ...about, atSeconds: atSeconds + 60, nonce })
    expect(await outcome(proofs, early)).toBe(key.thumbprint)
    for (const afterMs of [0, 59_000, 119_000, 120_000]) {
      clock.nowMs = startMs + afterMs
      // Others come in between, so that what is remembered moves on.
      await outcome(proofs, await key.proof({ ...about, atSeconds: clock.nowMs / 1000 }))
      expect(await outcome(proofs, early)).toBe('invalid_dpop_proof: the proof was used before')
    }
    clock.nowMs = startMs + 121_000
    expect(await outcome(proofs, early)).toMatch(/iat is not within/)
  })

  test('another key may use the same jti', async () => {
    const { proofs } = open()
    const other = await createProofKey()
    const claims = { jti: 'same' }
    expect(await outcome(proofs, await key.proof(about, { claims }))).toBe(key.thumbprint)
    expect(await outcome(proofs, await other.proof(about, { claims }))).toBe(other.thumbprint)
  })

  test('a proof from before this process needs a nonce of this process', async () => {
    const before = open()
    const seen = await key.proof({ ...about, nonce: before.proofs.nonce() })
    expect(await outcome(before.proofs, seen)).toBe(key.thumbprint)
    const restarted = open(startMs + 30_000, false, 0)
    const old = await key.proof(about)
    for (const proof of [seen, old]) expect(await outcome(restarted.proofs, proof)).toBe(needsNonce)
  })

  test('one from a clock that is ahead cannot outlive the process that saw it', async () => {
    const justAhead = await key.proof({ ...about, atSeconds: atSeconds + 1 })
    const before = open()
    expect(await outcome(before.proofs, justAhead)).toBe(key.thumbprint)
    for (const afterMs of [1, 999, 1000, 5000]) {
      const { proofs, clock } = open(startMs + 1, false, 0)
      clock.nowMs = startMs + afterMs
      expect(await outcome(proofs, justAhead)).toBe(needsNonce)
    }
    const farAhead = { ...about, atSeconds: atSeconds + 30 }
    expect(await outcome(before.proofs, await key.proof(farAhead))).toBe(needsNonce)
    const nonce = before.proofs.nonce()
    expect(await outcome(before.proofs, await key.proof({ ...farAhead, nonce }))).toBe(key.thumbprint)
  })
})

describe('section 8: nonces', () => {
  test('where they are required, a proof without one is told to come again', async () => {
    const { proofs } = open(startMs, true)
    expect(await outcome(proofs, await key.proof(about))).toMatch(/^use_dpop_nonce: /)
    const nonce = proofs.nonce()
    expect(await outcome(proofs, await key.proof({ ...about, nonce }))).toBe(key.thumbprint)
  })

  test('an expired one, a made-up one and one of another server are refused', async () => {
    const { proofs, clock } = open(startMs, true)
    const nonce = proofs.nonce()
    clock.nowMs = startMs + 600_000
    const later = { ...about, atSeconds: clock.nowMs / 1000 }
    const stranger = new DpopProofs(
      new KeyedHash(Buffer.alloc(32, 2)),
      { nonceRequired: true },
      () => clock.nowMs,
    )
    for (const wrong of [nonce, 'made up', stranger.nonce()])
      expect(await outcome(proofs, await key.proof({ ...later, nonce: wrong }))).toMatch(/nonce of the proof/)
  })
})
