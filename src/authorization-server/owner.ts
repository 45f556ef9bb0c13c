import { streamOf } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import type { User } from '../oauth/user.ts'
import type { AuthorizationContext } from './context.ts'

/** The user behind a grant; undefined where the client acts for itself. */
export const ownerOf = ({ models }: AuthorizationContext, grant: Grant | undefined): User | undefined =>
  grant?.subject == null ? undefined : models.load('user', streamOf.user(grant.subject)).state
