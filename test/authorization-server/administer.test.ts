/** Administration counts only with the administrator's signature over its place and content, once. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AdministrationError,
  type AdministrationRequest,
  administer,
} from '../../src/authorization-server/administer.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import type { Event } from '../../src/oauth/events.ts'
import {
  answerOrCode,
  clientRegistered,
  clientRemoved,
  openWorld,
  registerClient,
  registerUser,
  signedOn,
  signedRequest,
  tally,
  userRegistered,
  userRemoved,
  type World,
} from '../support/authorization.ts'
import { anyEvent } from '../support/event-arbitraries.ts'
import { checkTree } from '../support/ledger.ts'
import { sampleMetadata } from '../support/oauth.ts'

const stream = 'client:trusted'
const registration = clientRegistered('trusted', sampleMetadata())
const revocation = {
  type: 'grant.revoked',
  reason: 'administrator',
  signedAtSeconds: 1,
  signature: '',
} as const

/** What a request came to: the position it got, or the fault. */
const submit = (world: World, request: unknown) =>
  answerOrCode(async () => (await administer(world.context, request as AdministrationRequest)).position)

describe('a signed request', () => {
  test('is recorded with its signature, and holds', async () => {
    const world = await openWorld()
    const request = signedRequest(world, registration, { stream })
    expect(await submit(world, request)).toBe(0)
    expect(world.heard[0]).toMatchObject({ stream, version: 0, event: request.event })
    expect(world.models.load('client', stream).state).toMatchObject({ clientId: 'trusted', removed: false })
  })

  test('signed by somebody else changes nothing', async () => {
    const world = await openWorld()
    expect(await submit(world, signedRequest(world, registration, { stream }, 'mallory'))).toBe('signature')
    expect(world.ledger.size).toBe(0)
  })

  const good = (world: World) => signedRequest(world, registration, { stream })
  const changes: Record<
    string,
    (request: AdministrationRequest & { event: typeof registration }) => unknown
  > = {
    'another scope': (of) => ({
      ...of,
      event: { ...of.event, metadata: sampleMetadata({ scopes: ['root'] }) },
    }),
    'another time': (of) => ({ ...of, event: { ...of.event, signedAtSeconds: 2 } }),
    'another secret': (of) => ({ ...of, event: { ...of.event, side: { secretHash: 'x' } } }),
    'another salt': (of) => ({ ...of, salt: Buffer.alloc(32, 4).toString('base64url') }),
    'another version': (of) => ({ ...of, version: 1 }),
    'no signature': (of) => ({ ...of, event: { ...of.event, signature: '' } }),
  }
  test.each(Object.keys(changes))('changed afterwards is not signed: %s', async (name) => {
    const world = await openWorld()
    expect(await submit(world, changes[name]!(good(world) as never))).toBe('signature')
    expect(world.ledger.size).toBe(0)
  })

  test('for another ledger is not signed for this one', async () => {
    const world = await openWorld()
    const request = signedRequest(world, registration, { stream, origin: 'ledger.example/two' })
    expect(await submit(world, request)).toBe('signature')
  })
})

describe('a replayed request', () => {
  test('does not register a removed client again', async () => {
    const world = await openWorld()
    const request = signedRequest(world, registration, { stream })
    expect(await submit(world, request)).toBe(0)
    expect(await submit(world, request)).toBe('exists')
    expect(await submit(world, signedRequest(world, clientRemoved('trusted'), { stream }))).toBe(1)
    expect(await submit(world, request)).toBe('stale')
    expect(world.models.load('client', stream).state?.removed).toBe(true)
  })

  test('does not remove a client registered anew', async () => {
    const world = await openWorld()
    await registerClient(world)
    const removal = signedRequest(world, clientRemoved('trusted'), { stream })
    expect(await submit(world, removal)).toBe(1)
    await registerClient(world)
    expect(await submit(world, removal)).toBe('stale')
    expect(world.models.load('client', stream).state?.removed).toBe(false)
  })

  test('many times at once is recorded once', async () => {
    const world = await openWorld()
    const request = signedRequest(world, registration, { stream })
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(world, request)))
    expect(answers.filter((answer) => answer === 0).length).toBe(1)
    expect(answers.filter((answer) => answer === 'stale').length).toBe(19)
    expect(world.ledger.size).toBe(1)
  })
})

