/** RFC 7636, method S256. */
import { describe, expect, test } from 'vitest'
import vector from '../../fixtures/oauth/pkce.json' with { type: 'json' }
import { isCodeChallenge, verifyCodeVerifier } from '../../src/oauth/pkce.ts'

const { codeVerifier, codeChallenge } = vector

describe('appendix B', () => {
  test('the octets are the verifier, and the verifier fits the challenge', () => {
    expect(Buffer.from(vector.octets).toString('base64url')).toBe(codeVerifier)
    expect(isCodeChallenge(codeChallenge)).toBe(true)
    expect(verifyCodeVerifier(codeVerifier, codeChallenge)).toBe(true)
  })
})

describe('section 4.1: code-verifier = 43*128unreserved', () => {
  test.each([
    ['another verifier', `${codeVerifier.slice(0, -1)}K`],
    ['the challenge itself ("plain")', codeChallenge],
    ['in other case', codeVerifier.toUpperCase()],
    ['with padding', `${codeVerifier}=`],
    ['empty', ''],
  ])('%s does not fit', (_, verifier) => {
    expect(verifyCodeVerifier(verifier, codeChallenge)).toBe(false)
  })

  test.each([
    [42, false],
    [43, true],
    [128, true],
    [129, false],
  ])('of %i characters: %s', async (length, isRight) => {
    const verifier = 'a'.repeat(length)
    expect(verifyCodeVerifier(verifier, await s256(verifier))).toBe(isRight)
  })

  test.each(['-', '.', '_', '~', '0', 'Z'])('may hold %s', async (character) => {
    const verifier = character.repeat(43)
    expect(verifyCodeVerifier(verifier, await s256(verifier))).toBe(true)
  })

  test.each(['+', '/', '=', ' ', '%', '\u00e9', '\n'])('may not hold %j', async (character) => {
    const verifier = character + 'a'.repeat(43)
    expect(verifyCodeVerifier(verifier, await s256(verifier))).toBe(false)
  })
})

describe('section 4.2: a challenge is 32 bytes in base64url', () => {
  test.each([
    ['one character short', codeChallenge.slice(1)],
    ['one character long', `${codeChallenge}A`],
    ['with padding', `${codeChallenge}=`],
    ['base64 instead of base64url', `+/${codeChallenge.slice(2)}`],
    ['with bits set behind the 256th', `${codeChallenge.slice(0, -1)}N`],
    ['with a line end', `${codeChallenge}\n`],
    ['empty', ''],
  ])('%s', (_, challenge) => {
    expect(isCodeChallenge(challenge)).toBe(false)
  })
})

/** The transformation by another implementation than the one under test. */
async function s256(verifier: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url')
}
