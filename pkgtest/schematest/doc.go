// Package schematest holds pkg/form's own verdict against that of ajv, the JSON Schema validator of JavaScript: for every
// example form, over many generated submissions, [form.Form.Check] and ajv on [form.Form.Schema] must agree on what
// [form.Form.Sanitize] makes of each. Only a submission that breaks a rule which the schema lists under
// x-formstream-rules, since JSON Schema cannot say it, is left out of the comparison; those are counted.
//
// ajv and ajv-formats come from the npm registry, once, into the user's cache; node runs them.
package schematest
