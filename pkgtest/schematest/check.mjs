// Reads a JSON Schema and then JSON values from standard input, one a line, and prints a line for each value: "valid", or
// the first errors. The argument is the folder that ajv is installed in.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(process.argv[2] + '/');
const Ajv = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
addFormats(ajv);
ajv.addKeyword('x-formstream-rules');

let validate;
const out = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const value = JSON.parse(line);
  if (!validate) {
    validate = ajv.compile(value);
    continue;
  }
  out.push(validate(value) ? 'valid' : validate.errors.slice(0, 3).map((e) => `${e.instancePath} ${e.schemaPath}`).join('; '));
}
process.stdout.write(out.join('\n') + '\n');
