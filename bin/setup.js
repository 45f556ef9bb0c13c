#!/usr/bin/env node
// Makes a checkout ready to run: dependencies, then the build. Says nothing when nothing is to do.
// Plain JavaScript without dependencies, because there are none yet when it runs first.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const oldestNode = [20, 19]
const sourceFolders = ['src', 'commands', 'bench', 'examples']
const buildFiles = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
const stampFile = join(root, 'dist', '.setup.json')

checkNode()
if (!dependenciesInstalled()) install()
const sources = sourceDigests()
const stamp = readJson(stampFile)
if (JSON.stringify(stamp) !== JSON.stringify(sources)) build()

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  fail(`Node.js ${oldestNode.join('.')} or newer is needed; this is ${process.versions.node}`)
}

/** Whether every package of the lock file is there in its version; npm keeps its own account of node_modules. */
function dependenciesInstalled() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages
  if (wanted === undefined) fail('package-lock.json is missing or broken')
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (present === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    // Optional packages of other platforms are left out by npm.
    if (present[path] === undefined) return entry.optional === true
    return present[path].version === entry.version && present[path].integrity === entry.integrity
  })
}

function install() {
  const started = Date.now()
  say('installing the dependencies ...')
  let done = npm('ci')
  // `npm ci` refuses a lock file that lacks optional packages of other platforms, which npm itself writes that
  // way on some machines. The plain install then keeps to the lock file, and what it did is compared with it.
  if (done.status !== 0 && done.output.includes('EUSAGE')) {
    done = npm('install', '--no-save')
    if (done.status === 0 && !dependenciesInstalled())
      fail('npm install did not install what package-lock.json says')
  }
  if (done.status !== 0) fail(`the dependencies could not be installed:\n${done.output}`)
  say(`installed the dependencies in ${seconds(started)}`)
}

function npm(...words) {
  // The level: `npm test --silent` would hand its silence down, and a failure would have no reason.
  const all = [...words, '--no-audit', '--no-fund', '--loglevel=error']
  // npm sets npm_execpath for its scripts; the plain name serves everybody else.
  const script = process.env.npm_execpath
  return script?.endsWith('.js')
    ? run(process.execPath, [script, ...all])
    : run('npm', all, { shell: process.platform === 'win32' })
}

function build() {
  const started = Date.now()
  say('building ...')
  // The output of a source file that is gone would live on, as a command for one.
  const removed = stamp !== undefined && Object.keys(stamp).some((path) => !(path in sources))
  if (stamp === undefined || removed) rmSync(join(root, 'dist'), { recursive: true, force: true })
  // No stamp while building: a build that breaks off is a build that has not been.
  rmSync(stampFile, { force: true })
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const done = run(process.execPath, [compiler, '-p', 'tsconfig.build.json'])
  if (done.status !== 0) fail(`the build failed:\n${done.output}`)
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, JSON.stringify(sources))
  say(`built in ${seconds(started)}`)
}

/** SHA-256 of all that the build depends on. Times of files say nothing after a checkout. */
function sourceDigests() {
  const files = [
    ...buildFiles.map((name) => join(root, name)),
    ...sourceFolders.flatMap((name) => filesBelow(join(root, name))),
  ]
  const digests = {}
  for (const file of files.sort()) {
    if (existsSync(file))
      digests[relative(root, file)] = createHash('sha256').update(readFileSync(file)).digest('hex')
  }
  return digests
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

function run(command, words, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, words, {
    cwd: root,
    encoding: 'utf8',
    ...options,
  })
  return { status: error ? -1 : status, output: error ? error.message : `${stdout}${stderr}`.trim() }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
