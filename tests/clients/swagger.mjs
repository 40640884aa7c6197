// swagger.mjs URL FOLDER: runs each example of a job in Swagger UI, unmodified, in Debian's Chromium, then shows the job whose id stands in the fields, which
// a service has that was started with Jobs:Examples; pictures of the page with its answers go to FOLDER. Until the key of INVERSESOLVER_KEY is entered under
// Authorize, the service refuses.
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
const faults = [];
page.on('pageerror', error => faults.push(`page: ${error.message}`));
page.on('console', message => message.type() === 'error' && !message.text().includes('401 (Unauthorized)') && faults.push(`console: ${message.text()}`));
await page.goto(`${url}/swagger/index.html`);
const operation = page.locator('#operations-Jobs-submitJob');
await operation.locator('.opblock-summary-control').click();
await operation.locator('.try-out__btn').click();
async function answer() {
  await operation.locator('.execute').click();
  const status = operation.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  const body = JSON.parse(await operation.locator('.live-responses-table .microlight, .live-responses-table pre code').first().innerText());
  return [(await status.innerText()).trim().split(/\s/)[0], body];
}

const [refused, { code }] = await answer();
console.log(`without a key ${refused} ${code}`);
await operation.locator('.btn-clear').click();
await page.locator('.scheme-container .btn.authorize').click();
const dialog = page.locator('.dialog-ux');
const key = dialog.locator('.auth-container', { hasText: 'X-API-Key' });
await key.locator('input').fill(process.env.INVERSESOLVER_KEY);
await page.screenshot({ path: `${folder}/swagger-authorize.png` });
await key.locator('.btn.authorize').click();
console.log(`Authorize: ${(await dialog.locator('.auth-container h4').allInnerTexts()).map(text => text.replace(/\s+/g, ' ').trim()).sort().join(', ')}`);
await dialog.locator('.btn-done').first().click();
const choice = operation.locator('.opblock-section-request-body .examples-select select, .opblock-section-request-body select.examples-select-element').first();
const options = await choice.locator('option').evaluateAll(options => options.map(option => [option.value, option.innerText]));
for (const [name, shown] of options.filter(([name]) => name !== '__MODIFIED__VALUE__')) {
  await choice.selectOption(name);
  const [status, body] = await answer();
  let job = body;
  for (let i = 0; i < 120 && !['succeeded', 'failed', 'cancelled'].includes(job.state); i++) {
    await new Promise(resolve => setTimeout(resolve, 500));
    job = await (await fetch(`${url}/v1/jobs/${body.id}`, { headers: { 'X-API-Key': process.env.INVERSESOLVER_KEY } })).json();
  }

  console.log(`${name} ${status} ${job.state} ${shown}`);
  await page.screenshot({ path: `${folder}/swagger-${name}.png` });
  await operation.locator('.btn-clear').click();
}

// As the fields are filled.
async function execute(id) {
  const block = page.locator(`#operations-Jobs-${id}`);
  await block.locator('.opblock-summary-control').click();
  await block.locator('.try-out__btn').click();
  await block.locator('.execute').click();
  const status = block.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  return [block, (await status.innerText()).trim().split(/\s/)[0]];
}

const [shown, answered] = await execute('getJob');
const job = JSON.parse(await shown.locator('.live-responses-table .microlight, .live-responses-table pre code').first().innerText());
console.log(`getJob ${job.id} ${answered} ${job.state}`);
const [artefact, status] = await execute('getArtefact');
const picture = artefact.locator('.live-responses-table img').first();
await picture.waitFor();
console.log(
  `getArtefact ${status} picture ${await picture.evaluate(async image => (await image.decode(), `${image.naturalWidth}x${image.naturalHeight}`))}`);
await artefact.screenshot({ path: `${folder}/swagger-result.png` });

// Operations whose answer has several media types: a menu each, the default first.
const { paths } = await (await fetch(`${url}/swagger/v1/swagger.json`)).json();
for (const operation of Object.values(paths).flatMap(path => Object.values(path))) {
  if (Object.keys(operation.responses['200']?.content ?? {}).length < 2) continue;
  const block = page.locator(`[id="operations-${operation.tags[0].replaceAll(' ', '_')}-${operation.operationId}"]`);
  if (!(await block.getAttribute('class')).includes('is-open')) await block.locator('.opblock-summary-control').click();
  const menu = block.locator('.response-control-media-type--accept-controller select').first();
  console.log(`Accept of ${operation.operationId}: ${await menu.inputValue()} of ${(await menu.locator('option').allInnerTexts()).join(', ')}`);
  await block.screenshot({ path: `${folder}/swagger-${operation.operationId}.png` });
}

await browser.close();
for (const fault of faults) console.log(fault);
process.exit(faults.length > 0 ? 1 : 0);
