// Package decode reads what an HTML form sends: application/x-www-form-urlencoded and multipart/form-data, text only.
//
// Both give the same: the answers as [form.Form.Check] takes them, and beside them the fields that steer the submission.
//
//   - An answer is a string. A field of type choices is a list of strings ([]any), also with one of them ticked. So is a
//     field that the form does not declare and that comes more than once: what becomes of those is the form's to say. Any
//     other field that comes twice is an error, since nobody could say which one was meant.
//   - What a browser does not send, a checkbox that is not ticked, is no answer. Nor is a file input without a file.
//   - What steers the submission ([form.Form.Steers]) is never an answer. Of several with one name the first that is not
//     empty counts.
//   - Text is UTF-8, or it is refused: see [SyntaxError].
//
// Everything has a bound: [MaxBody], [MaxPairs], [MaxName]. The error for what is over one is [ErrTooLarge] or a
// [SyntaxError]; a file is a [FilePartError]. No error holds a value that was submitted.
package decode
