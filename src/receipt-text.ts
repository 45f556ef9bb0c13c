/** What a receipt proves, for people: one line a station, what is not proved said as plainly as what is. */
import { describeEvent } from './audit/describe-event.ts'
import type { ReceiptVerdict } from './audit/receipt-check.ts'
import { type Station, stationNames } from './audit/stations.ts'

const outcomes: Readonly<Record<Station['outcome'], string>> = {
  proved: 'proved     ',
  failed: 'FAILED     ',
  not_proved: 'not proved ',
}

/** The events, the way to the chain, and the verdict; then what no receipt can prove. */
export function receiptText({ ok, events, stations }: ReceiptVerdict): string {
  return [
    ...events.map((recorded) => describeEvent(recorded, { disclose: true })),
    '',
    ...stations.map(
      ({ station, about, outcome, detail }) =>
        `${outcomes[outcome]} ${stationNames[station]}: ${about}: ${detail}`,
    ),
    '',
    ok
      ? 'every station that the receipt gives holds'
      : 'not every station holds: it fails where FAILED stands',
    ...limits(stations),
  ].join('\n')
}

/** What the verdict rests on, and what it leaves open. */
export function limits(stations: readonly Station[]): string[] {
  const addresses = stations.filter(({ station }) => station === 'server_address')
  const some = (wanted: Station['outcome']) => addresses.some(({ outcome }) => outcome === wanted)
  return [
    some('failed')
      ? 'a server of the receipt is none that you gave with --server: it comes from another log, or an address is wrong or missing'
      : some('proved')
        ? 'all of it rests on the server address that you gave: it must come from elsewhere than this receipt'
        : 'all of it rests on the server address, which only the receipt names: give --server ADDRESS as you know it from elsewhere',
    'times of events are the word of the server; that an event was there when a block was mined is proved as far as the block has real work and stands on the chain that others follow',
    'that nothing followed, such as a revocation, is not proved and cannot be',
  ]
}
