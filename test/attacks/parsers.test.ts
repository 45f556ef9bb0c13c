/**
 * Every parser of outside input that has no such law in its own room's tests: whatever the text, nothing is thrown
 * but the room's own error; and what was shown is parsed as it was.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCoins } from '../../src/admin/coins.ts'
import { decodeManifest, encodeManifest } from '../../src/audit/bundle.ts'
import { parseMoment } from '../../src/audit/moment.ts'
import { decodeReceipt } from '../../src/audit/receipt.ts'
import { formatTlogProof, parseTlogProof } from '../../src/audit/tlog-proof.ts'
import { parseWif } from '../../src/chain/keys.ts'
import { blockOf, hexOf, statusOf, unspentOutputsOf } from '../../src/chain/rest-shapes.ts'
import { authorizeParameters, authorizePath, parseAuthorizePath } from '../../src/http/authorize-path.ts'
import { devicePath, parseContinuePath } from '../../src/http/continue-path.ts'
import { distinctParameters, listParameter, parameters } from '../../src/http/parameters.ts'
import { prettyLogLine } from '../../src/logging/log-line.ts'
import { authenticationRequest } from '../../src/oauth/authentication-request.ts'
import { parseClaims } from '../../src/oauth/claims-request.ts'
import { OAuthError, wireDescription } from '../../src/oauth/errors.ts'
import { normaliseUserCode, showUserCode, userCodeLetters } from '../../src/oauth/grants/device-code.ts'
import { readHash } from '../../src/oauth/hash-text.ts'
import { isInvitationTerms } from '../../src/oauth/invitation.ts'
import { isCodeChallenge } from '../../src/oauth/pkce.ts'
import { parseResources } from '../../src/oauth/resource.ts'
import { responseModeOf, responseTypeOf } from '../../src/oauth/response-type.ts'
import { narrowScopes } from '../../src/oauth/scope.ts'
import { parseSignedRequestHeader, signedRequestHeader } from '../../src/oauth/signed-request.ts'
import { isToken } from '../../src/oauth/token-format.ts'
import { parseUserClaims } from '../../src/oauth/user-claims.ts'
import { anyText } from '../support/event-arbitraries.ts'
import { sampleClient } from '../support/oauth.ts'

/** Text near to what parsers take, and far from it. */
const text = fc.oneof(
  anyText,
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.json(),
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.base64String(),
  fc
    .array(
      fc.constantFrom(
        '.',
        ' ',
        '\n',
        '"',
        '=',
        ':',
        '%',
        '+',
        '{',
        '[',
        '-',
        '0',
        '1',
        'a',
        'code',
        'null',
        '\u0000',
        '__proto__',
        '/device?',
        '/oauth/authorize?',
        '//',
        '\\',
        '#',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
)
const value = fc.oneof(
  fc.jsonValue(),
  fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }),
)

/** By name: what is run, and the names of the errors that it may throw. */
const textParsers: Record<string, [run: (text: string) => unknown, ...errors: string[]]> = {
  'scope (RFC 6749 section 3.3)': [(text) => narrowScopes(text, ['read', text]), 'OAuthError'],
  'resource (RFC 8707)': [parseResources, 'OAuthError'],
  'claims (OpenID Connect Core section 5.5)': [parseClaims, 'OAuthError'],
  'prompt, max_age, nonce, claims': [
    (text) => {
      for (const name of ['prompt', 'max_age', 'nonce', 'claims', 'acr_values'])
        try {
          authenticationRequest(sampleClient(), { [name]: text })
        } catch (error) {
          if (!(error instanceof OAuthError)) throw error
        }
    },
  ],
  response_type: [responseTypeOf],
  response_mode: [
    (text) => responseModeOf({ response_type: 'code', response_mode: text }, 'https://c.example/'),
  ],
  code_challenge: [isCodeChallenge],
  tokens: [(text) => isToken('access', `cs_at_${text}`)],
  'user code (RFC 8628 section 6.1)': [normaliseUserCode],
  'signed request header': [(text) => parseSignedRequestHeader(`Coinstack-Signon ${text}`), 'OAuthError'],
  'way back to a request': [parseAuthorizePath],
  continue: [parseContinuePath],
  'hash text': [(text) => readHash(text, new Uint8Array(32), 0)],
  'coins on the command line': [parseCoins, 'ControlError'],
  'moments on the command line': [parseMoment, 'MomentError'],
  'private keys': [parseWif, 'ChainError', 'KeyError'],
  receipts: [decodeReceipt, 'ProofFileError'],
  manifests: [decodeManifest, 'ProofFileError'],
  'tlog proofs': [parseTlogProof, 'RangeError'],
  'a node’s status': [statusOf, 'ChainError'],
  'a node’s block': [(text) => blockOf(text, 'aa'), 'ChainError'],
  'a node’s unspent outputs': [unspentOutputsOf, 'ChainError'],
  'a node’s hex': [hexOf, 'ChainError'],
  'log lines': [(text) => prettyLogLine(text, { colour: true })],
}
const valueParsers: Record<string, [run: (value: unknown) => unknown, ...errors: string[]]> = {
  'parsed forms': [parameters, 'OAuthError'],
  'parsed forms, leniently': [distinctParameters],
  'lists of a form': [(value) => listParameter(value, 'scope')],
  'invitation terms': [isInvitationTerms],
  'user claims': [parseUserClaims, 'UserClaimsError'],
}

