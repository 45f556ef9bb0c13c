/** Random requests to an authorization server, of all kinds, by parties who use each other's tokens too. */
import fc from 'fast-check'
import { administer } from '../../src/authorization-server/administer.ts'
import { decideConsent } from '../../src/authorization-server/authorize.ts'
import { decideAndAppend } from '../../src/authorization-server/decide-and-append.ts'
import {
  authorizeDevice,
  type DeviceAnswer,
  decideDevice,
  deviceGrantType,
  findDevice,
} from '../../src/authorization-server/device.ts'
import { endSession } from '../../src/authorization-server/end.ts'
import { expireSessions } from '../../src/authorization-server/expire-sessions.ts'
import { logOut } from '../../src/authorization-server/log-out.ts'
import { pushRequest } from '../../src/authorization-server/push-request.ts'
import { revoke } from '../../src/authorization-server/revoke.ts'
import { findSession, startSession } from '../../src/authorization-server/session.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import {
  browserOf,
  clientRegistered,
  clientRemoved,
  passwordChanged,
  redeemForm,
  redirectUri,
  requestToken,
  rotateForm,
  signedRequest,
  userErased,
  userRegistered,
  userRemoved,
  userUpdated,
  type World,
} from './authorization.ts'
import { sampleMetadata } from './oauth.ts'

const kinds = [
  'register client',
  'register user',
  'remove client',
  'remove user',
  'erase user',
  'change password',
  'update user',
  'log in',
  'log out',
  'consent',
  'issue',
  'redeem',
  'rotate',
  'revoke',
  'revoke as administrator',
  'guess',
  'expire',
  'tell a client',
  'rotate keys',
  'lift a pause',
  'connect a device',
  'decide on a device',
  'poll',
  'wait',
] as const

export interface RandomRequest {
  kind: (typeof kinds)[number]
  /** Which client, user, code or token of those there are. */
  pick: number
  other: number
}

/** What the parties hold. */
export interface Holdings {
  codes: string[]
  access: string[]
  refresh: string[]
  cookies: string[]
  devices: DeviceAnswer[]
}

/** Mostly requests for what there is: few registrations, many redemptions and rotations. */
export const anyRequest: fc.Arbitrary<RandomRequest> = fc.record({
  kind: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...kinds) },
    { weight: 2, arbitrary: fc.constantFrom('consent', 'redeem', 'rotate') },
  ),
  pick: fc.nat(7),
  other: fc.nat(7),
})

export const emptyHoldings = (): Holdings => ({
  codes: [],
  access: [],
  refresh: [],
  cookies: [],
  devices: [],
})

const clientIds = ['one', 'two']
export const names = ['alice', 'bob']
const of = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(all.length, 1)]

/** Does it, and keeps what was given; a refusal is an answer too. */
export async function perform(world: World, holdings: Holdings, request: RandomRequest): Promise<void> {
  try {
    await send(world, holdings, request)
  } catch (error) {
    if (error instanceof OAuthError || error instanceof LedgerError) return
    if ((error as Error).name === 'AdministrationError') return
    throw error
  }
}

/** A subject stays removed; whoever comes back under the same name is another one. */
function presentSubject({ models }: World, name: string): string {
  for (let life = 1; ; life++) {
    const subject = `${name}-${life}`
    if (!models.load('user', streamOf.user(subject)).state?.removed) return subject
  }
}