test.each([1, 5, 4294967295])('a request signed for version %i of a new stream is stale', async (version) => {
  const world = await openWorld()
  expect(await submit(world, signedRequest(world, registration, { stream, version }))).toBe('stale')
  expect(world.ledger.size).toBe(0)
})

describe('a username', () => {
  test('is taken once, also by two registrations in one batch', async () => {
    const world = await openWorld()
    const requests = ['first', 'second', 'third'].map((subject) =>
      signedRequest(world, userRegistered(subject, 'alice'), { stream: `user:${subject}` }),
    )
    const answers = await Promise.all(requests.map((request) => submit(world, request)))
    expect(answers).toEqual([0, 'exists', 'exists'])
    expect(world.storage.writes).toBe(1)
    expect(world.models.subjectOf('alice')).toBe('first')
    await checkTree(world.ledger)
  })

  test('is free again when its user is removed', async () => {
    const world = await openWorld()
    await registerUser(world, 'first', 'alice')
    const again = () =>
      submit(world, signedRequest(world, userRegistered('second', 'alice'), { stream: 'user:second' }))
    expect(await again()).toBe('exists')
    expect(await submit(world, signedRequest(world, userRemoved('first'), { stream: 'user:first' }))).toBe(1)
    expect(await again()).toBe(2)
    const back = signedRequest(world, userRegistered('first', 'anna'), { stream: 'user:first' })
    expect(await submit(world, back)).toBe('exists')
  })
})

describe('what is not there', () => {
  test.each<[string, Event & { signature: string | null }, string]>([
    ['a client', clientRemoved('nobody'), 'client:nobody'],
    ['a user', userRemoved('nobody'), 'user:nobody'],
    ['a grant', revocation, 'grant:nothing'],
  ])('%s cannot be removed', async (_, event, of) => {
    const world = await openWorld()
    expect(await submit(world, signedRequest(world, event, { stream: of }))).toBe('not_found')
  })

  test('a grant is revoked once', async () => {
    const world = await openWorld()
    await signedOn(world)
    const of = world.heard.find((recorded) => recorded.stream.startsWith('grant:'))!.stream
    expect(await submit(world, signedRequest(world, revocation, { stream: of }))).toEqual(expect.any(Number))
    expect(await submit(world, signedRequest(world, revocation, { stream: of }))).toBe('not_found')
    expect(tally(world)['grant.revoked administrator']).toBe(1)
  })
})

