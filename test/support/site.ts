/** A site on Express at a port of its own, whose visitors are signed on by a library. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'

export interface Site {
  origin: string
  close(): Promise<void>
}

/** @param build is told the origin, which the library must know before it is used */
export async function openSite(build: (app: Express, origin: string) => void | Promise<void>): Promise<Site> {
  const app = express()
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await build(app, origin)
  return {
    origin,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
