/** Text that UTF-8 can hold, which all stored and signed text is: no half of a surrogate pair. */
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value)
