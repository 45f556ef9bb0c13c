/** The step after an authorization request, as an answer to the browser. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerStep } from '../authorization-server/authorization-answer.ts'
import { languageOf, sendPage } from './html-pages.ts'
import { formPostPage, formPostScriptSource } from './pages/form-post.ts'

/** Sends the browser on to the client, with 302 after a GET and 303 after a form. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  step: AnswerStep,
  status: 302 | 303,
): FastifyReply {
  if (step.kind === 'redirect') return reply.redirect(step.location, status)
  const { redirectUri, fields } = step
  const page = formPostPage({ language: languageOf(request), redirectUri, fields })
  return sendPage(reply, page, { formTarget: redirectUri, onlyForm: true, script: formPostScriptSource })
}
