/** The live projections: counters, the minute's history, the monitor. */
import { Subject, toArray } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, test } from 'vitest'
import type { Event, EventType, Recorded } from '../../src/oauth/events.ts'
import { type Counters, count, counters$, zeroCounters } from '../../src/projections/counters.ts'
import { advance, flatHistory, history$, historySeconds } from '../../src/projections/history.ts'
import { monitor } from '../../src/projections/monitor.ts'
import { eventTypes } from '../support/event-arbitraries.ts'
import { recordedAt } from '../support/oauth.ts'

const batch = (...types: EventType[]): Recorded[] =>
  types.map((type, version) => recordedAt('x:y', version, { type } as Event))

const counters = (
  client: number,
  issuance = 0,
  redeemed = 0,
  issued = 0,
  revoked = 0,
  refreshed = 0,
  ends = zeroCounters.ends,
): Counters => ({
  client,
  authorization: { issuance, consumption: redeemed },
  token: { issuance: issued, revocation: revoked, refresh: refreshed },
  ends,
})

describe('counters', () => {
  test('count each type of event where the monitor shows it', () => {
    const one: Partial<Record<EventType, Counters>> = {
      'client.registered': counters(1),
      'client.removed': counters(1),
      'code.issued': counters(0, 1),
      'code.redeemed': counters(0, 0, 1),
      'token.issued': counters(0, 0, 0, 1),
      'grant.revoked': counters(0, 0, 0, 0, 1),
      'token.refreshed': counters(0, 0, 0, 0, 0, 1),
    }
    for (const type of eventTypes) {
      const { ends, ...rest } = one[type] ?? zeroCounters
      expect([type, count(zeroCounters, batch(type))]).toMatchObject([type, rest])
    }
  })

  test('count ends and pauses by their causes', () => {
    const events = [
      { type: 'session.ended', reason: 'logout' },
      { type: 'session.ended', reason: 'logout' },
      { type: 'session.ended', reason: 'expired' },
      { type: 'grant.revoked', reason: 'refresh_reuse' },
      { type: 'logout.delivered' },
      { type: 'logout.failed' },
      { type: 'logout.failed' },
      { type: 'login.locked', of: 'user' },
      { type: 'login.locked', of: 'address' },
    ].map((event, version) => recordedAt('x:y', version, event as Event))
    const zero = zeroCounters.ends
    const once = {
      sessions: { ...zero.sessions, logout: 2, expired: 1 },
      grants: { ...zero.grants, refresh_reuse: 1 },
      notices: { delivered: 1, failed: 2 },
      pauses: { ...zero.pauses, user: 1, address: 1 },
    }
    const counted = count(zeroCounters, events)
    expect(counted).toEqual(counters(0, 0, 0, 0, 1, 0, once))
    expect(count(counted, events.slice(1, 3)).ends.sessions).toMatchObject({ logout: 3, expired: 2 })
  })

  test('sum batches, and tell a late subscriber the present ones', () => {
    const committed$ = new Subject<readonly Recorded[]>()
    const live$ = counters$(committed$)
    const seen: Counters[] = []
    live$.subscribe((of) => seen.push(of))
    committed$.next(batch('code.issued', 'code.issued', 'client.registered'))
    committed$.next([])
    committed$.next(batch('code.redeemed', 'token.issued'))
    expect(seen).toEqual([zeroCounters, counters(1, 2), counters(1, 2), counters(1, 2, 1, 1)])
    const late: Counters[] = []
    live$.subscribe((of) => late.push(of))
    expect(late).toEqual([counters(1, 2, 1, 1)])
  })

  test('end when the ledger is closed', () => {
    const committed$ = new Subject<readonly Recorded[]>()
    const all: Counters[][] = []
    counters$(committed$)
      .pipe(toArray())
      .subscribe((of) => all.push(of))
    committed$.next(batch('code.issued'))
    committed$.complete()
    expect(all).toEqual([[zeroCounters, counters(0, 1)]])
  })
})

describe('history', () => {
  const minute = (...last: number[]) => [...Array(historySeconds - last.length).fill(0), ...last]

  test('each second has what was added in it', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
    scheduler.run(({ hot, cold, expectObservable }) => {
      const added: Record<string, Counters> = {
        a: zeroCounters,
        b: counters(1, 2, 3),
        c: counters(1, 2, 3, 4, 5, 6),
      }
      const counters$ = hot(' a-b---c--', added)
      const seconds$ = cold('---s--s--s', { s: 0 })
      expectObservable(history$(counters$, seconds$)).toBe('h--i--j--k', {
        h: flatHistory,
        i: { client: minute(1), authorization: minute(5), token: minute(0) },
        j: { client: minute(1, 0), authorization: minute(5, 0), token: minute(0, 15) },
        k: { client: minute(1, 0, 0), authorization: minute(5, 0, 0), token: minute(0, 15, 0) },
      })
    })
  })

  test('holds a minute, oldest first', () => {
    let history = flatHistory
    for (let second = 1; second <= historySeconds + 5; second++)
      history = advance(history, zeroCounters, counters(second))
    expect(history.client).toEqual(Array.from({ length: historySeconds }, (_, i) => i + 6))
    expect(flatHistory.client).toEqual(minute(0))
  })

  test('tells a late subscriber the present one', () => {
    const committed$ = new Subject<readonly Recorded[]>()
    const seconds$ = new Subject<number>()
    const live$ = history$(counters$(committed$), seconds$)
    live$.subscribe()
    committed$.next(batch('client.registered'))
    seconds$.next(0)
    const late: unknown[] = []
    live$.subscribe(({ client }) => late.push(client))
    expect(late).toEqual([minute(1)])
  })
})

describe('monitor', () => {
  const sources = {
    counters: counters(1, 2, 3, 4, 5, 6),
    history: flatHistory,
    cacheCounts: { hits: 3, misses: 1 },
    chainCalls: { read: 7, write: 8 },
    position: 20,
    anchors: { confirmed: 1, pending: 1, anchoredSize: 12 },
  }

  test('is the live projections at one moment', () => {
    expect(monitor(sources)).toEqual({
      authorization: { issuance: 2, consumption: 3 },
      token: { issuance: 4, revocation: 5, refresh: 6 },
      ends: zeroCounters.ends,
      cache: { hitRate: 0.75 },
      coinstack: { read: 7, write: 8 },
      history: flatHistory,
      ledger: { position: 20 },
      anchors: { confirmed: 1, pending: 1, lagEvents: 8 },
    })
  })

  test('has no hit rate before the first look-up, and no lag below zero', () => {
    const early = monitor({
      ...sources,
      cacheCounts: { hits: 0, misses: 0 },
      anchors: { confirmed: 0, pending: 0, anchoredSize: 30 },
    })
    expect(early.cache.hitRate).toBeNull()
    expect(early.anchors.lagEvents).toBe(0)
  })
})
