import type { Segment } from './segments.ts'

/** Segments side by side of one size that become one: 16,384 events, 131,072, about one million, about eight. */
const mergedAtOnce = 8
const mostMergedEvents = 8 ** 3

/**
 * The first segments side by side, enough of one size, that are to become one; undefined where there are none.
 *
 * @param smallest events of a segment that was not merged
 */
export function mergeable(list: readonly Segment[], smallest: number): Segment[] | undefined {
  const sizeOf = ({ registration: { first, last } }: Segment) => {
    let size = 1
    while (size < mostMergedEvents && (last - first + 1) / smallest >= size * mergedAtOnce)
      size *= mergedAtOnce
    return size
  }
  for (let at = 0; at + mergedAtOnce <= list.length; at++) {
    const some = list.slice(at, at + mergedAtOnce)
    const size = sizeOf(some[0]!)
    if (size < mostMergedEvents && some.every((it) => it.registration.isCleared && sizeOf(it) === size))
      return some
  }
  return undefined
}
