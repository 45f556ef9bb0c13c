/**
 * The reference: the least that Fastify does for a form POST that is answered with 300 bytes of JSON. Its
 * requests a second say how fast the machine is; everything else is told as a share of them.
 */
import formbody from '@fastify/formbody'
import fastify from 'fastify'

const answer = { access_token: 'a'.repeat(128), token_type: 'bearer', expires_in: 600, scope: '' }
answer.scope = 's'.repeat(300 - JSON.stringify(answer).length)

const app = fastify()
await app.register(formbody)
app.post('/', async () => answer)
const address = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening at ${address}\n`)
