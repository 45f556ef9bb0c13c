import { ConfigurationValueError, checkedValue } from './configuration-file.ts'
import { shown } from './faults.ts'

/** What `server configure` has to know before it makes keys and writes the file. */
export interface Answers {
  readonly endpoint: string
  readonly port: number
  readonly adminAddress: string
  readonly keyCount: number
}

/** Asks one question; an empty answer gives the default, and one that `check` throws at is asked again. */
export interface Asker {
  ask(question: {
    readonly text: string
    readonly default?: string
    readonly check?: (answer: string) => void
  }): Promise<string>
}

const defaults = { endpoint: 'http://localhost:3000', port: '8080', keyCount: '1' }
const mostKeys = 1000

/** The questions of SignOn 1.1, in its order. */
export async function askAnswers(asker: Asker): Promise<Answers> {
  const endpoint = await asker.ask({
    text: 'Coinstack node endpoint',
    default: defaults.endpoint,
    check: (answer) => void checkedValue('coinstack.endpoint', answer, 'the endpoint'),
  })
  const port = await asker.ask({
    text: 'Server port',
    default: defaults.port,
    check: (answer) => void checkedValue('signon.server.port', answer, 'the port'),
  })
  const adminAddress = await asker.ask({
    text: "Administrator's address",
    check: (answer) => void checkedValue('signon.admin.address', answer, 'the address'),
  })
  const keyCount = await asker.ask({
    text: 'Number of private keys',
    default: defaults.keyCount,
    check: (answer) => void keyCountOf(answer, 'the number'),
  })
  return { endpoint, port: Number(port), adminAddress, keyCount: keyCountOf(keyCount, 'the number') }
}

/** The answers of `server configure --batch`; an empty variable counts as not set. */
export function answersFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Answers {
  const { NODE_ENDPOINT, SIGNON_SERVER_PORT, ADMIN_ADDRESS, N_SERVER_PRIVATEKEYS } = environment
  return {
    endpoint: checkedValue('coinstack.endpoint', NODE_ENDPOINT || defaults.endpoint, 'NODE_ENDPOINT'),
    port: Number(
      checkedValue('signon.server.port', SIGNON_SERVER_PORT || defaults.port, 'SIGNON_SERVER_PORT'),
    ),
    adminAddress: checkedValue('signon.admin.address', ADMIN_ADDRESS ?? '', 'ADMIN_ADDRESS'),
    keyCount: keyCountOf(N_SERVER_PRIVATEKEYS || defaults.keyCount, 'N_SERVER_PRIVATEKEYS'),
  }
}

function keyCountOf(text: string, name: string): number {
  const count = /^\d{1,4}$/.test(text.trim()) ? Number(text) : 0
  if (count < 1 || count > mostKeys)
    throw new ConfigurationValueError(
      `${name} cannot be ${shown(text)}; expected a whole number from 1 to ${mostKeys}`,
    )
  return count
}
