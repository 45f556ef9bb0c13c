/** The way from an event to the chain, as stations that are proved, fail, or are not there to be proved. */
import { printable } from './fault.ts'

/** Every station, in the order of the way. Stations are only ever added. */
export const stationNames = {
  record: 'record',
  token: 'token',
  side_record: 'side record',
  inclusion: 'inclusion in the tree',
  checkpoint_signature: 'signature of the checkpoint',
  server_key: 'binding of the checkpoint key',
  server_address: 'address of the server',
  administrator: 'signature of the administrator',
  protocol: 'laws of the protocol',
  anchor_payload: 'payload of the anchor',
  anchor_signature: 'signature of the anchor',
  anchor_branch: 'path into the block',
  block_header: 'proof of work of the block',
  block_on_chain: 'block on the chain',
} as const

export type StationName = keyof typeof stationNames

export interface Station {
  station: StationName
  /** Which event, checkpoint or anchor it is about. */
  about: string
  /** `not_proved` is no fault: what would prove it is not given, and cannot be told apart from what is not so. */
  outcome: 'proved' | 'failed' | 'not_proved'
  detail: string
}

export class Stations {
  readonly #all: Station[] = []

  /** In the order of the way. */
  get all(): Station[] {
    const order = Object.keys(stationNames)
    return this.#all.toSorted((a, b) => order.indexOf(a.station) - order.indexOf(b.station))
  }

  get hold(): boolean {
    return this.#all.every(({ outcome }) => outcome !== 'failed')
  }

  proved(station: StationName, about: string, detail: string): void {
    this.#add({ station, about, outcome: 'proved', detail })
  }

  failed(station: StationName, about: string, detail: string): void {
    this.#add({ station, about, outcome: 'failed', detail })
  }

  notProved(station: StationName, about: string, detail: string): void {
    this.#add({ station, about, outcome: 'not_proved', detail })
  }

  /** What `run` gives; where it throws, the station has failed. */
  attempt<T>(station: StationName, about: string, run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      this.failed(station, about, (error as Error).message)
      return undefined
    }
  }

  #add(station: Station): void {
    this.#all.push({ ...station, about: printable(station.about), detail: printable(station.detail) })
  }
}
