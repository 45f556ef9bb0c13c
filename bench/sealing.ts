/**
 * What sealing does to a ledger: size, time, and look-ups before and after. `node dist/bench/sealing.js [EVENTS]`,
 * 600,000 where left out, in which there are half as many grants.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { historyOf } from '../src/audit/history.ts'
import { eventsOfToken } from '../src/audit/receipt-subjects.ts'
import { receiptFor } from '../src/audit/receipts.ts'
import { verifyMessage } from '../src/chain/message.ts'
import { homePaths } from '../src/config/home.ts'
import { loadSettings } from '../src/config/load.ts'
import { type Core, openCore } from '../src/core.ts'
import { rangeOf } from '../src/ledger/layout.ts'
import { configureHome, createFolder } from './home.ts'
import { makeLog } from './log-maker.ts'

const events = Number(process.argv[2] ?? 600_000)
const lookedUp = 200
/** Later than anything in the log is over. */
const laterMs = 120 * 86_400_000

const bytesIn = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

async function medianMs(
  tokens: readonly string[],
  act: (token: string) => Promise<unknown>,
): Promise<string> {
  const times: number[] = []
  for (const token of tokens) {
    const begun = performance.now()
    await act(token)
    times.push(performance.now() - begun)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]!.toFixed(2)
  return `${at(0.5)} ms, p99 ${at(0.99)} ms`
}

async function tell(
  what: string,
  core: Core,
  paths: ReturnType<typeof homePaths>,
  tokens: string[],
): Promise<void> {
  const { storage } = core
  const [level, segments] = [bytesIn(paths.ledger), bytesIn(paths.segments)]
  const each = (bytes: number) => `${(bytes / core.context.ledger.size).toFixed(1)} bytes/event`
  console.log(`${what}: ${each(level + segments)} (LevelDB ${each(level)}, segments ${each(segments)})`)
  const history = await medianMs(tokens, async (token) => {
    for await (const _ of (await historyOf(storage, { token })) ?? []) {
    }
  })
  const receipt = await medianMs(tokens, async (token) => {
    const found = await eventsOfToken(storage, token)
    await receiptFor(storage, [found!.issued, ...found!.ended], {
      verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
      unanchored: true,
    })
  })
  console.log(`  history of a token: ${history}; receipt: ${receipt}`)
}

const { folder, remove } = createFolder()
try {
  const home = await configureHome(folder)
  const { tokens } = await makeLog(folder, home, events, () => {})
  const paths = homePaths(folder)
  const loaded = loadSettings({ home: folder, environment: home.environment })
  const core = await openCore(loaded, paths, loaded.settings.server.issuer, Date.now)
  const some = tokens.filter((_, i) => i % Math.ceil(tokens.length / lookedUp) === 0)
  await core.sealer.compact()
  await tell(`${core.context.ledger.size} events`, core, paths, some)

  let longestMs = 0
  let last = performance.now()
  const used = process.cpuUsage()
  const watch = setInterval(() => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - last)
    last = now
  }, 1)
  const begun = performance.now()
  const sealed = await core.sealer.run(Date.now() + laterMs)
  const seconds = (performance.now() - begun) / 1000
  clearInterval(watch)
  const { user, system } = process.cpuUsage(used)
  const processorMicros = ((user + system) / sealed.events).toFixed(0)
  console.log(
    `sealed ${sealed.events} events and ${sealed.streams} grants and sessions in ${seconds.toFixed(1)} s, ` +
      `${(sealed.events / seconds).toFixed(0)} events/s, ${processorMicros} us of processor time an event, longest pause of the event loop ${longestMs.toFixed(0)} ms, ` +
      `${Math.round(process.memoryUsage().rss / 1e6)} MB resident`,
  )
  await core.sealer.compact()
  await tell('sealed', core, paths, some)
  let rows = 0
  for await (const _ of core.storage.hot.entries(rangeOf('row'))) rows++
  console.log(`  ${core.storage.segments.list.length} segments; ${rows} rows are left in LevelDB`)
  await core.close()
} finally {
  remove()
}