async function send(world: World, holdings: Holdings, { kind, pick, other }: RandomRequest): Promise<void> {
  const { context, models, clock } = world
  const clientId = of(clientIds, pick)!
  const subject = presentSubject(world, of(names, other)!)
  const client = models.load('client', streamOf.client(clientId)).state
  const user = models.load('user', streamOf.user(subject)).state
  const administrate = (event: Parameters<typeof signedRequest>[1], stream: string) =>
    administer(context, signedRequest(world, event, { stream }))
  switch (kind) {
    case 'register client': {
      const metadata = sampleMetadata({ additionalInformation: { b: '1', a: '2', 1: 'x' } })
      const secretHash = other % 2 === 0 ? 'a hash' : undefined
      await administrate(clientRegistered(clientId, metadata, secretHash), streamOf.client(clientId))
      return
    }
    case 'remove client':
      await administrate(clientRemoved(clientId), streamOf.client(clientId))
      return
    case 'register user':
      await administrate(userRegistered(subject, 'the same name'), streamOf.user(subject))
      return
    case 'remove user':
      await administrate(userRemoved(subject), streamOf.user(subject))
      return
    case 'erase user': {
      // Some are erased long after they were removed, when somebody else may bear their name.
      const subjects = world.heard.flatMap(({ event }) =>
        event.type === 'user.registered' ? [event.subject] : [],
      )
      const erased = pick < 4 ? subject : of(subjects, other + pick)
      if (erased !== undefined) await administrate(userErased(erased), streamOf.user(erased))
      return
    }
    case 'change password':
      if (user?.username !== undefined)
        await administrate(passwordChanged(subject, user.username, `hash ${pick}`), streamOf.user(subject))
      return
    case 'update user':
      await administrate(userUpdated(subject, ['USER', `A${pick}`]), streamOf.user(subject))
      return
    case 'log in':
      if (user) {
        const before = pick % 2 === 0 ? findSession(context, holdings.cookies.at(-1)) : undefined
        const browser = { address: '::1', userAgent: 'x' }
        holdings.cookies.push(await startSession(context, user, browser, before))
      }
      return
    case 'log out': {
      const live = findSession(context, holdings.cookies.at(-1))
      const token = of(holdings.access, other)
      if (pick % 2 === 0 && token !== undefined) await logOut(context, token, redirectUri, live)
      else if (live) await endSession(context, live.session, 'logout')
      return
    }
    case 'consent': {
      if (!client || !user) return
      const request = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri }
      const isPushed = other % 2 === 1 && !client.removed
      const parameters = isPushed
        ? { client_id: clientId, request_uri: (await pushRequest(context, client, request)).request_uri }
        : request
      const scopes = pick < 4 ? ['read'] : ['read', 'write']
      const step = await decideConsent(context, parameters, browserOf(user), { approved: true, scopes })
      const code = step.kind === 'redirect' ? new URL(step.location).searchParams.get('code') : null
      if (code !== null) holdings.codes.push(code)
      return
    }
    case 'issue':
    case 'redeem':
    case 'rotate': {
      if (!client || client.removed) return
      const form =
        kind === 'issue'
          ? { grant_type: 'client_credentials' }
          : kind === 'redeem'
            ? redeemForm(of(holdings.codes.slice(-8), other) ?? '')
            : rotateForm(of(holdings.refresh.slice(-8), other) ?? '')
      const answer = await requestToken(context, client, form)
      holdings.access.push(answer.access_token)
      if (answer.refresh_token !== undefined) holdings.refresh.push(answer.refresh_token)
      return
    }
    case 'revoke':
      if (client)
        await revoke(context, client, of(holdings.refresh, other) ?? of(holdings.access, other) ?? '')
      return
    case 'revoke as administrator': {
      const stream = of(
        world.heard.filter((recorded) => recorded.stream.startsWith('grant:')),
        other,
      )?.stream
      const revoked = {
        type: 'grant.revoked',
        reason: 'administrator',
        signedAtSeconds: 1,
        signature: '',
      } as const
      if (stream !== undefined) await administrate(revoked, stream)
      return
    }
    case 'connect a device':
      if (client && !client.removed) holdings.devices.push(await authorizeDevice(context, client, {}))
      return
    case 'decide on a device': {
      const device = holdings.devices.at(-1 - (pick % 2))
      if (!user || !device) return
      const live = browserOf(user)
      const question = await findDevice(context, device.user_code, live, '::1')
      if (question) await decideDevice(context, question, live, pick % 2 === 0 ? undefined : ['read'])
      return
    }
    case 'poll': {
      if (!client || client.removed) return
      const device_code = holdings.devices.at(-1 - (other % 2))?.device_code ?? ''
      const answer = await requestToken(context, client, { grant_type: deviceGrantType, device_code })
      holdings.access.push(answer.access_token)
      if (answer.refresh_token !== undefined) holdings.refresh.push(answer.refresh_token)
      return
    }
    case 'guess':
      for (let guess = 0; guess < 5; guess++)
        await context.limits.attempt(
          { kind: 'user', name: of(names, pick)!, address: `192.0.2.${other}` },
          () => undefined,
        )
      return
    case 'lift a pause': {
      const { stream } = context.limits.view('user', of(names, pick)!)
      const signedAtSeconds = Math.floor(clock.nowMs / 1000)
      await administrate({ type: 'login.unlocked', signedAtSeconds, signature: '' }, stream)
      return
    }
    case 'tell a client': {
      const ended = world.heard.filter(({ event }) => event.type === 'session.ended')
      const stream = of(ended, other)?.stream
      const outcome: Event =
        pick % 2 === 0
          ? { type: 'logout.delivered', clientId }
          : { type: 'logout.failed', clientId, attempts: 8 }
      // As the server: a session that retention has dropped begins no new stream.
      const decide = (state: unknown) => ({ events: state ? [outcome] : [], answer: undefined })
      if (stream !== undefined) await decideAndAppend(context, 'session', stream, decide)
      return
    }
    case 'rotate keys':
      if (pick < 4) await context.keys.rotate(['ES256'], pick < 2)
      return
    case 'expire':
      await expireSessions(context)
      return
    case 'wait':
      clock.nowMs += (pick === 7 ? 3600 : pick) * 1000
  }
}
