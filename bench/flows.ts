/** What is measured: the conversations of 32 connections for each flow. */
import { type Answer, askAll, type Conversation } from './load.ts'
import { logIn } from './log-in.ts'
import {
  authorizeRequest,
  clientCredentialsRequest,
  codeRequest,
  introspectionRequest,
  referenceRequest,
  refreshRequest,
} from './requests.ts'

export const connectionCount = 32
const introspectedTokenCount = 1000

export const flowNames = ['client_credentials', 'introspection', 'refresh', 'code'] as const
export type FlowName = (typeof flowNames)[number]

export interface Flow {
  conversations: readonly Conversation[]
  /** What has to be there before each measurement, in about as many seconds as that will take. */
  prepare?(seconds: number): Promise<void>
}

const everyConnection = (create: () => Conversation): Conversation[] =>
  Array.from({ length: connectionCount }, create)

/** The member of a token answer. */
function member(answer: Answer, name: string): string {
  const value: unknown = JSON.parse(answer.body)[name]
  if (typeof value !== 'string') throw new Error(`the answer has no ${name}:\n${answer.body}`)
  return value
}

export const referenceFlow: Flow = {
  conversations: everyConnection(() => ({ next: () => referenceRequest })),
}

export const issuingFlow: Flow = {
  conversations: everyConnection(() => ({ next: () => clientCredentialsRequest })),
}

/** These live tokens of the client, one after the other and again from the first. */
export function introspectionFlow(tokens: readonly string[]): Flow {
  let asked = 0
  return {
    conversations: everyConnection(() => ({
      next: () => introspectionRequest(tokens[asked++ % tokens.length]!),
      answered({ body }) {
        if (!body.startsWith('{"active":true,')) throw new Error(`a live token was expected:\n${body}`)
      },
    })),
  }
}

/** Logs in, and gets the tokens that refresh and introspection begin with. */
export async function createFlows(port: number): Promise<Record<FlowName, Flow>> {
  const cookie = await logIn(port)
  const codes: string[] = []
  const authorizing = (isEnough: () => boolean) =>
    everyConnection(() => ({
      expectedStatus: 302,
      next: () => (isEnough() ? undefined : authorizeRequest(cookie)),
      answered({ head }) {
        const code = /[?&]code=([^&\s]+)/.exec(head)?.[1]
        if (code === undefined) throw new Error(`no code was issued:\n${head}`)
        codes.push(code)
      },
    }))
  const redeeming = (answered: (answer: Answer) => void) =>
    everyConnection(() => {
      let code: string | undefined
      return {
        next() {
          code = codes.pop()
          return code === undefined ? undefined : codeRequest(code)
        },
        answered,
      }
    })

  const accessTokens: string[] = []
  const refreshTokens: string[] = []
  await askAll(
    port,
    authorizing(() => codes.length >= introspectedTokenCount / 2),
  )
  await askAll(
    port,
    redeeming((answer) => {
      accessTokens.push(member(answer, 'access_token'))
      refreshTokens.push(member(answer, 'refresh_token'))
    }),
  )
  // The first families go on to be refreshed, which ends their access tokens.
  accessTokens.splice(0, connectionCount)
  await askAll(
    port,
    everyConnection(() => ({
      next: () => (accessTokens.length < introspectedTokenCount ? clientCredentialsRequest : undefined),
      answered: (answer) => void accessTokens.push(member(answer, 'access_token')),
    })),
  )

  return {
    client_credentials: issuingFlow,
    introspection: introspectionFlow(accessTokens),
    refresh: {
      conversations: refreshTokens.slice(0, connectionCount).map((first) => {
        let token = first
        return {
          next: () => refreshRequest(token),
          answered(answer) {
            token = member(answer, 'refresh_token')
          },
        }
      }),
    },
    code: {
      conversations: redeeming(() => {}),
      async prepare(seconds) {
        codes.length = 0
        const untilMs = performance.now() + seconds * 1000
        await askAll(
          port,
          authorizing(() => performance.now() >= untilMs),
        )
      },
    },
  }
}
