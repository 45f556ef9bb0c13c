import { join } from 'node:path'
import { TokenSecrets } from '../src/authorization-server/token-secrets.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { openStorage } from '../src/ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../src/oauth/event-codec.ts'
import type { Event } from '../src/oauth/events.ts'
import { projectRows } from '../src/projections/rows.ts'
import { kinds } from './append.ts'
import { createFolder } from './home.ts'

const { folder, remove } = createFolder()
const kind = (process.argv[2] ?? 'token.issued') as 'token.issued'
const appenders = Number(process.argv[3] ?? 256)
const ledger = new Ledger<Event>(
  await openStorage(join(folder, 'l')),
  { encode: encodeEvent, decode: decodeEvent },
  projectRows,
)
const secrets = new TokenSecrets(Buffer.alloc(32))
const salt = Buffer.alloc(32, 1)
const rates: number[] = []
for (let r = 0; r < 6; r++) {
  const events = Array.from({ length: 50_000 }, () => kinds[kind](secrets))
  const cpu = process.cpuUsage()
  const start = performance.now()
  let next = 0
  const appender = async () => {
    while (next < events.length) {
      const { stream, event } = events[next++]!
      await ledger.append(stream, 0, [event], 1.7e12, { salt, isNewStream: true })
    }
  }
  await Promise.all(Array.from({ length: appenders }, appender))
  const u = process.cpuUsage(cpu)
  rates.push((performance.now() - start) / 50)
  console.log(
    'us/event',
    ((performance.now() - start) / 50).toFixed(1),
    'cpu',
    ((u.user + u.system) / 50000).toFixed(1),
  )
}
await ledger.close()
remove()
