import { opcodes, script } from 'bitcoinjs-lib'
import { ChainError } from './errors.ts'

/** Standard size of OP_RETURN data that every Bitcoin-type node relays; 83 bytes are refused by some. */
const maxPayloadBytes = 80

/**
 * The output script that carries a payload: OP_RETURN and one push.
 *
 * @throws ChainError `bad_payload` for what some node refuses: under 2 or over 80 bytes, or beginning with
 *   44 58, which Coinstack takes for a deletion marker.
 */
export function dataScript(payload: Buffer): Buffer {
  if (payload.length < 2 || payload.length > maxPayloadBytes) {
    throw new ChainError(
      'bad_payload',
      `a payload of ${payload.length} bytes: 2 to ${maxPayloadBytes} can be carried`,
    )
  }
  if (payload[0] === 0x44 && payload[1] === 0x58) {
    throw new ChainError(
      'bad_payload',
      'a payload must not begin with the bytes 44 58, a deletion marker of the node',
    )
  }
  return Buffer.from(script.compile([opcodes.OP_RETURN!, payload]))
}

/** The pushes of an OP_RETURN script, joined; undefined where the script is anything else. */
export function dataOfScript(output: Uint8Array): Buffer | undefined {
  if (output[0] !== opcodes.OP_RETURN) return undefined
  const chunks = script.decompile(output.subarray(1))
  if (chunks === null || !script.isPushOnly(chunks)) return undefined
  return Buffer.concat(script.toStack(chunks))
}
