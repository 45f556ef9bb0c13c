/** What `server monitor` shows: the live projections at one moment. */
import type { Counters } from './counters.ts'
import type { History } from './history.ts'

export interface Monitor {
  authorization: Counters['authorization']
  token: Counters['token']
  ends: Counters['ends']
  /** Share of look-ups that the cache answered, 0 to 1; null before the first. */
  cache: { hitRate: number | null }
  /** Calls to the Coinstack node. */
  coinstack: { read: number; write: number }
  history: History
  ledger: { position: number }
  anchors: { confirmed: number; pending: number; lagEvents: number }
}

export interface MonitorSources {
  counters: Counters
  history: History
  cacheCounts: { hits: number; misses: number }
  chainCalls: { read: number; write: number }
  position: number
  anchors: { confirmed: number; pending: number; anchoredSize: number }
}

export function monitor(sources: MonitorSources): Monitor {
  const { counters, history, cacheCounts, chainCalls, position, anchors } = sources
  const lookups = cacheCounts.hits + cacheCounts.misses
  return {
    authorization: counters.authorization,
    token: counters.token,
    ends: counters.ends,
    cache: { hitRate: lookups === 0 ? null : cacheCounts.hits / lookups },
    coinstack: chainCalls,
    history,
    ledger: { position },
    anchors: {
      confirmed: anchors.confirmed,
      pending: anchors.pending,
      lagEvents: Math.max(position - anchors.anchoredSize, 0),
    },
  }
}
