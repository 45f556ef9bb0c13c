// The package brings no types.
declare module 'asciichart' {
  interface PlotOptions {
    readonly min?: number
    readonly max?: number
    /** Number of rows, less one. */
    readonly height?: number
    /** Label at the left of a row; row 0 is the highest value's. */
    readonly format?: (value: number, row: number) => string
    readonly symbols?: readonly string[]
  }
  const asciichart: { plot(series: readonly number[], options?: PlotOptions): string }
  export default asciichart
}
