import { ChainError } from '../../src/chain/errors.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import type { Storage } from '../../src/ledger/storage.ts'

export type SendFault = 'not sent' | 'sent, not acknowledged' | 'refused' | 'throttled'

/** A client whose next sends fail in the ways given, and which remembers what it was given to send. */
export function faultyClient(client: ChainClient) {
  const faults: SendFault[] = []
  const sent: Buffer[] = []
  const send = async (raw: Buffer) => {
    sent.push(raw)
    const fault = faults.shift()
    if (fault === 'refused') throw new ChainError('refused', 'the node refused the transaction: no reason')
    if (fault === 'throttled') throw new ChainError('refused', 'too many requests', { retry: true })
    if (fault !== 'not sent') await client.send(raw)
    if (fault) throw new ChainError('unreachable', 'no answer from the node', { retry: true })
  }
  return { client: { ...client, send }, faults, sent }
}

/** A storage whose next annex batch fails in the way given. */
export function faultyStorage() {
  const faults: ('not stored' | 'stored, not acknowledged')[] = []
  const wrap = (storage: Storage): Storage => ({
    get: (key) => storage.get(key),
    entries: (range) => storage.entries(range),
    forget: (keys) => storage.forget(keys),
    reopen: () => storage.reopen(),
    close: () => storage.close(),
    batch() {
      const batch = storage.batch()
      return {
        put: (key, value) => batch.put(key, value),
        del: (key) => batch.del(key),
        async write() {
          const fault = faults.shift()
          if (fault !== 'not stored') await batch.write()
          if (fault) throw new Error('disk')
        },
      }
    },
  })
  return { faults, wrap }
}
