/** What a stream can show. Colour only ever repeats what the text says already. */
export interface Appearance {
  readonly colour: boolean
  /** Box-drawing characters, or plain ASCII where the terminal may not have them. */
  readonly charset: 'unicode' | 'ascii'
  readonly columns: number
  readonly interactive: boolean
}

type Environment = Readonly<Record<string, string | undefined>>
type Stream = { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined }

/**
 * Decides by the stream and the environment: NO_COLOR (no-color.org: any value but the empty one) and
 * TERM=dumb turn colour off, and so does a stream that is not a terminal.
 */
export function appearanceOf(stream: Stream, environment: Environment): Appearance {
  const interactive = stream.isTTY === true && environment.TERM !== 'dumb'
  return {
    colour: interactive && !environment.NO_COLOR,
    charset: isUnicode(environment) ? 'unicode' : 'ascii',
    columns: stream.columns && stream.columns > 0 ? stream.columns : 80,
    interactive,
  }
}

// POSIX: LC_ALL overrides LC_CTYPE overrides LANG. With none of them set the safe choice is ASCII.
function isUnicode(environment: Environment): boolean {
  const locale = environment.LC_ALL || environment.LC_CTYPE || environment.LANG || ''
  return /utf-?8/i.test(locale) && environment.TERM !== 'linux' && environment.TERM !== 'dumb'
}

const codes = { bold: [1, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22] } as const

/** The text in a colour or weight, unchanged where colour is off. */
export function paint(style: keyof typeof codes, text: string, colour: boolean): string {
  const [on, off] = codes[style]
  return colour ? `\u001b[${on}m${text}\u001b[${off}m` : text
}

/** Makes text from outside harmless: control and direction characters become visible escapes. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0)!
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** At most `longest` characters as a reader counts them; a longer text ends in `...`. */
export function shorten(text: string, longest = 20): string {
  const characters = Array.from(new Intl.Segmenter().segment(text), (part) => part.segment)
  return characters.length <= longest ? text : `${characters.slice(0, longest - 3).join('')}...`
}
