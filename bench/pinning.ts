/** One core for the server and one for the load, where the machine has two and `taskset` (Linux). */
import { spawnSync } from 'node:child_process'

export interface Pinning {
  /** Whether the load has a core to itself. */
  isPinned: boolean
  /** In words, for the report. */
  text: string
  /** The command line that runs `words` on the server's core. */
  onServerCore(words: readonly string[]): string[]
}

const notPinned = (reason: string): Pinning => ({
  isPinned: false,
  text: `not pinned (${reason}): server and load share the cores, read the ratios with care`,
  onServerCore: (words) => [...words],
})

/** Moves this process, which is the load, to its core. */
export function pinLoad(): Pinning {
  const asked = taskset('-cp', String(process.pid))
  if (asked === undefined) return notPinned('there is no taskset')
  const [server, load] = coresIn(asked)
  if (server === undefined || load === undefined) return notPinned('there is one core')
  if (taskset('-acp', String(load), String(process.pid)) === undefined) return notPinned('taskset failed')
  return {
    isPinned: true,
    text: `server on core ${server}, load on core ${load}`,
    onServerCore: (words) => ['taskset', '-c', String(server), ...words],
  }
}

function taskset(...words: string[]): string | undefined {
  const { status, stdout } = spawnSync('taskset', words, { encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

/** Of "pid 17's current affinity list: 0-3,6". */
function coresIn(answer: string): number[] {
  const list = answer.slice(answer.lastIndexOf(':') + 1).trim()
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