describe('a malformed request is refused, whoever signed it', () => {
  const signedBadly =
    (event: object, of = stream) =>
    (world: World) =>
      signedRequest(world, event as Event & { signature: string }, { stream: of })
  const user = userRegistered('first', 'alice')
  const requests: Record<string, (world: World) => unknown> = {
    'of no event': () => ({ stream, version: 0, event: null }),
    'of a text': () => ({ stream, version: 0, event: 'client.registered' }),
    'of an unknown type': () => ({ stream, version: 0, event: { type: 'client.renamed' } }),
    'of a type named as a prototype': () => ({ stream, version: 0, event: { type: 'constructor' } }),
    'without stream': (world) => ({ ...signedRequest(world, registration, { stream }), stream: undefined }),
    'for a grant without stream': (world) => ({
      ...signedRequest(world, revocation, { stream: 'grant:x' }),
      stream: 5,
    }),
    'for another stream': signedBadly(registration, 'client:other'),
    'for a stream of another kind': signedBadly(registration, 'grant:trusted'),
    'for no stream': signedBadly(registration, ''),
    'without side record': (world) => {
      const { side: _, ...event } = registration
      return { ...signedRequest(world, registration, { stream }), event }
    },
    'without salt': (world) => ({ ...signedRequest(world, registration, { stream }), salt: undefined }),
    'with a short salt': (world) => ({ ...signedRequest(world, registration, { stream }), salt: 'AAAA' }),
    'of a token': signedBadly({ type: 'token.issued', signature: '' }, 'grant:x'),
    'of a revocation by a client': signedBadly({ ...revocation, reason: 'client' }, 'grant:x'),
    'of a revocation without time': signedBadly({ ...revocation, signedAtSeconds: null }, 'grant:x'),
    'of a server': signedBadly({ type: 'server.opened', origin: 'o', signature: '' }, 'server:x'),
    'of a client without metadata': signedBadly({ ...registration, metadata: null }),
    'of a client with half the metadata': signedBadly({ ...registration, metadata: { scopes: [] } }),
    'of a client whose scopes are a text': signedBadly({
      ...registration,
      metadata: { ...sampleMetadata(), scopes: 'read' },
    }),
    'of a client with a metadata member too many': signedBadly({
      ...registration,
      metadata: { ...sampleMetadata(), '': [] },
    }),
    'of a client with a relative redirect URI': signedBadly({
      ...registration,
      metadata: sampleMetadata({ redirectUris: ['/'] }),
    }),
    'of a client without id': signedBadly({ ...registration, clientId: '' }, 'client:'),
    'of a client with a number for an id': signedBadly({ ...registration, clientId: 5 }, 'client:5'),
    'of a client with a null in the id': signedBadly({ ...registration, clientId: 'a\0b' }, 'client:a\0b'),
    'of a client with an endless id': signedBadly(
      { ...registration, clientId: 'a'.repeat(300) },
      `client:${'a'.repeat(300)}`,
    ),
    'of a client at no time': signedBadly({ ...registration, signedAtSeconds: null }),
    'of a client at half a second': signedBadly({ ...registration, signedAtSeconds: 0.5 }),
    'of a user with a colon in the subject': signedBadly({ ...user, subject: 'a:b' }, 'user:a:b'),
    'of a user without name': signedBadly({ ...user, side: { passwordHash: 'x' } }, 'user:first'),
    'of a user with a name in decomposed form': signedBadly(
      { ...user, side: { ...user.side, username: 'zoe\u0308' } },
      'user:first',
    ),
    'of a user whose authorities are a text': signedBadly({ ...user, authorities: 'ADMIN' }, 'user:first'),
  }
  test.each(Object.keys(requests))('%s', async (name) => {
    const world = await openWorld()
    expect(await submit(world, requests[name]!(world))).toBe('malformed')
    expect(world.ledger.size).toBe(0)
  })

  test('whatever it is, it is an AdministrationError, and nothing is recorded', async () => {
    const world = await openWorld()
    const anyRequest = fc.record({
      stream: fc.oneof(fc.constantFrom('client:a', 'user:a', 'grant:a', '__proto__'), fc.anything()),
      version: fc.oneof(fc.nat(2), fc.anything()),
      event: fc.oneof(anyEvent, fc.anything()),
      salt: fc.oneof(fc.constant(Buffer.alloc(32).toString('base64url')), fc.anything()),
    })
    await fc.assert(
      fc.asyncProperty(anyRequest, async (request) => {
        const error = await administer(world.context, request as AdministrationRequest).then(
          () => 'recorded',
          (cause) => cause,
        )
        expect(error).toBeInstanceOf(AdministrationError)
      }),
      { numRuns: 300 },
    )
    expect(world.ledger.size).toBe(0)
  })
})

test('a ledger that cannot be written is unavailable, not a fault of the request', async () => {
  const world = await openWorld()
  world.storage.faults = ['not stored']
  const request = signedRequest(world, registration, { stream })
  await expect(administer(world.context, request)).rejects.toSatisfy(
    (error) => error instanceof LedgerError && error.code === 'unavailable',
  )
  expect(await submit(world, request)).toBe(0)
})
