/** What a range of the log says of its streams, and what it cannot say. */
import { expect, test } from 'vitest'
import { BundleStreams, type BundleStreamsOptions } from '../../src/audit/bundle-streams.ts'
import { Faults } from '../../src/audit/fault.ts'
import { Stations } from '../../src/audit/stations.ts'
import { type Event, type Recorded, streamOf } from '../../src/oauth/events.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import {
  clientRegistered,
  clientToken,
  codeIssued,
  refreshed,
  revoked,
  server,
  serverOpened,
  startMs,
  token,
  userRegistered,
  userToken,
} from './support.ts'

const grant = streamOf.grant('first')
const begun: [string, number, Event][] = [
  [streamOf.server(server.address), 0, serverOpened()],
  [streamOf.client('trusted'), 0, clientRegistered()],
  [streamOf.user('alice-subject'), 0, userRegistered('alice-subject', 'alice')],
  [
    streamOf.session('browser'),
    0,
    {
      type: 'session.started',
      subject: 'alice-subject',
      cookieHash: 'x'.repeat(43),
      expiresAtSeconds: 1,
      side: { address: '192.0.2.7', userAgent: 'Browser' },
    },
  ],
]
const redeemed: Event = { type: 'code.redeemed' }

function found(events: [string, number, Event][], from = 0, options?: BundleStreamsOptions) {
  const faults = new Faults(100)
  const streams = new BundleStreams(from, faults, options)
  for (const [i, [stream, version, event]] of events.entries())
    streams.check({ position: from + i, timeMs: startMs, stream, version, event } as Recorded)
  const stations = new Stations()
  streams.finish(stations)
  return {
    faults: faults.sorted().map(({ position, kind }) => [position, kind]),
    outcomes: stations.all.map(({ outcome }) => outcome),
  }
}

test('a whole life', () => {
  const life: typeof begun = [...begun, [grant, 0, codeIssued], [grant, 1, redeemed], [grant, 2, userToken]]
  life.push([grant, 3, refreshed], [grant, 4, revoked])
  expect(found(life)).toEqual({ faults: [], outcomes: ['proved'] })
})

test.each<[string, [string, number, Event][], [number, string][]]>([
  [
    'redeemed twice',
    [
      [grant, 0, codeIssued],
      [grant, 1, redeemed],
      [grant, 2, redeemed],
    ],
    [[6, 'protocol']],
  ],
  [
    'a gap',
    [
      [grant, 0, codeIssued],
      [grant, 2, userToken],
    ],
    [[5, 'stream_version']],
  ],
  [
    'a version twice',
    [
      [grant, 0, codeIssued],
      [grant, 0, codeIssued],
    ],
    [[5, 'stream_version']],
  ],
  ['no beginning', [[grant, 1, redeemed]], [[4, 'stream_version']]],
  ['in another stream', [[streamOf.client('first'), 0, codeIssued]], [[4, 'protocol']]],
  ['for a client that was not there', [[grant, 0, { ...codeIssued, clientId: 'nobody' }]], [[4, 'protocol']]],
  ['for a registration to come', [[grant, 0, { ...clientToken('x'), clientVersion: 2 }]], [[4, 'protocol']]],
])('%s', (_, more, faults) => {
  expect(found([...begun, ...more]).faults).toEqual(faults)
})

test('behind the beginning of the log: what began before is not known', () => {
  const tail: typeof begun = [
    [grant, 2, userToken],
    [grant, 3, refreshed],
    [streamOf.grant('own'), 0, clientToken('own')],
  ]
  expect(found(tail, 20)).toEqual({ faults: [], outcomes: ['proved', 'not_proved'] })
  expect(found([...tail, [grant, 5, revoked]], 20).faults).toEqual([[23, 'stream_version']])
  expect(found([...tail, [streamOf.grant('own'), 1, redeemed]], 20).faults).toEqual([[23, 'protocol']])
})

test('more streams than are kept: what was forgotten is said', () => {
  const many: typeof begun = Array.from({ length: 30 }, (_, i) => [
    streamOf.grant(`own-${i}`),
    0,
    clientToken(`own-${i}`),
  ])
  const events = [...begun, ...many, [streamOf.grant('own-0'), 1, revoked] as (typeof begun)[number]]
  expect(found(events, 0, { most: 5 })).toEqual({
    faults: [],
    outcomes: ['proved', 'not_proved', 'not_proved'],
  })
})

test('registrations by an invitation from before the range, or whose states are forgotten, are not proved', () => {
  const invitation = hashToken(token('at', 'invitation'))
  const byInvitation = streamOf.invitation(invitation)
  const { metadata } = clientRegistered()
  const enrol = (clientId: string, invitationVersion: number): [string, number, Event] => [
    streamOf.client(clientId),
    0,
    {
      type: 'client.enrolled',
      clientId,
      metadata,
      invitation,
      invitationVersion,
      registrationTokenHash: hashToken(token('at', 'registration')),
      serverAddress: server.address,
      signature: '',
      side: {},
    },
  ]
  const use: [string, number, Event] = [byInvitation, 5, { type: 'invitation.used', clientId: 'self' }]
  expect(found([enrol('self', 6)], 9)).toEqual({ faults: [], outcomes: ['proved', 'not_proved'] })
  expect(found([use, enrol('self', 6), enrol('early', 3)], 9)).toEqual({
    faults: [],
    outcomes: ['proved', 'not_proved', 'not_proved'],
  })
  // What has not stood yet is a fault, whatever was before.
  expect(found([use, enrol('self', 7)], 9).faults).toEqual([[10, 'enrolment_terms']])
})

test('a reference may lead to a dropped stream, of a kind that may be dropped', () => {
  const without: typeof begun = [...begun.slice(0, 3), [grant, 0, codeIssued]]
  const gone = streamOf.session('browser')
  const options = { droppedAt: (stream: string) => (stream === gone ? 9 : undefined) }
  expect(found(without, 0).faults).toEqual([[3, 'protocol']])
  expect(found(without, 0, options).faults).toEqual([])
  const lying = { droppedAt: () => 9 }
  const toNobody: Event = { ...codeIssued, clientId: 'nobody' }
  expect(found([...begun.slice(0, 3), [grant, 0, toNobody]], 0, lying).faults).toEqual([[3, 'protocol']])
})
