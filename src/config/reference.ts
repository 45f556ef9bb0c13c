import { environmentVariable, type SettingKey, settingKeys, settingRow } from './schema.ts'

/** Text of docs/settings.md, made from the table of settings. */
export function settingsReference(): string {
  return `<!-- Made from src/config/schema.ts by bin/generate-docs.js; do not edit. -->
# Settings

Settings stand in \`conf/coinstack.yaml\` under the home directory (\`$COINSTACK_SIGNON_HOME\`, by default \`~/.coinstack-signon\`). Over them lies the profile (\`--profile NAME\`: \`profiles/NAME.yaml\` under the home directory, else in the package), over that the environment, over that the command line. An empty environment variable counts as not set.

Keys may be nested, dotted or a mix of both: \`signon.server.port: 8080\` is the same as \`signon: {server: {port: 8080}}\`. Lists are YAML lists, or one text with spaces, commas or line ends between the items.

A wrong or unknown setting is named with its file, line and key and what is expected, all of them at once, and nothing starts. The file may be missing where the environment gives every required setting.

| key | kind | default | meaning |
| --- | --- | --- | --- |
${settingKeys.map(tableRow).join('\n')}

## One by one

${settingKeys.map(section).join('\n\n')}
`
}

function tableRow(key: SettingKey): string {
  const row = settingRow(key)
  const unit = row.unit === undefined ? row.type.name : `${row.type.name} of ${row.unit}`
  return `| [\`${key}\`](#${key.replaceAll('.', '')}) | ${unit} | ${defaultText(key)} | ${row.text.split('. ')[0]!.replace(/\.$/, '')} |`
}

function section(key: SettingKey): string {
  const row = settingRow(key)
  const facts = [
    `- expected: ${row.type.expected}${row.unit === undefined ? '' : `, in ${row.unit}`}`,
    `- default: ${defaultText(key)}`,
    `- environment: \`${environmentVariable(key)}\``,
    ...(row.secret ? ['- secret: never shown, and not taken from the command line'] : []),
  ]
  return `
### ${key}
${row.text}

${facts.join('\n')}

\`\`\`yaml
${key}: ${row.example}
\`\`\``.trimStart()
}

function defaultText(key: SettingKey): string {
  const row = settingRow(key)
  if (row.required) return 'none; required'
  if (row.default === undefined) return row.derived ?? 'not set'
  return row.default === '' ? 'empty' : `\`${row.default}\``
}
