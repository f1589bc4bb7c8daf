// A reporter for Vitest: writes how long each test took, and the hooks of each file, as JSON into the file that WID_STUDIO_TIMES names.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './setup.mjs';

/** Rows of `{ name, ms }`, in milliseconds on the clock. */
export default class Times {
  onTestRunEnd(modules) {
    const rows = [];
    for (const module of modules) {
      const file = relative(ROOT, module.moduleId);
      let inTests = 0;
      for (const test of module.children.allTests()) {
        const ms = test.diagnostic()?.duration ?? 0;
        inTests += ms;
        rows.push({ name: `${file} > ${test.fullName}`, ms });
      }
      rows.push({ name: `${file}: its hooks`, ms: module.diagnostic().duration - inTests });
    }
    writeFileSync(process.env.WID_STUDIO_TIMES, JSON.stringify(rows));
  }
}
