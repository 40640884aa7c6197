// contract.mjs URL: calls every operation of a running service, with errors, and validates each answer against the service's own OpenAPI document:
// its status, its media type, its body, the data of each event. Fails where an answer is not as documented or an operation was not called. Each call has the
// key of INVERSESOLVER_KEY, and each operation is called once without it, too.
import Ajv from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';

const url = process.argv[2].replace(/\/$/, '');
const key = { 'X-API-Key': process.env.INVERSESOLVER_KEY }; // of a service that asks for keys
const document = await (await fetch(`${url}/swagger/v1/swagger.json`)).json();
const ajv = new Ajv.default({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: 'openapi', ...document });
const validators = new Map();
const faults = [];
const seen = new Map();
let answers = 0;

function check(pointer, value, what) {
  if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `openapi#${pointer}` }));
  const validate = validators.get(pointer);
  if (!validate(value)) {
    faults.push(`${what}: ${[...new Set(validate.errors.map(error => `${error.instancePath || '/'} ${error.message}`))].slice(0, 5).join('; ')}`);
  }
}

const escape = text => text.replace(/~/g, '~0').replace(/\//g, '~1');

async function call(method, path, options = {}) {
  const response = await fetch(url + path, { method, ...options, headers: { ...key, ...options.headers } });
  const bare = path.split('?')[0];
  const template = Object.keys(document.paths)
    .filter(one => new RegExp(`^${one.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(bare))
    .sort((a, b) => (a.match(/\{/g)?.length ?? 0) - (b.match(/\{/g)?.length ?? 0))[0];
  const operation = document.paths[template]?.[method.toLowerCase()];
  const what = `${method} ${path}: ${response.status}`;
  const bytes = Buffer.from(await response.arrayBuffer());
  answers++;
  if (!operation) {
    faults.push(`${what}: the operation is not in the document`);
    return { response, bytes };
  }

  (seen.get(operation.operationId) ?? seen.set(operation.operationId, new Set()).get(operation.operationId)).add(String(response.status));
  const documented = operation.responses[response.status];
  const base = `/paths/${escape(template)}/${method.toLowerCase()}/responses/${response.status}/content`;
  const type = response.headers.get('content-type')?.split(';')[0];
  let json;
  if (!documented) faults.push(`${what}: the status is not documented`);
  else if (type && !documented.content?.[type]) faults.push(`${what}: the media type ${type} is not documented`);
  else if (!type && documented.content) faults.push(`${what}: there is no body`);
  else if (type === 'text/event-stream') {
    const events = bytes.toString().split('\n').filter(line => line.startsWith('data:'));
    if (events.length === 0) faults.push(`${what}: no event`);
    for (const line of events) check(`${base}/text~1event-stream/schema/contentSchema`, JSON.parse(line.slice(5)), what);
  } else if (/json$/.test(type) && documented.content[type].schema.format !== 'binary') {
    json = JSON.parse(bytes);
    check(`${base}/${escape(type)}/schema`, json, what);
  }

  return { response, bytes, json: json ?? (/json$/.test(type ?? '') ? JSON.parse(bytes) : undefined) };
}

const json = (body, headers = {}) => ({ body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });
function form(request, files) {
  const parts = new FormData();
  parts.append('request', new Blob([JSON.stringify(request)], { type: 'application/json' }));
  for (const [name, bytes] of Object.entries(files)) parts.append(name, new Blob([bytes]), name);
  return { body: parts };
}

// Requests: each example of the document is what its schema allows, of its kind too.
function checkRequest(path, body) {
  check(`/paths/${escape(path)}/post/requestBody/content/application~1json/schema`, body, `the request of ${path}`);
  for (const [base, value] of [['Problem', body.problem], ['SolverChoice', body.solver]]) {
    const kind = value && document.components.schemas[base].discriminator.mapping[value.type];
    if (kind) check(kind.slice(1), value, `${value.type} of the request of ${path}`);
    else if (value) faults.push(`the request of ${path}: ${base} has no kind ${value.type}`);
  }
}

const examples = path => {
  const media = document.paths[path].post.requestBody.content['application/json'];
  return media.examples ? Object.entries(media.examples).map(([name, example]) => [name, example.value]) : [['example', media.example]];
};

const jobs = examples('/v1/jobs'), simulations = examples('/v1/measurements/simulate');
for (const [, body] of jobs) checkRequest('/v1/jobs', body);
for (const [, body] of simulations) checkRequest('/v1/measurements/simulate', body);

for (const path of ['/health/live', '/health/ready', '/v1/models', '/v1/problems', '/v1/solvers']) await call('GET', path);
const problems = (await call('GET', '/v1/problems')).json.items;
const model = (await call('GET', '/v1/models')).json.items[0].id;
await call('GET', `/v1/models/${model}`);
for (const verb of ['load', 'warm', 'unload', 'load']) await call('POST', `/v1/models/${model}/${verb}`);
await call('GET', '/v1/models/none');
for (const verb of ['load', 'warm', 'unload']) await call('POST', `/v1/models/none/${verb}`);

const [, simulation] = simulations[0];
for (const accept of ['application/x-npy', 'image/png', 'application/zip', '*/*']) {
  await call('POST', '/v1/measurements/simulate', json(simulation, { Accept: accept }));
}

await call('POST', '/v1/measurements/simulate', json({ ...simulation, sigma: -1 }));
await call('POST', '/v1/measurements/simulate', json({ ...simulation, files: {} }));
await call('POST', '/v1/measurements/simulate', json({ nonsense: true }));
await call('POST', '/v1/measurements/simulate', { body: 'x', headers: { 'Content-Type': 'text/plain' } });

// A job from its submission to its end.
const [, request] = jobs[0];
const once = { 'Idempotency-Key': `contract-${process.pid}` };
await call('POST', '/v1/jobs/estimate', json(request));
await call('POST', '/v1/jobs/estimate', json({ ...request, sigma: 'loud' }));
await call('POST', '/v1/jobs/estimate', json({ ...request, model: 'none' }));
const job = (await call('POST', '/v1/jobs', json({ ...request, solver: { type: 'dcdp', preset: 'fast', parameters: { samples: 1 } } }, once))).json;
await call('GET', `/v1/jobs/${job.id}`);
await call('POST', '/v1/jobs', json({ ...request, solver: { type: 'dcdp', preset: 'fast', parameters: { samples: 1 } } }, once));
await call('POST', '/v1/jobs', json({ ...request, seed: 7 }, once));
await call('GET', `/v1/jobs/${job.id}/events`);
const { response: done, json: final } = await call('GET', `/v1/jobs/${job.id}`);
if (final.state !== 'succeeded') faults.push(`the job is ${final.state}: ${JSON.stringify(final.error)}`);
await call('GET', `/v1/jobs/${job.id}`, { headers: { 'If-None-Match': done.headers.get('etag') } });
await call('GET', `/v1/jobs/${job.id}/events`, { headers: { 'Last-Event-ID': '0' } });
await call('GET', `/v1/jobs/${job.id}/events`, { headers: { 'Last-Event-ID': 'x' } });
await call('GET', `/v1/jobs/${job.id}/events`, { headers: { 'Last-Event-ID': done.headers.get('etag').replaceAll('"', '') } });
for (const file of (await call('GET', `/v1/jobs/${job.id}/artefacts`)).json.items) await call('GET', `/v1/jobs/${job.id}/artefacts/${file.name}`);
await call('GET', `/v1/jobs/${job.id}/artefacts/none.png`);
for (const query of ['', '?limit=1', '?state=succeeded', '?expand=request,result', '?state=odd', '?limit=0', '?cursor=%2F',
  '?problem=inpainting&model=brain-mri-128&createdFrom=2026-01-01T00:00:00Z', '?problem=odd', '?createdFrom=odd', '?stat=queued',
]) await call('GET', `/v1/jobs${query}`);
await call('POST', `/v1/jobs/${job.id}/retain?days=3`);
await call('POST', `/v1/jobs/${job.id}/retain?days=0`);
await call('POST', `/v1/jobs/${job.id}/cancel`);

// Bad requests.
await call('POST', '/v1/jobs', { body: '{', headers: { 'Content-Type': 'application/json' } });
await call('POST', '/v1/jobs', { body: 'x', headers: { 'Content-Type': 'text/plain' } });
await call('POST', '/v1/jobs', json({ ...request, problem: { type: 'none' } }));
await call('POST', '/v1/jobs', json({ ...request, problem: { type: 'inpainting', mask: { type: 'random', fraction: 1.5 } } }));
await call('POST', '/v1/jobs', json({ ...request, solver: { type: 'dcdp', parameters: { stepz: 1 } } }));
await call('POST', '/v1/jobs', json(request, { 'Idempotency-Key': 'two words' }));
await call('POST', '/v1/jobs', json(request, { 'X-API-Key': 'nobody' }));
await call('POST', '/v1/jobs', { body: JSON.stringify({ ...request, name: 'x'.repeat(34_000_000) }), headers: { 'Content-Type': 'application/json' } });

// A job whose end is waited for; one that is cancelled while it waits for another.
const short = { ...request, solver: { type: 'adjoint', preset: 'fast' } };
await call('POST', '/v1/jobs', json(short, { Prefer: 'wait=30' }));
await call('GET', `/v1/jobs/${job.id}/artefacts.zip`);

// A long job is cancelled, and not deleted while it runs.
const image = Buffer.from(request.files.measurement.split(',')[1], 'base64');
const { files: _, ...bare } = request;
const long = (await call('POST', '/v1/jobs', form({ ...bare, solver: { type: 'reSample', preset: 'paper' } }, { measurement: image }))).json;
await call('DELETE', `/v1/jobs/${long.id}`);
const waiting = (await call('POST', '/v1/jobs', json(short))).json;
await call('GET', `/v1/jobs/${waiting.id}/artefacts.zip`);
await call('POST', `/v1/jobs/${waiting.id}/cancel`);
await call('POST', `/v1/jobs/${long.id}/cancel`);
await call('GET', `/v1/jobs/${long.id}/events`);
await call('DELETE', `/v1/jobs/${long.id}`);
for (const [method, path] of [
  ['GET', ''], ['DELETE', ''], ['GET', '/events'], ['GET', '/artefacts'], ['GET', '/artefacts/x'], ['POST', '/cancel'], ['POST', '/retain?days=3'],
]) {
  await call(method, `/v1/jobs/${long.id}${path}`);
}

// Keys.
const made = (await call('POST', '/v1/keys', json({ account: 'someone', scopes: ['read'], days: 1 }))).json;
await call('POST', '/v1/keys', json({ account: 'some one', scopes: ['root'] }));
await call('POST', '/v1/keys', json({ account: 'someone', scopes: ['read'], colour: 1 }));
await call('GET', '/v1/keys');
await call('GET', '/v1/keys', { headers: { 'X-API-Key': made.key } });
await call('GET', '/v1/jobs', { headers: { 'X-API-Key': made.key } });
await call('DELETE', `/v1/keys/${made.details.id}`);
await call('DELETE', '/v1/keys/none');
await call('GET', '/v1/audit?limit=5');
await call('GET', '/v1/session');
await call('POST', '/v1/session');
await call('POST', '/v1/session', { headers: { 'X-API-Key': 'isk_no_no' } });
await call('DELETE', '/v1/session');
await call('PUT', '/v1/quotas', json({ account: 'someone', waiting: 5 }));
await call('PUT', '/v1/quotas', json({ account: 'some/one', waiting: -5 }));
await call('GET', '/v1/quotas');
await call('POST', `/v1/jobs/${job.id}/events/ticket`);
await call('POST', '/v1/jobs/none/events/ticket');
await call('GET', '/v1/audit?limit=0');

// Whoever is nobody gets what the document says: 401 where it states a scope, an answer elsewhere.
for (const [path, operations] of Object.entries(document.paths)) {
  for (const [method, { operationId, security }] of Object.entries(operations)) {
    const { response } = await call(method.toUpperCase(), path.replace(/\{[^}]+\}/g, 'x'), { headers: { 'X-API-Key': '' } });
    if ((response.status === 401) !== security.some(way => 'callerKey' in way)) faults.push(`${operationId} without a key: ${response.status}`);
  }
}

for (const item of problems) checkRequest('/v1/jobs', { ...request, problem: item.example.problem });
for (const operations of Object.values(document.paths)) {
  for (const { operationId, responses } of Object.values(operations)) {
    const missing = Object.keys(responses).filter(status => status < '400' && !seen.get(operationId)?.has(status));
    if (missing.length > 0) faults.push(`${operationId}: no answer ${missing.join(', ')} was seen`);
  }
}

for (const fault of faults) console.log(fault);
console.log(`${answers} answers of ${seen.size} operations, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);
