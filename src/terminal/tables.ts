import Table, { type Cell, type CellOptions } from 'cli-table3'
import { shorten, visible } from './output.ts'

type Row = readonly (string | CellOptions)[]

// ASCII only: terminals set up for Korean, Chinese or Japanese may draw box characters two columns wide.
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
}

/** Cells with a bar between them and no other lines, as in the monitor. */
export function barTable(rows: readonly Row[]): string {
  return drawn(rows, '|', 0, 'center')
}

/** Columns with two spaces between them, under a heading. Values over `longest` characters end in `...`. */
export function listTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  longest?: number,
): string {
  const cells = rows.map((row) => row.map((value) => shorten(visible(value), longest)))
  return drawn([headings, ...cells], '  ', 0, 'left')
}

/**
 * Two columns, names in alphabetical order; further values of a name stand below its first one,
 * as `client check` of SignOn 1.1 prints them. A name without values keeps an empty place.
 */
export function blockTable(entries: Readonly<Record<string, string | readonly string[]>>): string {
  const rows = Object.entries(entries)
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .flatMap(([name, given]) => {
      const values = typeof given === 'string' ? [given] : given.length === 0 ? [''] : given
      return values.map((value, index) => [index === 0 ? name : '', visible(value)])
    })
  return drawn(rows, '  ', 0, 'left')
}

function drawn(rows: readonly Row[], middle: string, padding: number, align: 'left' | 'center'): string {
  if (rows.length === 0) return ''
  const table = new Table({
    chars: { ...noLines, middle },
    style: { 'padding-left': padding, 'padding-right': padding, head: [], border: [], compact: true },
    colAligns: Array.from({ length: widest(rows) }, () => align),
    wordWrap: false,
  })
  table.push(...rows.map((row) => [...row] as Cell[]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function widest(rows: readonly Row[]): number {
  return Math.max(...rows.map((row) => row.reduce((sum, cell) => sum + span(cell), 0)))
}

function span(cell: string | CellOptions): number {
  return typeof cell === 'string' ? 1 : (cell.colSpan ?? 1)
}
