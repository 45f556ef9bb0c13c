/** Users of the ledger: the contract that all repositories keep. */
import { administer } from '../../src/authorization-server/administer.ts'
import { hashSecret } from '../../src/authorization-server/secret-checker.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import {
  openWorld,
  passwordChanged,
  signedRequest,
  userRemoved,
  userUpdated,
} from '../support/authorization.ts'
import { contractOfUsers } from './contract.ts'

contractOfUsers(
  'in the ledger',
  async () => {
    const world = await openWorld()
    const submit = (subject: string, event: Event & { signature: string | null }) =>
      administer(world.context, signedRequest(world, event, { stream: streamOf.user(subject) }))
    let count = 0
    return {
      world,
      async put({ username, password, authorities, claims }) {
        const known = world.models.subjectOf(username)
        const subject = known ?? `subject-${++count}`
        const side = { username, passwordHash: await hashSecret(password), ...(claims && { claims }) }
        if (known === undefined) {
          const signed = { signedAtSeconds: 1, signature: '' }
          await submit(subject, { type: 'user.registered', subject, authorities, ...signed, side })
        } else {
          await submit(subject, userUpdated(subject, authorities))
          await submit(subject, passwordChanged(subject, username, side.passwordHash))
        }
      },
      async remove(username) {
        const subject = world.models.subjectOf(username)!
        await submit(subject, userRemoved(subject))
      },
    }
  },
  false,
)
