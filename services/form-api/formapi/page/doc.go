// Package page makes what people see of a form: the form itself, the thank-you page, a receipt, and what went wrong.
//
// A page is one answer of the server: HTML with its style and its script inside, which the Content-Security-Policy names by
// their hashes, and nothing else is loaded but a form's captcha. It works without JavaScript: then the browser checks what
// HTML can say, posts the form, and the server answers with the next page, or with the form again, its values kept. With
// JavaScript the same checks are made in the page, in the visitor's language, and the answers are sent with an
// Idempotency-Key, again if need be, until there is an answer.
//
// Two languages meet in a page. The form's words are in the form's language, which is the document's. What the page says of
// its own is in the visitor's: [Pages.Match] chooses among the files of texts/, one for each language. Messages of fields
// are pkg/form's.
//
// Whatever comes from a definition or a visitor is escaped by html/template. A page is written whole, or not at all.
package page
