// swagger.mjs URL FOLDER: runs each example of a job in Swagger UI, unmodified, in Debian's Chromium; pictures of the page with its answer go to FOLDER.
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
const faults = [];
let last;
page.on('pageerror', error => faults.push(`page: ${error.message}`));
page.on('console', message => message.type() === 'error' && faults.push(`console: ${message.text()}`));
await page.goto(`${url}/swagger/index.html`);
const operation = page.locator('#operations-Jobs-submitJob');
await operation.locator('.opblock-summary-control').click();
await operation.locator('.try-out__btn').click();
const choice = operation.locator('.opblock-section-request-body .examples-select select, .opblock-section-request-body select.examples-select-element').first();
const names = await choice.locator('option').evaluateAll(options => options.map(option => option.value));
for (const name of names.filter(name => name !== '__MODIFIED__VALUE__')) {
  await choice.selectOption(name);
  await operation.locator('.execute').click();
  const status = operation.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  const body = JSON.parse(await operation.locator('.live-responses-table .microlight, .live-responses-table pre code').first().innerText());
  let job = body;
  last = body.id;
  for (let i = 0; i < 120 && !['succeeded', 'failed', 'cancelled'].includes(job.state); i++) {
    await new Promise(resolve => setTimeout(resolve, 500));
    job = await (await fetch(`${url}/v1/jobs/${body.id}`)).json();
  }

  console.log(`${name} ${(await status.innerText()).trim().split(/\s/)[0]} ${job.state}`);
  await page.screenshot({ path: `${folder}/swagger-${name}.png` });
  await operation.locator('.btn-clear').click();
}

// The last result, shown in the page.
const artefact = page.locator('#operations-Jobs-getArtefact');
await artefact.locator('.opblock-summary-control').click();
await artefact.locator('.try-out__btn').click();
await artefact.locator('tr[data-param-name="id"] input').fill(last);
await artefact.locator('tr[data-param-name="name"] input').fill('result.png');
await artefact.locator('.responses-wrapper .response-controls select, .responses-wrapper .content-type').first().selectOption('image/png');
await artefact.locator('.execute').click();
const picture = artefact.locator('.live-responses-table img').first();
await picture.waitFor();
console.log(`picture ${await picture.evaluate(async image => (await image.decode(), `${image.naturalWidth}x${image.naturalHeight}`))}`);
await artefact.screenshot({ path: `${folder}/swagger-result.png` });
await browser.close();
for (const fault of faults) console.log(fault);
process.exit(faults.length > 0 ? 1 : 0);
