import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { type SettingFault, shown } from './faults.ts'
import { isSettingKey } from './schema.ts'

/** One value as it was written, before its type is looked at. */
export interface WrittenSetting {
  readonly key: string
  readonly texts: readonly string[]
  /** Whether it was written as a list; otherwise `texts` has exactly one element. */
  readonly isList: boolean
  readonly where: string
  readonly line?: number
}

export interface Layer {
  readonly settings: readonly WrittenSetting[]
  readonly faults: readonly SettingFault[]
}

/** Reads a YAML file of settings. Gives undefined if there is no such file. */
export function readYamlFile(file: string): Layer | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return undefined
    return {
      settings: [],
      faults: [{ where: file, problem: `cannot be read (${code ?? 'unknown reason'})` }],
    }
  }
  return parseYamlSettings(text, file)
}

/**
 * Settings of a YAML text, keys nested, dotted or a mix of both. Every scalar is taken as it is written
 * (failsafe schema): `8080` and `"8080"` are the same, and no value turns into a date or a number on the way.
 * Never throws, and no message holds a piece of the text besides keys: the text may hold private keys.
 */
export function parseYamlSettings(text: string, file: string): Layer {
  const settings: WrittenSetting[] = []
  const faults: SettingFault[] = []
  const lines = new LineCounter()
  const lineOf = (node: Node | null | undefined) => lines.linePos(node?.range?.[0] ?? 0).line || 1
  const at = (line: number) => `${file}:${line}`

  let root: Node | null
  try {
    const document = parseDocument(text, {
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter: lines,
    })
    for (const error of document.errors) {
      const reason = error.code.toLowerCase().replaceAll('_', ' ')
      faults.push({
        where: at(lines.linePos(error.pos[0]).line || 1),
        problem: `is not valid YAML (${reason})`,
      })
    }
    if (faults.length > 0) return { settings, faults }
    root = document.contents
  } catch {
    return { settings, faults: [{ where: file, problem: 'is not valid YAML' }] }
  }

  const seen = new Map<string, number>()
  const fault = (node: Node | null | undefined, problem: string) =>
    faults.push({ where: at(lineOf(node)), problem })

  const visit = (node: Node | null, path: string, keyNode: Node | null) => {
    if (isMap(node) && !isSettingKey(path)) {
      for (const pair of node.items) {
        const key = pair.key as Node | null
        if (!isScalar(key) || String(key.value).trim() === '') {
          fault(key ?? node, `${path === '' ? 'the file' : shown(path)} has a key that is not a plain word`)
          continue
        }
        const name = String(key.value).trim()
        visit(pair.value as Node | null, path === '' ? name : `${path}.${name}`, key)
      }
      return
    }
    const line = lineOf(keyNode)
    if (isMap(node)) return void fault(keyNode, `${path} takes a value, not further keys`)
    const earlier = seen.get(path)
    if (earlier !== undefined)
      return void fault(keyNode, `${named(path)} is given twice, first in line ${earlier}`)
    seen.set(path, line)
    if (node === null || isScalar(node)) {
      const value = node === null ? '' : String(node.value ?? '')
      settings.push({ key: path, texts: [value], isList: false, where: at(line), line })
    } else if (isSeq(node) && node.items.every((item) => isScalar(item))) {
      const texts = node.items.map((item) => String((item as { value: unknown }).value ?? '').trim())
      settings.push({ key: path, texts, isList: true, where: at(line), line })
    } else {
      fault(keyNode, `${named(path)} takes plain values only (no aliases, no lists of lists)`)
    }
  }

  if (isMap(root)) visit(root, '', root)
  else if (root !== null && !(isScalar(root) && root.value === ''))
    faults.push({ where: file, problem: 'does not hold settings; expected lines of the form key: value' })
  return { settings, faults }
}

function named(key: string): string {
  return isSettingKey(key) ? key : shown(key)
}
