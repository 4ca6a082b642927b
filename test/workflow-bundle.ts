import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { buildOnce } from '../stack/build-once.ts';

/** Names the folder that the files of one test run share; it is gone when the run has ended. */
const SHARED = 'DESKFERRY_TEST_FOLDER';

/** Makes the folder that the files of this test run share. @returns its path */
export async function makeSharedFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'deskferry-tests-'));
  process.env[SHARED] = folder;
  return folder;
}

/** Bundles the workflows as a worker does. @param traced as it does where traces are asked for */
export function bundleWorkflows(traced = false): Promise<WorkflowBundleWithSourceMap> {
  const fileOf = (name: string): string => new URL(`../workflows/${name}.ts`, import.meta.url).pathname;
  return bundleWorkflowCode({
    workflowsPath: fileOf('index'),
    workflowInterceptorModules: [...(traced ? [fileOf('trace-commands')] : []), fileOf('follow-calls')],
    logger: new DefaultLogger('ERROR'),
  });
}

/** The workflows, bundled by the first file of a test run that asks for them. */
export async function bundledWorkflows(): Promise<{ codePath: string } | { code: string }> {
  const folder = process.env[SHARED];
  if (folder === undefined) return bundleWorkflows();
  const target = join(folder, 'workflows');
  try {
    await buildOnce(target, async (temporary) => {
      const { code } = await bundleWorkflows();
      await writeFile(join(temporary, 'workflows.js'), code);
    });
  } catch {
    // on a machine so busy that another file took this one for dead
    return bundleWorkflows();
  }
  return { codePath: join(target, 'workflows.js') };
}
