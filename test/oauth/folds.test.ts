/** `evolve` of the streams that are no grants. */
import { sample } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evolveClient } from '../../src/oauth/client.ts'
import { evolveAssertion } from '../../src/oauth/client-assertion.ts'
import { evolveConsent } from '../../src/oauth/consent.ts'
import type { Event, EventOf, Recorded } from '../../src/oauth/events.ts'
import { evolveGrant } from '../../src/oauth/grant.ts'
import { evolveInvitation } from '../../src/oauth/invitation.ts'
import { evolveServer } from '../../src/oauth/server.ts'
import { evolveSession, isSessionLive } from '../../src/oauth/session.ts'
import { evolveUser } from '../../src/oauth/user.ts'
import { anyEventOf, eventTypes } from '../support/event-arbitraries.ts'
import {
  codeIssued,
  recordedAt,
  revoked,
  sampleMetadata,
  someTimeMs,
  someTimeSeconds,
} from '../support/oauth.ts'

function fold<S>(
  evolve: (state: S | undefined, recorded: Recorded) => S | undefined,
  stream: string,
  events: readonly Event[],
): S | undefined {
  let state: S | undefined
  events.forEach((event, version) => {
    state = evolve(state, recordedAt(stream, version, event))
  })
  return state
}

const signed = { signedAtSeconds: someTimeSeconds, signature: 'x' }
const clientRegistered = (secretHash?: string): EventOf<'client.registered'> => ({
  type: 'client.registered',
  clientId: 'trusted',
  metadata: sampleMetadata(),
  ...signed,
  side: { ...(secretHash !== undefined && { secretHash }) },
})
const clientRemoved: Event = { type: 'client.removed', clientId: 'trusted', ...signed }
const userRegistered: EventOf<'user.registered'> = {
  type: 'user.registered',
  subject: 's',
  authorities: ['USER'],
  ...signed,
  side: { username: 'alice', passwordHash: 'h' },
}
const consentGiven = (clientVersion: number, ...scopes: string[]): Event => ({
  type: 'consent.given',
  subject: 's',
  clientId: 'trusted',
  clientVersion,
  scopes,
})

describe('a client', () => {
  test('registered anew is another one, with another secret', () => {
    const events = [clientRegistered('first'), clientRemoved, clientRegistered('second')]
    expect(fold(evolveClient, 'client:trusted', events)).toEqual({
      clientId: 'trusted',
      registeredAtVersion: 2,
      metadata: sampleMetadata(),
      secretHash: 'second',
      removed: false,
    })
  })

  test('removed keeps no secret', () => {
    const state = fold(evolveClient, 'client:trusted', [clientRegistered('first'), clientRemoved])
    expect(state).toMatchObject({ removed: true })
    expect(state).not.toHaveProperty('secretHash')
  })
})

test('a user whose side record was erased has neither name nor password', () => {
  const erased = { ...userRegistered, side: {} } as unknown as Event
  expect(fold(evolveUser, 'user:s', [erased])).toEqual({
    subject: 's',
    authorities: ['USER'],
    removed: false,
  })
  expect(fold(evolveUser, 'user:s', [userRegistered])).toMatchObject({ username: 'alice', passwordHash: 'h' })
})

describe('a session', () => {
  const started: Event = {
    type: 'session.started',
    subject: 's',
    cookieHash: 'c',
    expiresAtSeconds: someTimeSeconds + 60,
    side: { address: '', userAgent: '' },
  }
  const session = fold(evolveSession, 'session:one', [started])!

  test('lives until the millisecond at which it expires', () => {
    expect(isSessionLive(session, someTimeMs + 59_999)).toBe(true)
    expect(isSessionLive(session, someTimeMs + 60_000)).toBe(false)
  })

  test('that ended lives no more', () => {
    const ended = fold(evolveSession, 'session:one', [started, { type: 'session.ended', reason: 'logout' }])!
    expect(ended).toEqual({ ...session, endedAtSeconds: someTimeSeconds })
    expect(isSessionLive(ended, someTimeMs)).toBe(false)
  })
})

describe('a consent', () => {
  test('grows', () => {
    const events = [consentGiven(0, 'read'), consentGiven(0, 'write', 'read')]
    expect(fold(evolveConsent, 'consent:s:trusted', events)).toEqual({
      clientVersion: 0,
      scopes: ['read', 'write'],
    })
  })

  test('begins again with a client registered anew', () => {
    const events = [consentGiven(0, 'read', 'write'), consentGiven(2, 'read')]
    expect(fold(evolveConsent, 'consent:s:trusted', events)).toEqual({ clientVersion: 2, scopes: ['read'] })
  })
})

test('a grant that has ended keeps its first end', () => {
  const events = [{ type: 'code.redeemed' } as Event, revoked('client'), revoked('administrator')]
  const code = { position: 0, timeMs: someTimeMs, stream: 'grant:one', version: 0 }
  let state = evolveGrant(undefined, { ...code, event: codeIssued() })
  events.forEach((event, index) => {
    state = evolveGrant(state, { ...code, version: index + 1, timeMs: someTimeMs + index * 1000, event })
  })
  expect(state?.ended).toEqual({ reason: 'client', atSeconds: someTimeSeconds + 1 })
})

test('an event before its beginning, or of another stream, makes no state', () => {
  const beginnings: Record<string, readonly string[]> = {
    client: ['client.registered', 'client.enrolled'],
    invitation: ['invitation.issued'],
    assertion: ['assertion.used'],
    user: ['user.registered', 'user.linked'],
    session: ['session.started'],
    consent: ['consent.given'],
    server: ['server.opened'],
    grant: ['code.issued', 'device_code.issued', 'token.issued'],
  }
  const evolvers = {
    client: evolveClient,
    invitation: evolveInvitation,
    assertion: evolveAssertion,
    user: evolveUser,
    session: evolveSession,
    consent: evolveConsent,
    server: evolveServer,
    grant: evolveGrant,
  }
  for (const [kind, evolve] of Object.entries(evolvers))
    for (const type of eventTypes)
      if (!beginnings[kind]!.includes(type)) {
        const event = sample(anyEventOf(type), { numRuns: 1, seed: 1 })[0]!
        expect([kind, type, evolve(undefined, recordedAt(`${kind}:x`, 0, event))]).toEqual([
          kind,
          type,
          undefined,
        ])
      }
})
