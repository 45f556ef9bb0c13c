/**
 * Issues tokens and seals what is over, without end, and tells of each token once it is acknowledged. Every other one is
 * live while its event is sealed, and over some runs later.
 */
import { TokenSecrets } from '../../../src/authorization-server/token-secrets.ts'
import { Ledger } from '../../../src/ledger/ledger.ts'
import { Sealer } from '../../../src/ledger/segments/sealer.ts'
import { decodeEvent, encodeEvent } from '../../../src/oauth/event-codec.ts'
import { type Event, streamOf } from '../../../src/oauth/events.ts'
import { coldRows } from '../../../src/projections/cold-rows.ts'
import { projectRows } from '../../../src/projections/rows.ts'
import { openPlaces } from '../../support/sealing.ts'

const [folder] = process.argv.slice(2) as [string]
const storage = await openPlaces(folder)
const ledger = new Ledger<Event>(storage, { encode: encodeEvent, decode: decodeEvent }, projectRows)
const secrets = new TokenSecrets(Buffer.alloc(32, 1))
const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 16 })

async function issueForEver(): Promise<never> {
  for (let count = 0; ; count++) {
    const { token, hash } = secrets.create('access')
    const issued: Event = {
      type: 'token.issued',
      grantType: 'client_credentials',
      clientId: 'client',
      clientVersion: 0,
      subject: null,
      scopes: [],
      accessTokenHash: hash,
      accessExpiresAtSeconds: count % 2 === 0 ? 1 : 10,
      refreshTokenHash: null,
      refreshExpiresAtSeconds: null,
    }
    const stream = streamOf.grant(secrets.identifier())
    const [recorded] = await ledger.append(stream, 0, [issued], 1000)
    process.stdout.write(`${recorded!.position} ${stream} ${token}\n`)
  }
}

async function sealForEver(): Promise<never> {
  for (let count = 0; ; count++) {
    await sealer.run(count % 5 === 4 ? 20_000 : 5000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all([issueForEver(), issueForEver(), issueForEver(), sealForEver()])
