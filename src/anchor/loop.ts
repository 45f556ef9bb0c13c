import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs'

/**
 * Runs `step` at once and again after as many milliseconds as it resolves with, never two at a time. `step`
 * must not reject.
 *
 * @returns what ends it: no step begins after the call, no timer is left, and it resolves when the step under
 *   way is done.
 */
export function repeat(
  step: () => Promise<number>,
  scheduler: SchedulerLike = asyncScheduler,
): () => Promise<void> {
  let isStopped = false
  let underWay: Promise<void> = Promise.resolve()
  let timer: Subscription
  const next = (delayMs: number) => {
    timer = scheduler.schedule(() => {
      underWay = step().then((pauseMs) => {
        if (!isStopped) next(pauseMs)
      })
    }, delayMs)
  }
  next(0)
  return () => {
    isStopped = true
    timer.unsubscribe()
    return underWay
  }
}
