/** Where a login may lead on to: pages of this server that wait for a user, and nothing else (no open redirect). */
import { parseAuthorizePath } from './authorize-path.ts'

const path = '/device'

/** The page of the device grant, with the code that the device showed, where it came along. */
export const devicePath = (userCode: string | undefined): string =>
  userCode === undefined ? path : `${path}?${new URLSearchParams({ user_code: userCode.slice(0, 40) })}`

/** The same path again if `text` is one; undefined for anything else. */
export function parseContinuePath(text: string | undefined): string | undefined {
  if (text === path) return path
  if (text?.startsWith(`${path}?`))
    return devicePath(new URLSearchParams(text.slice(path.length + 1)).get('user_code') ?? undefined)
  return parseAuthorizePath(text)
}
