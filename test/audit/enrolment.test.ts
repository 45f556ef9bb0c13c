/** Clients that registered themselves count by a server's signature and within an invitation of the administrator. */
import { expect, test } from 'vitest'
import { BundleStreams } from '../../src/audit/bundle-streams.ts'
import { Faults } from '../../src/audit/fault.ts'
import { createPrivateKey, type PrivateKey } from '../../src/chain/keys.ts'
import { signMessage } from '../../src/chain/message.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { type EnrolmentEvent, enrolmentText, sideCommitment } from '../../src/oauth/administration.ts'
import { encodeEvent } from '../../src/oauth/event-codec.ts'
import { type Event, type EventOf, streamOf } from '../../src/oauth/events.ts'
import type { InvitationTerms } from '../../src/oauth/invitation.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import {
  administrator,
  clientRegistered,
  codec,
  liveThrough,
  origin,
  SampleLedger,
  salt,
  server,
  signed,
  temporaryDirectory,
  token,
  verify,
} from './support.ts'

const terms: InvitationTerms = {
  scopes: ['read'],
  grantTypes: ['authorization_code'],
  uses: 1,
  expiresAtSeconds: null,
}
const invitation = hashToken(token('at', 'invitation'))
const byInvitation = streamOf.invitation(invitation)
const removal = { signedAtSeconds: 0, signature: '' }
const self = streamOf.client('self')

const issued = (changes: Partial<InvitationTerms> = {}, key?: PrivateKey): Event =>
  signed(
    { type: 'invitation.issued', invitation, terms: { ...terms, ...changes }, ...removal },
    byInvitation,
    0,
    key,
  )
const used: Event = { type: 'invitation.used', clientId: 'self' }

const metadata = {
  ...clientRegistered().metadata,
  grantTypes: ['authorization_code'],
  scopes: ['read'],
}

function byServer<E extends EnrolmentEvent>(event: E, version: number, key = server): E {
  const { side } = encodeEvent(event)
  const unsigned = { ...event, serverAddress: key.address }
  const text = enrolmentText({ origin, stream: self, version }, unsigned, side && sideCommitment(salt, side))
  return { ...unsigned, signature: signMessage(text, key) }
}

const enrolled = (changes: Partial<EventOf<'client.enrolled'>> = {}): EventOf<'client.enrolled'> => ({
  type: 'client.enrolled',
  clientId: 'self',
  metadata,
  invitation,
  invitationVersion: 2,
  registrationTokenHash: hashToken(token('at', 'registration')),
  serverAddress: server.address,
  signature: '',
  side: { secretHash: 'argon2id-of-a-secret' },
  ...changes,
})
const amended = (changes: Partial<EventOf<'client.amended'>> = {}): EventOf<'client.amended'> => ({
  type: 'client.amended',
  clientId: 'self',
  metadata,
  invitationVersion: 2,
  registrationTokenHash: hashToken(token('at', 'next')),
  formerUntilSeconds: null,
  serverAddress: server.address,
  signature: '',
  side: {},
  ...changes,
})
const left: EventOf<'client.deregistered'> = {
  type: 'client.deregistered',
  clientId: 'self',
  serverAddress: server.address,
  signature: '',
}

type Step = [stream: string, version: number, event: Event]

async function faultsOf(steps: Step[]) {
  const directory = await temporaryDirectory()
  const log = await SampleLedger.open(directory)
  await liveThrough(log)
  const begin = log.ledger.size
  for (const [stream, version, event] of steps) await log.append(stream, version, [event])
  await log.checkpoints.sign()
  const ofBundle = new Faults(100)
  const streams = new BundleStreams(0, ofBundle)
  for await (const recorded of readEvents(log.storage, codec, 0, log.ledger.size)) streams.check(recorded)
  await log.ledger.close()
  const { faults } = await verify(directory)
  // A bundle's streams say the same as the log's; who signed is the authority's to say.
  const ofStreams = faults.filter(({ kind }) => !kind.endsWith('_signature'))
  expect(ofBundle.sorted()).toEqual(ofStreams)
  return faults.map(({ kind, position }) => [kind, (position ?? 0) - begin])
}

const begun: Step[] = [
  [byInvitation, 0, issued()],
  [byInvitation, 1, used],
]
const wholeLife: Step[] = [
  ...begun,
  [self, 0, byServer(enrolled(), 0)],
  [self, 1, byServer(amended(), 1)],
  [self, 2, signed({ type: 'client.updated', clientId: 'self', metadata, ...removal }, self, 2)],
  [self, 3, byServer(left, 3)],
  [byInvitation, 2, signed({ type: 'invitation.withdrawn', invitation, ...removal }, byInvitation, 2)],
]

test('the whole life of such a client is in order', async () => {
  expect(await faultsOf(wholeLife)).toEqual([])
})

