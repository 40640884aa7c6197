// typescript.ts URL PNG, key in INVERSESOLVER_KEY: a client whose types openapi-typescript made uploads, waits, reads progress that is null, lists, fetches bytes and follows events.
import createClient from 'openapi-fetch';
import { readFileSync } from 'node:fs';
import type { components, paths } from './generated/api.js';

const [url, picture] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { 'X-API-Key': process.env.INVERSESOLVER_KEY } });
const measurement = 'data:image/png;base64,' + readFileSync(picture).toString('base64');
const mask: components['schemas']['RandomMask'] = { type: 'random', fraction: 0.5, seed: 1 };

function need<T>(answer: { data?: T; error?: { code: string; detail: string | null } }): T {
  if (answer.data === undefined) throw new Error(`${answer.error?.code}: ${answer.error?.detail}`);
  return answer.data;
}

const job = need(await client.POST('/v1/jobs', {
  body: {
    model: 'brain-mri-128', problem: { type: 'inpainting', mask }, sigma: 0.02, seed: 3,
    solver: { type: 'dcdp', preset: 'fast', parameters: { samples: 1 } }, files: { measurement },
  },
}));
const step: number | undefined = job.progress?.step;
console.log(`submitted ${job.state} ${step === undefined ? 'without progress' : step}`);

const events = await client.GET('/v1/jobs/{id}/events', { params: { path: { id: job.id } }, parseAs: 'text' });
const last = need(events).split('\n').filter(line => line.startsWith('data: '))
  .map(line => JSON.parse(line.slice(6)) as components['schemas']['JobEvent']).at(-1)!;
console.log(`events end with ${last.job.state}`);

const done = need(await client.GET('/v1/jobs/{id}', { params: { path: { id: job.id } } }));
const problem = done.request?.problem;
console.log(`done ${done.state} ${problem?.type} ${JSON.stringify((problem as components['schemas']['Inpainting']).mask)}`);
const expand: components['schemas']['JobPart'][] = ['request', 'result'];
const listed = need(await client.GET('/v1/jobs', { params: { query: { limit: 1, state: 'succeeded', problem: 'inpainting', expand } } }));
console.log(`listed ${listed.items[0].id === job.id && listed.items[0].request !== null && listed.items[0].result !== null}`);
const bytes: Blob = need(await client.GET(
  '/v1/jobs/{id}/artefacts/{name}', { params: { path: { id: job.id, name: 'result.npy' } }, parseAs: 'blob' }));
const expected = done.result!.artefacts.find(file => file.name === 'result.npy')!;
const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', await bytes.arrayBuffer())).toString('hex');
console.log(`bytes ${bytes.size === expected.bytes && sha256 === expected.sha256}`);
const wrong = await client.POST('/v1/jobs', {
  body: { model: 'none', problem: { type: 'denoising' }, solver: { type: 'none' as never } },
});
console.log(`refused ${wrong.error?.code} ${wrong.error?.errors.map(fault => fault.field).join(' ')}`);
console.log(`result ${sha256}`);
