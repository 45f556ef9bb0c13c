/** Which methods an address has, so that the others can be refused as RFC 9110 section 15.5.6 has it. */
export class ServedMethods {
  readonly #routes: { pattern: RegExp; methods: string[] }[] = []

  /** @param url as routes are named: `:name` stands for a segment, `*` at the end for whatever follows */
  add(url: string, methods: string | readonly string[]): void {
    // What stands for all addresses is none itself.
    if (url === '/*' || url === '*') return
    const pattern = url
      .replace(/[.+?^$()|[\]{}\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replace('*', '.+')
    this.#routes.push({ pattern: new RegExp(`^${pattern}$`), methods: [methods].flat() })
  }

  at(path: string): string[] {
    const methods = this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)
    return [...new Set(methods)]
  }
}
