/** What a running server does for its sessions without being asked: ends them in time, follows ends, tells clients. */
import { BackChannelLogout, type Log } from './back-channel-logout.ts'
import type { AuthorizationContext } from './context.ts'
import { EndFollower } from './end-follower.ts'
import { expireSessions } from './expire-sessions.ts'

export interface SessionUpkeep {
  start(): void
  /** One round: what is due now. The timer calls it; a test may. */
  round(): Promise<void>
  stop(): Promise<void>
}

const roundMs = 5000
const sessionsAtOnce = 100

/** @throws LedgerError unavailable */
export async function openSessionUpkeep(context: AuthorizationContext, log: Log): Promise<SessionUpkeep> {
  const complain = (err: unknown) => log.warn({ err }, 'the upkeep of sessions failed; it is tried again')
  const backChannel = new BackChannelLogout(context, log)
  const follower = await EndFollower.open(context, {
    owedBy: (end) => backChannel.owedBy(end),
    onOwed: () => void backChannel.deliver().catch(complain),
    onError: complain,
  })
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isStopped = false
  const expire = async () => {
    while (!isStopped && (await expireSessions(context, sessionsAtOnce)) === sessionsAtOnce);
  }
  const round = (): Promise<void> => {
    running ??= (async () => {
      await expire()
      await follower.run()
      await backChannel.deliver()
    })()
      .catch(complain)
      .finally(() => {
        running = undefined
      })
    return running
  }
  return {
    start() {
      void follower.run()
      timer = setInterval(() => void round(), roundMs)
    },
    round,
    async stop() {
      isStopped = true
      clearInterval(timer)
      await follower.stop()
      await backChannel.stop()
      await running
    },
  }
}
