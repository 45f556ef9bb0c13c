/** The result of `audit verify` for people. */
import type { Verification } from './audit/verify.ts'
import type { Rebuilt } from './auditing.ts'

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`

/** One line that sums up, then a line for each fault and for each thing that could not be checked. */
export function verificationText(result: Verification): string {
  const { events, checkpoints, savedCheckpoints, anchors, pendingAnchors, erased } = result
  const { droppedPayloads, droppedSideRecords } = result
  const { faults, hasMoreFaults, segments, warnings, unchecked } = result
  const sum = [counted(events, 'event'), counted(checkpoints, 'checkpoint'), counted(anchors, 'anchor')].join(
    ', ',
  )
  const verdict = result.ok
    ? 'nothing missing, nothing altered'
    : `${counted(faults.length, 'fault')}${hasMoreFaults ? ' and more' : ''}`
  return [
    `${sum}: ${verdict}`,
    ...faults.map(
      ({ position, kind, detail }) =>
        `FAULT ${kind}${position === null ? '' : ` at position ${position}`}: ${detail}`,
    ),
    ...(savedCheckpoints > 0
      ? [`${counted(savedCheckpoints, 'saved checkpoint')}: the log begins with what was signed then`]
      : []),
    ...(pendingAnchors > 0 ? [`${counted(pendingAnchors, 'anchor')} not yet confirmed`] : []),
    ...(segments > 0 ? [`${counted(segments, 'file')} of older events: as they were written`] : []),
    ...(erased > 0 ? [`${counted(erased, 'side record')} erased`] : []),
    ...(droppedPayloads + droppedSideRecords > 0
      ? [
          `${counted(droppedPayloads, 'payload')} and ${counted(droppedSideRecords, 'side record')} dropped by policy`,
        ]
      : []),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...unchecked.map((what) => `not checked: ${what}`),
  ].join('\n')
}

/** What `audit verify --rebuild` did. */
export function rebuiltText({ events, added, altered, removed, lifetimes }: Rebuilt): string {
  const what =
    added + altered + removed === 0
      ? 'they were right'
      : `${counted(added, 'row')} added, ${altered} corrected, ${removed} taken away`
  const index = lifetimes ? '; the index by time was written anew' : ''
  return `read models folded anew from ${counted(events, 'event')}: ${what}${index}`
}