const throwsOnly =
  <T>(run: (input: T) => unknown, errors: readonly string[]) =>
  (input: T) => {
    try {
      run(input)
    } catch (error) {
      expect([...errors], String((error as Error).stack)).toContain((error as Error).name)
    }
  }

describe('nothing but the own error is thrown', () => {
  test.each(Object.entries(textParsers))('%s', (_, [run, ...errors]) => {
    fc.assert(fc.property(text, throwsOnly(run, errors)), { numRuns: 300 })
  })
  test.each(Object.entries(valueParsers))('%s', (_, [run, ...errors]) => {
    fc.assert(fc.property(value, throwsOnly(run, errors)), { numRuns: 300 })
  })
})

describe('what was shown is parsed as it was', () => {
  test('user codes, whatever people put between the letters', () => {
    const letters = fc.array(fc.constantFrom(...userCodeLetters), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(letters, fc.constantFrom('', ' ', '-', '\u2014', '. '), (code, between) => {
        expect(normaliseUserCode(showUserCode(code.join('')))).toBe(code.join(''))
        expect(normaliseUserCode(code.join(between).toLowerCase())).toBe(code.join(''))
      }),
    )
  })

  test('the way back to an authorization request: nothing is lost and no other site comes of it', () => {
    const names = fc
      .string({ minLength: 1 })
      .filter((name) => !['secret', 'client_secret', '__proto__'].includes(name))
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.string({ unit: 'grapheme', minLength: 1 }), { minKeys: 1 }),
        (query) => {
          const path = authorizePath(query)
          const same = parseAuthorizePath(path)
          expect(same).toBe(path)
          expect(authorizeParameters(path)).toEqual({ ...query })
        },
      ),
    )
  })

  test('wherever a login may lead on, it is a path of this server', () => {
    fc.assert(
      fc.property(text, fc.constantFrom('', '/oauth/authorize?', '/device?', '/device'), (more, before) => {
        const path = parseContinuePath(before + more)
        if (path === undefined) return
        const url = new URL(path, 'http://signon.invalid')
        expect(url.origin).toBe('http://signon.invalid')
        expect(['/oauth/authorize', '/device']).toContain(url.pathname)
        if (path !== '/oauth/authorize') expect(parseContinuePath(path)).toBe(path)
      }),
      { numRuns: 1000 },
    )
    expect(parseContinuePath(devicePath('BCDF-GHJK'))).toBe('/device?user_code=BCDF-GHJK')
  })

  test('signed request headers', () => {
    const nonce = fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/)
    const signature = fc
      .uint8Array({ minLength: 65, maxLength: 65 })
      .map((bytes) => Buffer.from(bytes).toString('base64'))
    fc.assert(
      fc.property(fc.nat(), nonce, signature, (timeSeconds, nonce, signature) => {
        const given = { timeSeconds, nonce, signature }
        expect(parseSignedRequestHeader(signedRequestHeader(given))).toEqual(given)
      }),
    )
  })

  test('manifests of bundles: version 2 where records were dropped, and of no other version', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
    const hex = hash.map((bytes) => bytes.toString('hex'))
    const files = fc.record(
      {
        'records.bin': hex,
        'sides.bin': hex,
        'dropped.jsonl': hex,
        'servers.jsonl': hex,
        'checkpoints.jsonl': hex,
        'anchors.jsonl': hex,
      },
      { requiredKeys: ['records.bin', 'servers.jsonl', 'checkpoints.jsonl', 'anchors.jsonl'] },
    )
    const hashes = fc.array(hash, { maxLength: 3 })
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.nat(),
        files,
        hashes,
        hashes,
        (from, more, behind, files, ...beside) => {
          const to = from + more
          const [left, right] = beside
          const manifest = { origin: 'log', from, to, size: to + 1 + behind, files, left, right }
          const text = encodeManifest(manifest)
          expect(decodeManifest(text)).toEqual(manifest)
          const [version, other] = files['dropped.jsonl'] === undefined ? [1, 2] : [2, 1]
          const relabelled = text.replace(`"version": ${version}`, `"version": ${other}`)
          expect(() => decodeManifest(relabelled)).toThrow('is not written as this program writes it')
        },
      ),
    )
  })

  test('tlog proofs', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.nat(), fc.array(hash, { maxLength: 5 }), (index, path) => {
        const proof = { index, path, checkpoint: 'origin\n1\nx\n' }
        expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof)
      }),
    )
  })

  test('forms: each name once, no name of a prototype comes along', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string({ minLength: 1 }))), (fields) => {
        const input: Record<string, string | string[]> = Object.create(null)
        for (const [name, value] of fields) input[name] = name in input ? [input[name]!, value].flat() : value
        const { parameters: found, repeated } = distinctParameters(input)
        expect(Object.getPrototypeOf(found)).toBeNull()
        for (const [name, value] of Object.entries(input))
          if (Array.isArray(value) && !['resource', 'audience'].includes(name))
            expect(repeated).toContain(name)
          else expect(found[name]).toBe(Array.isArray(value) ? value.join(' ') : value)
      }),
    )
  })
})

test('any error’s words fit the wire (RFC 6749 section 5.2), any log line one line', () => {
  fc.assert(
    fc.property(text, (words) => {
      expect(wireDescription(new OAuthError('invalid_request', words))).toMatch(
        /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/,
      )
      const line = prettyLogLine(JSON.stringify({ level: 30, time: 0, msg: words, [words]: words }), {
        colour: false,
      })
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }),
    { numRuns: 500 },
  )
})
