#!/usr/bin/env node
// Writes the files that are made from the built program: oclif.manifest.json, docs/cli.md, docs/settings.md.
// With --check it writes nothing and fails if one of them is not what it would write.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { Plugin, settings } from '@oclif/core'
import { settingsReference } from '../dist/src/config/reference.js'
import { commandReference } from '../dist/src/terminal/command-reference.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const check = process.argv.includes('--check')

// As `oclif manifest` does it, but in an order that no file system decides.
settings.enableAutoTranspile = false
const plugin = new Plugin({
  root,
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
})
await plugin.load()
const byId = Object.entries(plugin.manifest.commands).sort(([left], [right]) => (left < right ? -1 : 1))
const manifest = JSON.parse(JSON.stringify({ ...plugin.manifest, commands: Object.fromEntries(byId) }))

const stale = [
  ['oclif.manifest.json', `${JSON.stringify(manifest, null, 2)}\n`],
  ['docs/cli.md', commandReference(manifest, plugin.pjson.oclif)],
  ['docs/settings.md', settingsReference()],
].filter(([name, text]) => !isFresh(join(root, name), text))

for (const [name, text] of stale) {
  if (check) {
    process.stderr.write(`${name} is stale; run: node bin/generate-docs.js\n`)
    process.exitCode = 1
  } else {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
    process.stdout.write(`wrote ${name}\n`)
  }
}

function isFresh(file, text) {
  try {
    const present = readFileSync(file, 'utf8')
    // What `oclif manifest` wrote is as good, though its order differs.
    return file.endsWith('.json')
      ? isDeepStrictEqual(JSON.parse(present), JSON.parse(text))
      : present === text
  } catch {
    return false
  }
}
