/**
 * Begins and ends grants and sessions, fails to log in, seals and drops what is old, without end; tells of each session
 * and each pause once it is stored: its position and what its side record holds.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { decideAndAppend } from '../../src/authorization-server/decide-and-append.ts'
import { Retainer } from '../../src/authorization-server/retain.ts'
import { TokenSecrets } from '../../src/authorization-server/token-secrets.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { Sealer } from '../../src/ledger/segments/sealer.ts'
import { decodeEvent, encodeEvent } from '../../src/oauth/event-codec.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { coldRows } from '../../src/projections/cold-rows.ts'
import { LifetimeFollower } from '../../src/projections/lifetime-follower.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { openPlaces } from '../support/sealing.ts'

const [folder, startMs] = process.argv.slice(2) as [string, string]
const storage = await openPlaces(folder)
const ledger = new Ledger<Event>(storage, { encode: encodeEvent, decode: decodeEvent }, projectRows)
let nowMs = Number(startMs)
const context = { ledger, models: new ReadModels(ledger, 100), now: () => nowMs }
const secrets = new TokenSecrets(Buffer.alloc(32, 1))
const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 16 })
const retainer = new Retainer({ context, storage, sealer, eventsAtOnce: 16 })
const lifetimes = new LifetimeFollower(ledger, {
  onError: (error) => {
    throw error
  },
})
/** How often it was looked what may go. A name fails in every third, and is forgotten and dropped in between. */
let rounds = 0
let lives = 0
const livesEachRound = 80
const seconds = () => Math.floor(nowMs / 1000)
ledger.committed$.subscribe((events) => {
  for (const { position, event } of events)
    if ('side' in event && 'address' in event.side)
      process.stdout.write(`${position} ${event.side.address}\n`)
})

async function liveForEver(): Promise<never> {
  for (;;) {
    nowMs += 1000
    const id = secrets.identifier()
    // No key holds it, and LevelDB cannot compress it.
    const address = secrets.identifier()
    const issued: Event = {
      type: 'token.issued',
      grantType: 'client_credentials',
      clientId: 'trusted',
      clientVersion: 0,
      subject: null,
      scopes: [],
      accessTokenHash: secrets.create('access').hash,
      accessExpiresAtSeconds: seconds() + 1,
      refreshTokenHash: null,
      refreshExpiresAtSeconds: null,
    }
    await ledger.append(streamOf.grant(id), 0, [issued], nowMs)
    const started: Event = {
      type: 'session.started',
      subject: 'alice-subject',
      cookieHash: secrets.create('session').hash,
      expiresAtSeconds: seconds() + 60,
      side: { address, userAgent: '' },
    }
    await ledger.append(streamOf.session(id), 0, [started], nowMs)
    await ledger.append(streamOf.session(id), 1, [{ type: 'session.ended', reason: 'logout' }], nowMs)
    await fail(`name-${rounds % 3}`)
    lives++
    // Dropping keeps up with them.
    do await pause(50)
    while (lives > livesEachRound * rounds)
  }
}

/** Streams that go on, and begin anew where they were dropped. */
async function fail(name: string): Promise<void> {
  const address = secrets.identifier()
  const locked: Event = {
    type: 'login.locked',
    of: 'user',
    failures: 5,
    pauses: 1,
    untilSeconds: seconds() + 1,
    side: { address },
  }
  await decideAndAppend(context, 'attempts', streamOf.attempts(name), () => ({
    events: [locked],
    answer: undefined,
  }))
}

async function retainForEver(): Promise<never> {
  for (;;) {
    rounds++
    nowMs += 7_200_000
    await lifetimes.run()
    await sealer.run(nowMs - 20_000)
    await retainer.run({ payloadsSeconds: 20, sideRecordsSeconds: 5 })
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all([liveForEver(), liveForEver(), retainForEver()])
