/** Erasure of a user as the operator's side of it: find whom the name means, sign, hand over. */
import { streamOf } from '../oauth/events.ts'
import { type Administrator, submitEvent } from './administration.ts'
import { ControlError } from './connection.ts'

export interface ErasedUser {
  subject: string
  position: number
  /** Whether the bytes are gone from the ledger's files too; false where a long read still holds them, or rewriting failed. */
  isForgotten: boolean
}

/** By name, or by the pseudonym that stays. */
export type UserToErase = { username: string } | { subject: string }

/**
 * Erases a user, who is removed with it where that was not done before. A name that several users have borne one
 * after the other is refused: they need not be the same person.
 *
 * @throws ControlError not_found, ambiguous
 */
export async function eraseUser(administrator: Administrator, whom: UserToErase): Promise<ErasedUser> {
  const subject = 'subject' in whom ? whom.subject : await bearerOf(administrator, whom.username)
  const { position, isForgotten } = await submitEvent(
    administrator,
    streamOf.user(subject),
    (signedAtSeconds) => ({ type: 'user.erased', subject, signedAtSeconds, signature: '' }),
  )
  return { subject, position, isForgotten: isForgotten === true }
}

async function bearerOf({ connection }: Administrator, username: string): Promise<string> {
  const [bearer, ...others] = await connection.operations.bearers({ username })
  if (!bearer) throw new ControlError('not_found', 'The user not found.')
  if (others.length === 0) return bearer.subject
  const all = [bearer, ...others].map(
    ({ subject, removed }) => `${subject} (${removed ? 'removed' : 'present'})`,
  )
  throw new ControlError(
    'ambiguous',
    `${all.length} users have borne this name: say which with --subject\n${all.join('\n')}`,
  )
}
