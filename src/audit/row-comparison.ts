/**
 * The rows that follow from the events against those that are stored. What a stream's state comes to counts once the
 * stream leaves the memory; where it goes on after all, that is taken back.
 */
import type { StorageReader } from '../ledger/storage.ts'
import type { Event, Recorded } from '../oauth/events.ts'
import { type AnyLoaded, projectIndexRows, stateRow } from '../projections/rows.ts'
import { EntryComparison } from './entry-comparison.ts'
import type { StateFold } from './state-fold.ts'
import { StreamStates, unknownState } from './stream-states.ts'

const subjectOf = (event: Event): string =>
  event.type.startsWith('user.') && 'subject' in event ? (event.subject ?? '') : ''

export class RowComparison {
  readonly entries: EntryComparison

  constructor(entries = new EntryComparison()) {
    this.entries = entries
  }

  /** An event, and the state that it was appended to. */
  event(recorded: Recorded, before: AnyLoaded): void {
    const { entries } = this
    projectIndexRows(recorded, before, {
      put: (key, value) => entries.expect(key, value),
      // Rows that are taken away: that of a username, which holds the subject, and that of a session's expiry.
      del: (key) => entries.unexpect(key, Buffer.from(subjectOf(recorded.event))),
    })
  }

  /** What a stream has come to. */
  leave(stream: string, loaded: AnyLoaded): void {
    const row = stateRow(stream, loaded)
    if (row) this.entries.expect(...row)
  }

  /** A stream goes on from there. */
  takeBack(stream: string, loaded: AnyLoaded): void {
    const row = stateRow(stream, loaded)
    if (row) this.entries.unexpect(...row)
  }

  /** Takes what a fold comes to. */
  fold(reader: StorageReader): StateFold {
    const states = new StreamStates(reader)
    return {
      event: (recorded, before) => this.event(recorded, before),
      leave: (stream, loaded) => this.leave(stream, loaded),
      recall: async (stream, version) => {
        const loaded = await states.at(stream, version)
        if (loaded !== unknownState) this.takeBack(stream, loaded)
        return loaded
      },
    }
  }
}
