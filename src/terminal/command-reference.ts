/** The parts of oclif.manifest.json that the reference shows. */
export interface CommandManifest {
  readonly commands: Readonly<Record<string, ManifestCommand>>
}

interface ManifestCommand {
  readonly id: string
  readonly summary?: string
  readonly description?: string
  readonly hidden?: boolean
  readonly examples?: readonly (string | { readonly command: string; readonly description?: string })[]
  readonly args: Readonly<Record<string, ManifestArgument>>
  readonly flags: Readonly<Record<string, ManifestFlag>>
}

interface ManifestArgument {
  readonly name: string
  readonly description?: string
  readonly required?: boolean
}

interface ManifestFlag {
  readonly name: string
  readonly char?: string
  readonly type: 'boolean' | 'option'
  readonly description?: string
  readonly summary?: string
  readonly required?: boolean
  readonly hidden?: boolean
  readonly helpGroup?: string
  readonly helpValue?: string
  readonly options?: readonly string[]
  readonly default?: unknown
}

interface Program {
  readonly bin: string
  readonly topics?: Readonly<Record<string, { readonly description?: string }>>
}

/** Text of docs/cli.md, made from the manifest of commands and the topics of package.json. */
export function commandReference(manifest: CommandManifest, program: Program): string {
  const commands = Object.values(manifest.commands)
    .filter((command) => !command.hidden)
    .sort((left, right) => (left.id < right.id ? -1 : 1))
  const topics = [...new Set(commands.map((command) => topicOf(command.id)))]
  const global = Object.values(commands[0]?.flags ?? {}).filter(isGlobal)
  return `<!-- Made from the commands by bin/generate-docs.js; do not edit. -->
# Commands

\`${program.bin} <topic> <command>\`; \`${program.bin} help\`, \`${program.bin} help <topic>\` and \`--help\` anywhere show the same on the terminal.

Results go to standard output, everything else to standard error. An error is one line and a non-zero exit code (2 for wrong usage).

Every command takes:

${global.map(flagLine).join('\n')}
${topics.map((topic) => topicSection(topic, commands, program)).join('')}`
}

function topicSection(topic: string, commands: readonly ManifestCommand[], program: Program): string {
  const description = program.topics?.[topic]?.description
  const own = commands.filter((command) => topicOf(command.id) === topic)
  return `
## ${topic}
${description === undefined ? '' : `${sentence(description)}\n`}${own.map((command) => commandSection(command, program)).join('')}`
}

function commandSection(command: ManifestCommand, program: Program): string {
  const name = command.id.replaceAll(':', ' ')
  const words = Object.values(command.args).map((argument) => {
    const word = argument.name.toUpperCase()
    return argument.required ? word : `[${word}]`
  })
  const flags = Object.values(command.flags).filter((flag) => !flag.hidden && !isGlobal(flag))
  const usage = [program.bin, name, ...words, ...flags.map(flagUsage)].join(' ')
  const fill = (text: string) => filled(text, program.bin, name)
  const list = [...Object.values(command.args).map(argumentLine), ...flags.map(flagLine)].map(fill)
  const examples = (command.examples ?? []).map((example) =>
    fill(typeof example === 'string' ? example : example.command),
  )
  return [
    `\n### ${name}`,
    ...(command.summary === undefined ? [] : [sentence(fill(command.summary))]),
    ...(command.description === undefined ? [] : [`\n${fill(command.description)}`]),
    `\n\`\`\`\n${usage}\n\`\`\``,
    ...(list.length === 0 ? [] : [`\n${list.join('\n')}`]),
    ...(examples.length === 0 ? [] : [`\nExamples:\n\n\`\`\`\n${examples.join('\n')}\n\`\`\``]),
    '',
  ].join('\n')
}

function flagUsage(flag: ManifestFlag): string {
  const text = flag.type === 'boolean' ? `--${flag.name}` : `--${flag.name} ${valueName(flag)}`
  return flag.required ? text : `[${text}]`
}

function flagLine(flag: ManifestFlag): string {
  const short = flag.char === undefined ? '' : `-${flag.char}, `
  const value = flag.type === 'boolean' ? '' : ` ${valueName(flag)}`
  const isShown = flag.type === 'option' && ['string', 'number'].includes(typeof flag.default)
  const facts = [
    flag.description ?? flag.summary ?? '',
    ...(flag.required ? ['required'] : []),
    ...(isShown ? [`default ${String(flag.default)}`] : []),
  ]
  return `- \`${short}--${flag.name}${value}\`: ${facts.filter((fact) => fact !== '').join('; ')}`
}

function argumentLine(argument: ManifestArgument): string {
  return `- \`${argument.name.toUpperCase()}\`: ${argument.description ?? ''}${argument.required ? '' : ' (optional)'}`
}

function valueName(flag: ManifestFlag): string {
  return flag.options === undefined ? (flag.helpValue ?? flag.name.toUpperCase()) : flag.options.join('|')
}

function filled(text: string, bin: string, name: string): string {
  return text.replace(/<%=\s*config\.bin\s*%>/g, bin).replace(/<%=\s*command\.id\s*%>/g, name)
}

function topicOf(id: string): string {
  return id.split(':')[0]!
}

function isGlobal(flag: ManifestFlag): boolean {
  return flag.helpGroup === 'GLOBAL'
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
