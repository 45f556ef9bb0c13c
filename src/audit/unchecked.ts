/** What a verification came across and could not judge, in words. */

export interface Unjudged {
  isTreeBroken: boolean
  /** Acts of administration, and checkpoints, whose key may be in a damaged event. */
  acts: number
  unsigned: number
  /** That were noted and not finished. */
  erasures: number
  /** Anchors of which no node was asked. */
  notAsked: number
}

export function uncheckedOf({ isTreeBroken, acts, unsigned, erasures, notAsked }: Unjudged): string[] {
  const lines: [isSo: boolean, line: string][] = [
    [isTreeBroken, 'roots behind the first lost record cannot be computed'],
    [acts > 0, `${acts} acts of administration: the event that names the administrator is damaged`],
    [unsigned > 0, `the signatures of ${unsigned} checkpoints: the event that names their key is damaged`],
    [erasures > 0, `${erasures} erasures are not finished: a start of the server goes on with them`],
    [notAsked > 0, `that the blocks of ${notAsked} anchors are on the best chain: no node was asked`],
  ]
  return lines.filter(([isSo]) => isSo).map(([, line]) => line)
}
