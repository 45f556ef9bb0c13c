import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type HeldKey, type KeyStep, nextKeyStep, signingKeyOf } from '../../src/oauth/key-rotation.ts'
import { jwkThumbprint, publicJwk, type SigningKey, statusOf } from '../../src/oauth/signing-key.ts'

const vectors = JSON.parse(
  readFileSync(new URL('../../fixtures/oauth/jwk-thumbprints.json', import.meta.url), 'utf8'),
) as { source: string; jwk: Record<string, string>; thumbprint: string }[]

describe('RFC 7638: thumbprints', () => {
  test.each(vectors)('$source', ({ jwk, thumbprint }) => {
    expect(jwkThumbprint(jwk)).toBe(thumbprint)
  })

  test('section 3.2: private, optional and unknown members do not count', () => {
    for (const { jwk, thumbprint } of vectors) {
      const more = { use: 'sig', d: 'secret', kid: 'x', ...jwk }
      expect(jwkThumbprint(more)).toBe(thumbprint)
      expect(Object.keys(publicJwk(more))).not.toContain('d')
    }
  })
})

const day = 86_400
const schedule = { algorithms: ['ES256'], rotationSeconds: 90 * day, leadSeconds: day } as const
const tokenSeconds = 3600

/** The life of a server's keys: what `nextKeyStep` says is done, at the times given. */
class Keys {
  held: HeldKey[] = []
  #made = 0

  settle(nowSeconds: number): KeyStep['do'][] {
    const done: KeyStep['do'][] = []
    for (;;) {
      const step = nextKeyStep(this.held, 'ES256', schedule, nowSeconds)
      if (!step) return done
      done.push(step.do)
      if (done.length > 20) throw new Error(`no end: ${done.join(' ')}`)
      this.take(step, nowSeconds)
    }
  }

  take(step: KeyStep, nowSeconds: number): void {
    if (step.do === 'create') {
      const key: SigningKey = {
        kid: String(this.#made++),
        algorithm: step.algorithm,
        jwk: {},
        serverAddress: 'server',
        publishedAtSeconds: nowSeconds,
        activatedAtSeconds: step.activate ? nowSeconds : null,
        replaced: null,
        retiredAtSeconds: null,
      }
      this.held.push({ key, isUsable: true })
      return
    }
    const change: Partial<SigningKey> =
      step.do === 'activate'
        ? { activatedAtSeconds: nowSeconds }
        : step.do === 'retire'
          ? { retiredAtSeconds: nowSeconds }
          : {
              replaced: {
                reason: step.reason,
                atSeconds: nowSeconds,
                lastExpiresAtSeconds: nowSeconds + tokenSeconds,
              },
            }
    this.held = this.held.map((it) =>
      it.key.kid === step.key.kid ? { ...it, key: { ...it.key, ...change } } : it,
    )
  }

  statuses(): string[] {
    return this.held.map(({ key }) => statusOf(key))
  }
}

describe('rotation', () => {
  test('create, publish the next, switch, retire', () => {
    const keys = new Keys()
    expect(keys.settle(0)).toEqual(['create'])
    expect(keys.settle(88 * day)).toEqual([])
    expect(keys.settle(89 * day)).toEqual(['create'])
    expect(keys.statuses()).toEqual(['active', 'pending'])
    expect(keys.settle(90 * day - 1)).toEqual([])
    expect(keys.settle(90 * day)).toEqual(['activate', 'replace'])
    expect(keys.statuses()).toEqual(['retiring', 'active'])
    expect(keys.settle(90 * day + tokenSeconds - 1)).toEqual([])
    expect(keys.settle(90 * day + tokenSeconds)).toEqual(['retire'])
    expect(keys.statuses()).toEqual(['retired', 'active'])
  })

  test('a server that was off for long publishes the next key first, for as long as ever', () => {
    const keys = new Keys()
    keys.settle(0)
    expect(keys.settle(200 * day)).toEqual(['create'])
    expect(keys.settle(200 * day + 1)).toEqual([])
    expect(keys.settle(201 * day)).toEqual(['activate', 'replace'])
  })

  test('a key whose private part is missing is replaced at once, by the next one where there is one', () => {
    const keys = new Keys()
    keys.settle(0)
    keys.held[0]!.isUsable = false
    expect(keys.settle(1)).toEqual(['create', 'replace'])
    keys.settle(89 * day + 1)
    keys.held[1]!.isUsable = false
    expect(keys.settle(89 * day + 2)).toContain('activate')
    expect(keys.held.filter(({ key }) => statusOf(key) === 'active').map(({ key }) => key.kid)).toEqual(['2'])
  })

  test('a pending key whose private part is missing never signs', () => {
    const keys = new Keys()
    keys.settle(0)
    keys.settle(89 * day)
    keys.held[1]!.isUsable = false
    expect(keys.settle(89 * day)).toEqual(['retire', 'create'])
  })

  test('an algorithm that is no longer set signs no more', () => {
    const keys = new Keys()
    keys.settle(0)
    const none = { ...schedule, algorithms: ['RS256'] as const }
    expect(nextKeyStep(keys.held, 'ES256', none, 5)).toMatchObject({ do: 'replace', reason: 'withdrawn' })
  })

  test('at all times, with files lost and the server off: one key signs, and no token outlives its key', () => {
    const move = fc.record({ hours: fc.integer({ min: 0, max: 24 * 60 }), loses: fc.boolean() })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const keys = new Keys()
        let now = 0
        let last: { kid: string; expires: number } | undefined
        for (const { hours, loses } of moves) {
          now += hours * 3600
          if (loses && keys.held.length > 0) keys.held.at(-1)!.isUsable = false
          keys.settle(now)
          expect(keys.settle(now)).toEqual([])
          expect(keys.statuses().filter((status) => status === 'active')).toHaveLength(1)
          if (last && last.expires > now) {
            const signer = keys.held.find(({ key }) => key.kid === last?.kid)!
            expect(statusOf(signer.key)).not.toBe('retired')
          }
          last = { kid: signingKeyOf(keys.held, 'ES256')!.kid, expires: now + tokenSeconds }
        }
      }),
    )
  })
})
