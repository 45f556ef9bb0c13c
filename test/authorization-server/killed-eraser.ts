/**
 * Registers users of a ledger and erases each again, without end; prints each subject once its erasure is done.
 * With a third argument it comes no further than to where LevelDB is asked to rewrite its files, and prints that.
 */
import { eraseUser } from '../../src/authorization-server/erase-user.ts'
import { FailureLimits } from '../../src/authorization-server/failure-limits.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../../src/oauth/event-codec.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import { projectRows } from '../../src/projections/rows.ts'

const [folder, round, hold] = process.argv.slice(2) as [string, string, string?]
const codec = { encode: encodeEvent, decode: decodeEvent }
const storage = await openStorage(folder)
if (hold !== undefined)
  storage.forget = () => {
    process.stdout.write(`${hold}\n`)
    return new Promise<never>(() => {})
  }
const ledger = new Ledger<Event>(storage, codec, projectRows)
const world = { ledger, models: new ReadModels(ledger, 100), now: Date.now }
const limits = new FailureLimits(world, Buffer.alloc(32, 9))
const context = { ...world, limits } as unknown as Parameters<typeof eraseUser>[0]
const signed = { signedAtSeconds: 1, signature: 'signature' }
const hash = (text: string) => Buffer.from(text.padEnd(32)).toString('base64url')

async function liveAndErase(subject: string): Promise<void> {
  const side = { username: `name of ${subject}`, passwordHash: 'hash' }
  await ledger.append(
    streamOf.user(subject),
    0,
    [{ type: 'user.registered', subject, authorities: [], ...signed, side }],
    1,
  )
  await ledger.append(
    streamOf.session(`session-${subject}`),
    0,
    [
      {
        type: 'session.started',
        subject,
        cookieHash: hash(subject),
        expiresAtSeconds: 1,
        side: { address: `address of ${subject}`, userAgent: '' },
      },
    ],
    1,
  )
  await eraseUser(context, { type: 'user.erased', subject, ...signed }, 1)
  process.stdout.write(`${subject}\n`)
}

async function goOn(writer: number): Promise<never> {
  for (let i = 0; ; i++) await liveAndErase(`s-${round}-${writer}-${i}`)
}

// Held, nothing else would keep the process.
setInterval(() => {}, 60_000)
await Promise.all([0, 1, 2, 3].map(goOn))
