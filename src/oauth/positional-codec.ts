/**
 * Objects as positional CBOR arrays (RFC 8949): the names stand in a table, not in every record.
 * Integers stay below 2^32 and text is UTF-8, so the bytes are the deterministic encoding of RFC 8949
 * section 4.2.1 but for the order of keys inside maps, which is the order they were given in.
 */
import { Decoder, Encoder } from 'cbor-x'

const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
} as const
const encoder = new Encoder(options)
const decoder = new Decoder(options)

export interface PositionalCodec {
  encode(value: object, count?: number): Buffer
  /** @throws RangeError for bytes that are no row of the table */
  decode(bytes: Uint8Array): Record<string, unknown>
}

/** The CBOR encoding of any JSON-like value. */
export const encodeCbor = (value: unknown): Buffer => Buffer.from(encoder.encode(value))

/** The value in `bytes`; throws on anything that is not one CBOR item. */
export const decodeCbor = (bytes: Uint8Array): unknown => decoder.decode(bytes)

function decodeRow(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes)
  } catch (cause) {
    throw new RangeError('not CBOR', { cause })
  }
}

/**
 * @param fields names in stored order; `name:hash` is base64url text in memory and bytes when stored.
 * `undefined` is stored as null and comes back left out, so that optional fields stay optional.
 */
export function positionalCodec(
  fields: readonly string[],
  optional: readonly string[] = [],
): PositionalCodec {
  const columns = fields.map((field) => {
    const [name = '', kind] = field.split(':')
    return { name, isHash: kind === 'hash', isOptional: optional.includes(name) }
  })
  return {
    encode(value, count = columns.length) {
      const row: unknown[] = new Array(count)
      for (let i = 0; i < count; i++) {
        const { name, isHash } = columns[i]!
        const field = (value as Record<string, unknown>)[name]
        row[i] = field == null ? null : isHash ? Buffer.from(field as string, 'base64url') : field
      }
      return encodeCbor(row)
    },
    decode(bytes) {
      const row = decodeRow(bytes)
      if (!Array.isArray(row) || row.length > columns.length) throw new RangeError('not a row of this table')
      const value: Record<string, unknown> = {}
      for (let i = 0; i < columns.length; i++) {
        const { name, isHash, isOptional } = columns[i]!
        const field = row[i] ?? null
        if (field === null && isOptional) continue
        if (field === null || !isHash) value[name] = field
        else if (field instanceof Uint8Array) value[name] = Buffer.from(field).toString('base64url')
        else throw new RangeError(`${name} is not bytes`)
      }
      return value
    },
  }
}
