/** What verification can find wrong: a stable vocabulary, for people and for scripts. */

/** Every kind of fault. Kinds are only ever added. */
export const faultKinds = {
  record_altered: 'the record is not the one that was hashed when it was written',
  record_missing: 'there is no record at this position',
  record_misplaced: 'the record of another position stands here',
  record_unexpected: 'a record stands behind the end of the log',
  record_undecodable: 'the record was hashed as it is, but no event can be read from it',
  time_backwards: 'the event is older than the one before it',
  stream_version: 'the event breaks the gapless order of its stream',
  side_altered: 'the side record is not the one that the record commits to',
  side_unexpected: 'a side record that no record commits to',
  side_missing: 'a side record that is missing though no event says why',
  side_unerased: 'a side record that remains though its user was erased',
  index_missing: 'the stream index does not name the event',
  index_altered: 'the stream index names another position for the event',
  index_unexpected: 'the stream index names an event that is not there',
  tile_altered: 'a stored hash of the tree is not the one that follows from the records',
  tile_missing: 'stored hashes of the tree are missing',
  frontier_altered: 'the stored tree head is not the one that follows from the records',
  checkpoint_malformed: 'a stored checkpoint cannot be read',
  checkpoint_signature: 'a checkpoint is not signed by a server of this ledger',
  checkpoint_root: 'a signed checkpoint has another root than the records: history was rewritten',
  checkpoint_beyond_log: 'a signed checkpoint covers more events than there are: the log was cut',
  head_malformed: 'the head file cannot be read',
  head_root: 'the records have another root than those that were acknowledged: history was rewritten',
  head_beyond_log:
    'more events were acknowledged than there are: the log was cut, or an older one was put back',
  server_missing: 'the log does not begin with the opening of a server',
  server_signature: "a server's keys are not vouched for by its Bitcoin key",
  server_untrusted: 'a server or the administrator is not among those that were given as trusted',
  administrator_signature: "an act of administration without the administrator's signature",
  enrolment_signature: 'a client registered itself without the signature of a server of this ledger',
  enrolment_terms: "a client registered itself beyond the terms of the administrator's invitation",
  protocol: 'the event breaks a law of the protocol',
  row_missing: 'a row of the read models is missing',
  row_altered: 'a row of the read models is not the one that follows from the events',
  row_unexpected: 'a row of the read models that no event explains',
  lifetime_missing: 'the index by time does not lead to a grant or session',
  lifetime_unexpected: 'an entry of the index by time that no grant or session explains',
  anchor_malformed: 'a stored anchor cannot be read or is not the transaction it names',
  anchor_root: 'an anchor commits to another root than the records have: history was rewritten',
  anchor_beyond_log: 'an anchor covers more events than there are: the log was cut',
  anchor_checkpoint: 'an anchor without the signed checkpoint that it commits to',
  anchor_payload: 'the transaction of an anchor does not commit to its checkpoint',
  anchor_signer: 'the transaction of an anchor is not signed by a server of this ledger',
  anchor_branch: 'the Merkle branch of an anchor does not lead to its block',
  anchor_header: 'the block header of an anchor is not that of its block or has not the work it claims',
  anchor_missing: 'the node does not know the transaction of a confirmed anchor',
  anchor_unconfirmed: 'the node has a buried anchor in no block',
  anchor_reorged: 'a buried anchor is not in its block, or that is not on the best chain',
  anchor_count: 'there are not as many anchors as were made',
  anchor_not_asked: 'the node that was to be asked about an anchor could not be',
  segment_missing: 'a file of older events is missing',
  segment_altered: 'a file of older events is not the one that was written',
  segment_unregistered: 'which files of older events belong to the ledger is not told as it was written',
  segment_unexpected: 'a file of older events that belongs to another ledger',
  drop_malformed: 'an event of the retention policy that names what it cannot have dropped',
  drop_early: 'the retention policy dropped what was not as old as it says',
  drop_unlawful: 'the retention policy dropped what may not be dropped',
  drop_partial: 'a stream of which the retention policy dropped only a part',
  drop_undone: 'a record or side record that is there though it was dropped',
  store_damaged: 'a file of the store is missing or cannot be read as it was written',
  entry_unexpected: 'an entry of the store that this program never writes',
} as const

export type FaultKind = keyof typeof faultKinds

export interface Fault {
  /** The event at fault; for checkpoints and anchors the last event they cover; null where no event is meant. */
  position: number | null
  kind: FaultKind
  /** What was found, in words. */
  detail: string
}

/** Stored text is not to be trusted: it must not steer a terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd')

/** Collects the first `most` faults and knows whether there were more. */
export class Faults {
  readonly most: number
  readonly #found: Fault[] = []
  #hasMore = false

  constructor(most: number) {
    this.most = most
  }

  add(position: number | null, kind: FaultKind, detail: string = faultKinds[kind]): void {
    if (this.isFull) this.#hasMore = true
    else this.#found.push({ position, kind, detail: printable(detail) })
  }

  get count(): number {
    return this.#found.length
  }

  /** Looking closer would add nothing. */
  get isFull(): boolean {
    return this.#found.length >= this.most
  }

  get hasMore(): boolean {
    return this.#hasMore
  }

  /** By position; those of no position last. */
  sorted(): Fault[] {
    const place = ({ position }: Fault) => position ?? Number.POSITIVE_INFINITY
    return this.#found.toSorted((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))
  }
}