const stranger = createPrivateKey()
const forgeries: [string, Step[], [string, number][]][] = [
  [
    'an invitation that a server signed',
    [[byInvitation, 0, issued({}, server)], begun[1]!, [self, 0, byServer(enrolled(), 0)]],
    [['administrator_signature', 0]],
  ],
  [
    'a client that a stranger signed',
    [...begun, [self, 0, byServer(enrolled(), 0, stranger)]],
    [['enrolment_signature', 2]],
  ],
  [
    'a client that the administrator signed as a server would',
    [...begun, [self, 0, byServer(enrolled(), 0, administrator)]],
    [['enrolment_signature', 2]],
  ],
  [
    'a signature for another place',
    [...begun, [self, 0, byServer(enrolled(), 1)]],
    [['enrolment_signature', 2]],
  ],
  [
    'metadata changed behind the signature',
    [...begun, [self, 0, { ...byServer(enrolled(), 0), metadata: { ...metadata, name: 'Bank' } }]],
    [['enrolment_signature', 2]],
  ],
  [
    'a secret changed behind the signature',
    [...begun, [self, 0, { ...byServer(enrolled(), 0), side: { secretHash: 'another' } }]],
    [['enrolment_signature', 2]],
  ],
  ['a client without an invitation', [[self, 0, byServer(enrolled(), 0)]], [['enrolment_terms', 0]]],
  [
    'a client whose use of the invitation is not recorded',
    [begun[0]!, [self, 0, byServer(enrolled({ invitationVersion: 1 }), 0)]],
    [['enrolment_terms', 1]],
  ],
  [
    "a client by the use of another client's",
    [
      begun[0]!,
      [byInvitation, 1, { ...used, clientId: 'other' } as Event],
      [self, 0, byServer(enrolled(), 0)],
    ],
    [['enrolment_terms', 2]],
  ],
  [
    'a client before its invitation',
    [[self, 0, byServer(enrolled(), 0)], ...begun],
    [['enrolment_terms', 0]],
  ],
  ...(
    [
      ['scopes', { scopes: ['read', 'write'] }],
      ['grant types', { grantTypes: ['authorization_code', 'client_credentials'] }],
      ['the implicit grant', { grantTypes: ['implicit'] }],
      ['automatic approval', { autoApproves: ['read'] }],
      ['authorities', { authorities: ['ROLE_ADMIN'] }],
      ['a life of its tokens', { accessTokenValiditySeconds: 1_000_000 }],
      ['redirects by prefix', { redirectUriMatching: 'prefix' }],
    ] as const
  ).flatMap(([what, beyond]): [string, Step[], [string, number][]][] => {
    const wider = { ...metadata, ...beyond } as typeof metadata
    return [
      [
        `a client with ${what} beyond the terms`,
        [...begun, [self, 0, byServer(enrolled({ metadata: wider }), 0)]],
        [['enrolment_terms', 2]],
      ],
      [
        `a change to ${what} beyond the terms`,
        [...begun, [self, 0, byServer(enrolled(), 0)], [self, 1, byServer(amended({ metadata: wider }), 1)]],
        [['enrolment_terms', 3]],
      ],
    ]
  }),
  ['one use more than was allowed', [...begun, [byInvitation, 2, used]], [['protocol', 2]]],
  [
    'a use after the end',
    [
      [byInvitation, 0, issued({ expiresAtSeconds: 1 })],
      [byInvitation, 1, used],
    ],
    [['protocol', 1]],
  ],
  [
    'a use after the withdrawal',
    [
      [byInvitation, 0, issued({ uses: null })],
      [byInvitation, 1, signed({ type: 'invitation.withdrawn', invitation, ...removal }, byInvitation, 1)],
      [byInvitation, 2, used],
    ],
    [['protocol', 2]],
  ],
  [
    'a change of a client that the administrator registered',
    [
      [self, 0, signed(clientRegistered('self'), self, 0)],
      [self, 1, byServer(amended(), 1)],
      [self, 2, byServer(left, 2)],
    ],
    [
      ['protocol', 1],
      ['protocol', 2],
    ],
  ],
  [
    'a removal that nobody signed',
    [...begun, [self, 0, byServer(enrolled(), 0)], [self, 1, left]],
    [['enrolment_signature', 3]],
  ],
  [
    'new metadata and a new secret that a server signed as the administrator would',
    [
      ...begun,
      [self, 0, byServer(enrolled(), 0)],
      [self, 1, signed({ type: 'client.updated', clientId: 'self', metadata, ...removal }, self, 1, server)],
      [
        self,
        2,
        signed(
          {
            type: 'client.secret_rotated',
            clientId: 'self',
            formerUntilSeconds: 0,
            ...removal,
            side: { secretHash: 'x' },
          },
          self,
          2,
          server,
        ),
      ],
    ],
    [
      ['administrator_signature', 3],
      ['administrator_signature', 4],
    ],
  ],
  [
    'an assertion used twice',
    [
      [
        streamOf.assertion('one'),
        0,
        { type: 'assertion.used', clientId: 'trusted', clientVersion: 0, expiresAtSeconds: 1 },
      ],
      [
        streamOf.assertion('one'),
        1,
        { type: 'assertion.used', clientId: 'trusted', clientVersion: 0, expiresAtSeconds: 1 },
      ],
    ],
    [['protocol', 1]],
  ],
]

test.each(forgeries)('is found: %s', async (_, steps, faults) => {
  expect(await faultsOf(steps)).toEqual(faults)
})
