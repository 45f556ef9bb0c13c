/** How an event is stored. */
export interface EventLayout {
  /** Number of the type in the record; never reused. */
  code: number
  /** Names in stored order; `:hash` marks base64url text that is stored as bytes, `?` what may be left out. */
  fields: readonly string[]
  side?: readonly string[]
}

/** One for each event of a family. */
export type EventLayouts<Fields> = Readonly<Record<keyof Fields, EventLayout>>
