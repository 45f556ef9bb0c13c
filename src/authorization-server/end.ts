/**
 * The one way in which sessions and grants end, whatever the cause. The cause is an event; what follows from it is
 * done here, before whoever caused it is answered, and by `EndFollower` once more: there it finds nothing left to
 * do, unless the process died in between.
 */

import { endWithSession, isGrantOver } from '../oauth/ending.ts'
import {
  type Event,
  type Recorded,
  type RevocationReason,
  type SessionEndReason,
  streamOf,
} from '../oauth/events.ts'
import { revocation } from '../oauth/grant.ts'
import { kindOfStream } from '../projections/rows.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { indexedStreams } from './indexed-streams.ts'

/** A browser that somebody logs in to again and again: more of its past is not looked at. */
const mostReplaced = 100

/** Ends a session, once, and what it takes along. @throws LedgerError unavailable */
export async function endSession(
  context: AuthorizationContext,
  { id }: { id: string },
  reason: SessionEndReason,
): Promise<void> {
  await decideAndAppend(context, 'session', streamOf.session(id), (state) => ({
    events: !state || state.endedAtSeconds !== null ? [] : [{ type: 'session.ended', reason } as Event],
    answer: undefined,
  }))
  await endGrantsOfSession(context, id, reason)
}

/** Does what follows from an event, as far as it is not done yet. @throws LedgerError unavailable */
export async function followEnd(context: AuthorizationContext, recorded: Recorded): Promise<void> {
  const { event, stream, position } = recorded
  switch (event.type) {
    case 'session.ended':
      return endGrantsOfSession(context, stream.slice(streamOf.session('').length), event.reason)
    case 'user.removed':
    case 'user.erased':
    case 'user.unlinked':
      return endSessionsOfUser(context, event.subject, position, 'user_removed')
    case 'user.password_changed':
      await endSessionsOfUser(context, event.subject, position, 'password_changed')
      return endGrantsOfUser(context, event.subject, position)
  }
}

/** The session and those that it went on for, newest first. */
export function sessionsBehind({ models }: AuthorizationContext, id: string): string[] {
  const ids: string[] = []
  for (let next: string | undefined = id; next !== undefined && ids.length < mostReplaced; ) {
    ids.push(next)
    next = models.load('session', streamOf.session(next)).state?.continues
  }
  return ids
}

async function endGrantsOfSession(
  context: AuthorizationContext,
  id: string,
  reason: SessionEndReason,
): Promise<void> {
  // It goes on under another name.
  if (reason === 'replaced') return
  for (const session of sessionsBehind(context, id))
    for await (const { stream } of indexedStreams(context, 's', session)) {
      const grant = context.models.load('grant', stream).state
      const why = grant && endWithSession(grant, reason)
      if (why) await endGrantAt(context, stream, why)
    }
}

/** @param before position: what was begun later has nothing to do with it */
async function endSessionsOfUser(
  context: AuthorizationContext,
  subject: string,
  before: number,
  reason: SessionEndReason,
): Promise<void> {
  for await (const { stream, position } of indexedStreams(context, 'u', subject)) {
    if (position >= before || kindOfStream(stream) !== 'session') continue
    const session = context.models.load('session', stream).state
    if (session?.endedAtSeconds === null) await endSession(context, session, reason)
  }
}

/** `offline_access` too: what was given while somebody else may have known the password does not stay. */
async function endGrantsOfUser(
  context: AuthorizationContext,
  subject: string,
  before: number,
): Promise<void> {
  for await (const { stream, position } of indexedStreams(context, 'u', subject))
    if (position < before && kindOfStream(stream) === 'grant')
      await endGrantAt(context, stream, 'password_changed')
}

const endGrantAt = (context: AuthorizationContext, stream: string, reason: RevocationReason): Promise<void> =>
  decideAndAppend(context, 'grant', stream, (grant, nowMs) => ({
    events: !grant || isGrantOver(grant, nowMs) ? [] : [revocation(reason)],
    answer: undefined,
  }))
