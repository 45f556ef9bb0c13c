/** Inclusion proofs as text (C2SP tlog-proof): the place of a leaf, its path, the checkpoint, and nothing else. */
import { HASH_BYTES, type Hash } from '../tree/hash.ts'

export interface TlogProof {
  /** Place of the leaf, from 0. */
  index: number
  /** From the leaf's sibling up to the child of the root. */
  path: readonly Hash[]
  /** The signed note, as the log gave it. */
  checkpoint: string
}

const firstLine = 'c2sp.org/tlog-proof@v1'

/** The longest path there is: positions lie below 2^53. */
const longestPath = 53

export const formatTlogProof = ({ index, path, checkpoint }: TlogProof): string =>
  `${[firstLine, `index ${index}`, ...path.map((hash) => hash.toString('base64'))].join('\n')}\n\n${checkpoint}`

/**
 * Strict: what parses is what `formatTlogProof` writes. Extra data, which nothing would authenticate, is refused.
 *
 * @throws RangeError
 */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf('\n\n')
  const [first, second = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\n')
  if (first !== firstLine) throw malformed(`it does not begin with ${firstLine}`)
  if (second.startsWith('extra ')) throw malformed('it holds extra data, which nothing would authenticate')
  const digits = /^index (0|[1-9][0-9]{0,15})$/.exec(second)?.[1]
  if (digits === undefined || !Number.isSafeInteger(Number(digits)))
    throw malformed('its index is no position')
  if (lines.length > longestPath) throw malformed(`it has more than ${longestPath} hashes`)
  return { index: Number(digits), path: lines.map(parseHash), checkpoint: text.slice(end + 2) }
}

function parseHash(line: string): Hash {
  const hash = Buffer.from(line, 'base64')
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== line)
    throw malformed('a hash is 32 bytes in base64')
  return hash
}

const malformed = (why: string) => new RangeError(`malformed inclusion proof: ${why}`)
