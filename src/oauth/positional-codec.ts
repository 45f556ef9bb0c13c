/**
 * Objects as positional CBOR arrays (RFC 8949): the names stand in a table, not in every record.
 * Integers stay below 2^32 and text is UTF-8, so the bytes are the deterministic encoding of RFC 8949
 * section 4.2.1 but for the order of keys inside maps, which is the order they were given in.
 */
import {
  beginReading,
  decodeOther,
  encodeWith,
  isWhollyRead,
  readArrayHead,
  readHashText,
  readItem,
  skipNull,
  writeArrayHead,
  writeHash,
  writeItem,
} from './cbor.ts'

const isLeftOut = (value: object, name: string): boolean =>
  ((value as Record<string, unknown>)[name] ?? null) === null

export interface PositionalCodec {
  /** @param reserved bytes in front, for the caller to fill in */
  encode(value: object, reserved?: number): Buffer
  /** @param type stands beside the fields, where given @throws RangeError for bytes that are no row of the table */
  decode(bytes: Uint8Array, type?: string): Record<string, unknown>
  /** For a field of another row that is such a row itself. */
  readonly field: FieldCodec
}

function decodeRow(bytes: Uint8Array): unknown {
  try {
    return decodeOther(bytes)
  } catch (cause) {
    throw new RangeError('not CBOR', { cause })
  }
}

/** How a field is stored that is not stored as it is. Never sees null, which stays null. */
export interface FieldCodec {
  write(field: never): void
  /** Reads what was written. Where it is something else, `isWhollyRead` tells afterwards, and `decode` is asked. */
  read(): unknown
  /** The same, of a CBOR item that was read. @throws RangeError */
  decode(stored: unknown): unknown
}

const hashField: FieldCodec = {
  write: writeHash,
  read: readHashText,
  decode(stored) {
    if (!(stored instanceof Uint8Array)) throw new RangeError('a hash is not bytes')
    return Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('base64url')
  },
}

/**
 * @param fields names in stored order; `name:hash` is base64url text in memory and bytes when stored; `?` at the
 * end marks an optional field, which is stored as null and comes back left out. Optional fields at the end of a
 * row that are all left out take no byte, so that a table can grow without its old rows changing.
 * @param codecs of fields that are rows of their own, by name
 */
export function positionalCodec(
  fields: readonly string[],
  codecs: Readonly<Record<string, FieldCodec>> = {},
): PositionalCodec {
  const columns = fields.map((field) => {
    const [, name = '', kind, mark] = /^(\w+)(:hash)?(\?)?$/.exec(field)!
    return { name, codec: kind ? hashField : codecs[name], isOptional: mark !== undefined }
  })
  const write = (value: object): void => {
    let count = columns.length
    while (count > 0 && columns[count - 1]!.isOptional && isLeftOut(value, columns[count - 1]!.name)) count--
    writeArrayHead(count)
    for (let i = 0; i < count; i++) {
      const { name, codec } = columns[i]!
      const field = (value as Record<string, unknown>)[name] ?? null
      if (field === null || !codec) writeItem(field)
      else codec.write(field as never)
    }
  }
  const read = (value: Record<string, unknown>): Record<string, unknown> => {
    const count = readArrayHead(columns.length)
    for (let i = 0; i < columns.length; i++) {
      const { name, codec, isOptional } = columns[i]!
      if (i >= count || skipNull()) {
        if (!isOptional) value[name] = null
      } else value[name] = codec ? codec.read() : readItem()
    }
    return value
  }
  const fromRow = (row: unknown, value: Record<string, unknown>): Record<string, unknown> => {
    if (!Array.isArray(row) || row.length > columns.length) throw new RangeError('not a row of this table')
    for (let i = 0; i < columns.length; i++) {
      const { name, codec, isOptional } = columns[i]!
      const field = row[i] ?? null
      if (field === null && isOptional) continue
      value[name] = field === null || !codec ? field : codec.decode(field)
    }
    return value
  }
  return {
    encode: (value, reserved) => encodeWith(() => write(value), reserved),
    decode(bytes, type) {
      beginReading(bytes)
      const value = read(type === undefined ? {} : { type })
      return isWhollyRead() ? value : fromRow(decodeRow(bytes), type === undefined ? {} : { type })
    },
    field: {
      write: write as FieldCodec['write'],
      read: () => read({}),
      decode: (stored) => fromRow(stored, {}),
    },
  }
}
