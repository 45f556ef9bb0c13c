/** JSON files that prove something: read strictly, member by member, and never guessed at. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * What the reader does: `malformed`: it is no such file, or was cut or edited: ask for it again.
 * `unknown_version`: take a newer version of this program. `exists`: choose another name for what is to be written.
 */
export type ProofFileErrorCode = 'malformed' | 'unknown_version' | 'exists'

export class ProofFileError extends Error {
  readonly code: ProofFileErrorCode

  constructor(code: ProofFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProofFileError'
    this.code = code
  }
}

type Members = Readonly<Record<string, unknown>>

const malformed = (why: string, cause?: unknown) => new ProofFileError('malformed', why, { cause })

export const encodeJson = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

/**
 * The members of a file of this format, in one of these versions.
 *
 * @throws ProofFileError malformed, unknown_version
 */
export function readMembers(
  text: string,
  format: string,
  versions: readonly number[],
  names: readonly string[],
): Members {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(`this is no ${format}: it is no JSON`, cause)
  }
  const { format: its, version: found } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Members
  if (its !== format) throw malformed(`this is no ${format}`)
  if (!versions.includes(found as number))
    throw new ProofFileError(
      'unknown_version',
      `version ${JSON.stringify(found) ?? 'none'} of a ${format} is not known to this program, which reads version ${versions.join(' and ')}`,
    )
  return readObject(value, format, ['format', 'version', ...names])
}

/** An object with these members and no others. @throws ProofFileError malformed */
export function readObject(
  value: unknown,
  name: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${name} is no object`)
  for (const member of required)
    if (!Object.hasOwn(value, member)) throw malformed(`${name} has no member "${member}"`)
  for (const member of Object.keys(value))
    if (!required.includes(member) && !optional.includes(member))
      throw malformed(`${name} has an unknown member "${member.slice(0, 40)}"`)
  return value as Members
}

/** @throws ProofFileError malformed */
export function readList(value: unknown, name: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw malformed(`${name} is no list`)
  if (value.length > most) throw malformed(`${name} has more than ${most} members`)
  return value
}

/** RFC 4648 section 4, only in the one form that encoding gives. @throws ProofFileError malformed */
export function readBase64(value: unknown, name: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined
  if (!bytes || bytes.length === 0 || bytes.toString('base64') !== value)
    throw malformed(`${name} is no base64`)
  return bytes
}

/** Lower case, of a whole number of bytes. @throws ProofFileError malformed */
export function readHex(value: unknown, name: string, length?: number): Buffer {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(value)) throw malformed(`${name} is no hex`)
  const bytes = Buffer.from(value, 'hex')
  if (length !== undefined && bytes.length !== length) throw malformed(`${name} has not ${length} bytes`)
  return bytes
}

/** The text of a file, or of standard input where it is named `-`. @throws ProofFileError malformed */
export function readProofFile(file: string, mostBytes: number): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file === '-' ? 0 : file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw malformed(`${file === '-' ? 'standard input' : file} cannot be read (${code})`, cause)
  }
  if (bytes.length > mostBytes) throw malformed(`${file} is longer than any such file`)
  return bytes.toString()
}

/** Writes a file that must not be there yet. @throws ProofFileError exists, malformed */
export function writeNewFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new ProofFileError('exists', `${file} is there already`, { cause })
    // A part of it would look like the whole.
    rmSync(file, { force: true })
    throw malformed(`${file} cannot be written (${code})`, cause)
  }
}
