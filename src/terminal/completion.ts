/** Completion of topics, commands, flags and their values on a command line of bash. */

export interface CompletedCommand {
  /** `topic:verb`, as oclif has it. */
  readonly id: string
  readonly hidden?: boolean
  readonly flags: Readonly<
    Record<string, { readonly name: string; readonly char?: string; readonly options?: readonly string[] }>
  >
}

/** Words of this program; quoted, so that whatever they hold stays a word. */
const words = (texts: Iterable<string>): string => `'${[...texts].join(' ').replaceAll("'", "'\\''")}'`

/**
 * A script for bash 4 and later that completes by these commands as they are now. Where it knows no word, bash completes
 * the names of files.
 */
export function bashCompletion(bin: string, commands: readonly CompletedCommand[]): string {
  const shown = commands.filter(({ hidden }) => !hidden).sort((a, b) => (a.id < b.id ? -1 : 1))
  const next = new Map<string, Set<string>>([['', new Set(['help'])]])
  for (const { id } of shown)
    id.split(':').forEach((word, index, path) => {
      const before = path.slice(0, index).join(' ')
      next.set(before, (next.get(before) ?? new Set()).add(word))
    })
  const name = `_${bin.replaceAll(/\W/g, '_')}`
  const lines = [
    `${name}() {`,
    `  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `  local line="\${COMP_WORDS[*]:1:COMP_CWORD-1}" known=''`,
    `  line="\${line#help }"`,
    `  [ "$line" = help ] && line=''`,
    `  case "$line" in`,
    ...[...next].map(([path, after]) => `    '${path}') known=${words(after)} ;;`),
    ...shown.map(({ id, flags }) => {
      const path = id.replaceAll(':', ' ')
      return `    '${path}'|'${path} '*) known=${words(Object.values(flags).map((flag) => `--${flag.name}`))} ;;`
    }),
    '  esac',
    `  case "$before" in`,
    ...valuesOfFlags(shown),
    '  esac',
    `  COMPREPLY=($(compgen -W "$known" -- "$current"))`,
    '}',
    `complete -o default -F ${name} ${bin}`,
  ]
  return `${lines.join('\n')}\n`
}

/** Flags of one name take the same values wherever they stand. */
function valuesOfFlags(commands: readonly CompletedCommand[]): string[] {
  const values = new Map<string, readonly string[]>()
  for (const { flags } of commands)
    for (const { name, char, options } of Object.values(flags))
      if (options) values.set([...(char ? [`-${char}`] : []), `--${name}`].join('|'), options)
  return [...values].map(([flag, options]) => `    ${flag}) known=${words(options)} ;;`)
}
