import { afterAll, beforeAll, expect, it } from 'vitest';
import { eraseWorkflowId, undoWorkflowId } from '../../workflows/messages.ts';
import { ApiUnderTest, type Caller, STEPS_BODY, until } from './environment.ts';

let api: ApiUnderTest;
let hana: Caller;
let operator: Caller;
let tenant: string;

beforeAll(async () => {
  api = await ApiUnderTest.start();
  tenant = await api.tenant('taken', 'free');
  hana = await api.caller('requester', tenant);
  operator = await api.caller('operator', null);
});
afterAll(() => api.stop());

async function stopped(portal: string): Promise<string> {
  const path = await hana.file({ ...STEPS_BODY, desk: { kind: 'embedded', portal } });
  await hana.upload(`${path}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
  await hana.post(`${path}/submit`);
  await operator.post(`${path}/verification`);
  await until('it is approved', async () => (await operator.post(`${path}/approve`)).status === 202);
  expect((await operator.post(`${path}/stop`, { reason: 'enough' })).status).toBe(202);
  await until('it is stopped', async () => (await operator.get(path)).body.closedAt !== null);
  return path;
}

const startedOnce = async (workflowId: string): Promise<number> => {
  let runs = 0;
  const query = `WorkflowId = '${workflowId}'`;
  for await (const _ of api.dependencies.temporal.workflow.list({ query })) runs++;
  return runs;
};

it('F1, F5: refused while the request is open, naming the state; a reason is needed; only operators may', async () => {
  const path = await hana.file();
  for (const name of ['undo', 'erase']) {
    const refused = await operator.post(`${path}/${name}`, { reason: 'r' });
    expect(refused).toMatchObject({
      status: 409,
      body: { type: 'urn:deskferry:problem:wrong-state', state: 'PENDING' },
    });
    expect((await operator.post(`${path}/${name}`, {})).status).toBe(422);
    expect((await hana.post(`${path}/${name}`, { reason: 'r' })).status).toBe(403);
  }
  expect((await hana.get(`${path}/reports/undo.zip`)).status).toBe(404);
  await hana.post(`${path}/cancel`);
  // what was never migrated cannot be undone, but erased
  expect((await operator.post(`${path}/undo`, { reason: 'r' })).body.state).toBe('CANCELLED');
  expect((await operator.post(`${path}/erase`, { reason: 'r' })).status).toBe(202);
});

it('F1: a stopped request is undone, once however often it is asked; its report is listed and downloaded', async () => {
  const path = await stopped('free');
  const id = path.split('/').at(-1) ?? '';
  for (const _ of [1, 2]) {
    const answer = await operator.post(`${path}/undo`, { reason: 'the wrong export' });
    expect(answer).toMatchObject({ status: 202, body: { id, state: 'STOPPED' } });
  }
  await until('its workflow is seen', async () => (await startedOnce(undoWorkflowId(id))) > 0);
  expect(await startedOnce(undoWorkflowId(id))).toBe(1);

  await until('it is reported', async () => (await hana.get(`${path}/reports/undo.zip`)).status === 200);
  expect((await hana.get(path)).body.reports.at(-1)).toMatchObject({
    name: 'undo',
    version: 1,
    url: `${path}/reports/undo.zip`,
  });
  expect((await hana.get(`${path}/reports/undo.zip`)).body).toBe('what was undone');
});

it('A8: no undo while another request has the portal', async () => {
  const path = await stopped('taken');
  await hana.file({ ...STEPS_BODY, desk: { kind: 'embedded', portal: 'taken' } });
  await until('it is claimed', async () => (await api.stores.portalClaims.holder('taken')) !== null);
  const refused = await operator.post(`${path}/undo`, { reason: 'r' });
  expect(refused).toMatchObject({ status: 409, body: { type: 'urn:deskferry:problem:portal-taken' } });
});

it('F5: an erasure is ordered once; what was erased is on the request', async () => {
  const path = await hana.file();
  await hana.post(`${path}/cancel`);
  const id = path.split('/').at(-1) ?? '';
  for (const _ of [1, 2]) {
    const answer = await operator.post(`${path}/erase`, { reason: 'asked for' });
    expect(answer).toMatchObject({ status: 202, body: { id } });
  }
  await until('its workflow is seen', async () => (await startedOnce(eraseWorkflowId(id))) > 0);
  expect(await startedOnce(eraseWorkflowId(id))).toBe(1);
  await until('it is erased', async () => (await hana.get(path)).body.erased?.complete === true);
  expect((await hana.get(path)).body.erased).toMatchObject({
    by: `operator:${operator.name}`,
    reason: 'asked for',
    files: 0,
    records: 0,
  });
});

it('B6: a sample can be run before phase 1, once all steps are done, and one at a time', async () => {
  const path = await hana.file();
  const id = path.split('/').at(-1) ?? '';
  expect(await hana.post(`${path}/sample`)).toMatchObject({
    status: 422,
    body: { type: 'urn:deskferry:problem:step-missing' },
  });
  await api.portal(`sample-${id}`, tenant);
  await hana.put(`${path}/desk`, { kind: 'embedded', portal: `sample-${id}` });
  await hana.upload(`${path}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
  for (const records of [0, 101, 1.5, 'ten']) {
    expect((await hana.post(`${path}/sample`, { records })).status).toBe(422);
  }
  const gate = api.world.hold('planPhase');
  expect(await hana.post(`${path}/sample`)).toMatchObject({ status: 202, body: { id, state: 'PENDING' } });
  expect(await hana.post(`${path}/sample`, { records: 5 })).toMatchObject({
    status: 409,
    body: { type: 'urn:deskferry:problem:not-possible' },
  });
  gate.open();
  await until('it is done', async () =>
    (await api.stores.audit.list(id)).some(({ action }) => action === 'sampled'),
  );
  const entries = (await api.stores.audit.list(id)).filter(({ action }) => action === 'sampleOrdered');
  expect(entries.map(({ by, reason }) => [by, reason])).toEqual([
    [`requester:${hana.name}`, 'the first 10 records of each tab'],
  ]);
  await until(
    'another one may be run',
    async () => (await hana.post(`${path}/sample`, { records: 100 })).status === 202,
  );
  await hana.post(`${path}/cancel`);
  expect(await hana.post(`${path}/sample`)).toMatchObject({ status: 409, body: { state: 'CANCELLED' } });
});
