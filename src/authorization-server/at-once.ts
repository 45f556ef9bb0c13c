/**
 * Goes on with what is there, at once where it is no promise: a look-up that finds all in memory waits for nothing.
 * Turns of the promise queue are a tenth of an introspection.
 */
export const andThen = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
