/** Proof Key for Code Exchange (RFC 7636), method S256 only (RFC 9700 section 2.1.1). */
import { hash } from 'node:crypto'

const verifierText = /^[A-Za-z0-9\-._~]{43,128}$/
const challengeText = /^[A-Za-z0-9_-]{43}$/

/** Section 4.2: a S256 challenge is 32 bytes in base64url without padding. */
export const isCodeChallenge = (text: string): boolean =>
  challengeText.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text

/** Section 4.6: BASE64URL-ENCODE(SHA256(ASCII(code_verifier))) == code_challenge. */
export const verifyCodeVerifier = (verifier: string, challenge: string): boolean =>
  verifierText.test(verifier) && hash('sha256', verifier, 'base64url') === challenge
