// Package form holds form definitions: it loads and compiles them, sanitises and validates what is submitted, and turns
// the values into the event's JSON and into the cells of a spreadsheet's row.
//
// # A definition
//
// One YAML file holds one form. Every key is known: another one is an error that names the nearest.
//
//	id: contact-us                 # required; [a-z0-9][a-z0-9-]{0,62}: its URL is /forms/contact-us, its topic forms.contact-us
//	title: Contact us              # the id when missing
//	description: We answer within a day.
//	language: en                   # of title, labels and helps, a BCP 47 tag; en when missing
//	region: IN                     # of phone fields without one of their own
//	redirect: https://example.org/thanks   # where browsers go after a post; when missing, to the thank-you page
//	unknown: reject                # members that are no fields: reject (when missing), drop or keep
//	fields:                        # 1 to 200, in the order of the columns; or the word any, see below
//	  - name: first-name           # required; [A-Za-z][A-Za-z0-9_-]{0,62}: the name attribute of the HTML input
//	    label: First name          # the column's header and the name in messages; the name when missing
//	    type: text                 # required; see below
//	    required: true             # a missing, null or blank answer is refused
//	    rules: min=2,max=80        # tags of validator/v10
//	    messages: {required: "What is your name?"}   # by rule, in place of ours; type is for every rule of the type itself
//	    help: As in your passport.
//	    placeholder: Asha
//	    autocomplete: given-name   # a token of HTML's autocomplete
//	  - name: topic
//	    type: choice
//	    options: [Sales, {value: it, label: Support}]
//	    default: Sales             # stored when there is no answer; not together with required
//	  - name: phone
//	    type: phone
//	    region: IN                 # the country of numbers without + and country code; when missing, + is needed
//	    rules: required_if=topic it
//	spam:
//	  honeypot: website            # a field that people do not see and leave empty; _website when missing; off: none
//	  min-fill: 2s                 # what is filled in faster on the hosted page is suspect; 2s when missing, 0s to 1h
//	  captcha:
//	    provider: turnstile        # or hcaptcha, recaptcha
//	    site-key: 0x4AAA
//	    secret: ${TURNSTILE_SECRET}
//	    on-error: accept           # when the provider does not answer: accept (when missing) or refuse
//	    min-score: 0.5             # 0 to 1, where the provider gives a score
//	limits: {client: 30/1m, form: 600/1m}   # or off; when missing, client is 60/1m and form is off
//	origins: [https://example.org, "https://*.example.org"]   # whose pages may post from a script; "*": all; none: only ours
//	api-keys: ["sha256:…"]         # of the keys of which a JSON post must have one; none: it needs no key
//	sinks:
//	  sheets:
//	    spreadsheet: ${CONTACT_SHEET}   # the id in its address, between /d/ and /edit
//	    tab: Contact                    # no two forms share one
//
// In any value ${NAME} stands for an environment variable; a missing one is an error, and $${ stands for ${ itself.
// Between [ ] and { } YAML needs quotes around it. Anchors, aliases and tags of YAML are refused.
//
// A field's name takes what HTML authors write: firstName, first-name and first_name. It does not take a leading
// underscore, which is kept for fields that steer the submission, nor dots and brackets, which other servers read as
// paths; and two names may not differ in capitals alone.
//
// Rules are those of validator/v10, in its own words, for one field or across fields (required_if, eqfield, gtefield and
// so on; other fields are named as in the file). Rules that read this machine's files or walk into structures are
// refused. A rule holds for an answer: an optional field that is left empty keeps every rule but required_… and
// excluded_…. Everything wrong in all files of a folder is reported at once, as file:line:column: key: what and remedy.
//
// # Types
//
//	text       one line of text
//	multiline  text that keeps its line breaks and tabs
//	hidden     one line of text that the page does not show
//	email      an address; its domain is stored in lower case, what stands before the @ as it was written
//	phone      a number that exists, stored in E.164 (+919876543210); without letters or an extension
//	url        an http or https address of at most 2,048 characters, without a user; scheme and host in lower case
//	choice     one of options
//	choices    some of options: a list, or one of them alone; stored once each, in the order of the options
//	integer    a whole number that an int64 holds, as a JSON number or as text (21, "21", 21.0); kept exactly
//	number     a number whose digits a float64 gives back, likewise; one that would be rounded is refused
//	boolean    true or false, "true" or "false", or "on", which a ticked checkbox sends
//	consent    likewise; when required it must be true, and to rules about presence false is no answer
//	date       YYYY-MM-DD
//	time       HH:MM or HH:MM:SS; seconds of zero are left out
//	datetime   RFC 3339, or without a zone as a browser sends it (2026-11-21T14:30), to the microsecond
//
// Text is wanted as a JSON string. A value of another JSON type is an error of its field. A list of choices is an array in
// the event, and in its cell the options joined by ", ".
//
// A datetime with a zone is stored in UTC (2026-11-21T09:00:00Z). One without is stored without: whose zone it is, nobody
// said. Compared, it counts as UTC. Rules name dates and times as they are stored (min=2026-01-01, required_if=day
// 2026-11-21), and compare them with fields of the same type only. A rule such as gtefield refuses an answer while the
// other field is empty.
//
// # Unknown fields
//
// Members with a leading underscore, the honeypot's and those of captcha widgets steer a submission: they are never stored
// and never unknown. Other members that are no fields are refused, dropped or kept, as unknown says. With fields: any
// there are no fields, and all are kept. What is kept is text (as multiline), a number, a boolean or a list of texts; a name
// has at most 64 visible characters; a submission has at most 200 fields; and all that is kept together has, as JSON, at
// most 50,000 UTF-16 units, since it stands in one column, Data. In the event it follows the fields, sorted by name.
//
// # Messages
//
// What a wrong answer is told is in messages/, a file a language, and each has all keys of en.yaml; a new language is a
// new file. A field's own messages come first, in whatever language the form's owner wrote them. [Form.Message] says an
// error in another language; the Message of a [FieldError] is English.
//
// # JSON Schema
//
// [Form.Schema] describes the values that are stored, so also the event's data. What it says and what [Form.Check] says
// is the same, which pkgtest/schematest tries against ajv. It cannot say the following, which it therefore lists, with
// their fields, under x-formstream-rules:
//
//	email            its pattern is necessary, not sufficient
//	phone            whether the number can exist
//	range            numbers that an int64 or a float64 does not keep; most validators round them before they look
//	max_length       50,000 UTF-16 units; the schema counts characters, which is the same up to 25,000
//	name             of unknown fields that are kept: visible characters alone
//	min, max, gt, …  of dates and times; equality it can say
//	eqfield, …       every rule that compares two fields; those about presence it can say
//	others           tags of validator/v10 that are not about sizes, amounts, presence, equality, or a plain pattern
//
// # Sanitising
//
// Every text goes through these steps, in this order, again and again until none of them changes anything; so what is
// stored would be stored unchanged if it were submitted again, and what is stored is what was validated.
//
//  1. Valid UTF-8: each run of broken bytes becomes U+FFFD.
//  2. Control, zero-width, bidi-override and other invisible characters go out, joiners included. CR LF, CR and Unicode's
//     line separators become line breaks. In multiline, line breaks and tabs stay; elsewhere they become spaces, as do all
//     other kinds of space everywhere.
//  3. HTML elements and comments go out, with the content of script and style; other content stays. What is left is text,
//     not HTML: AT&T, a < b and O'Brien stay as they are, and so does &lt;b&gt;. A < directly before a letter begins an
//     element, as in a browser. Text that still holds elements after three rounds loses every <.
//  4. Unicode normal form C, after the removals, since they bring letters and accents together.
//  5. Runs of spaces become one, both ends are trimmed, and text in which nothing is visible becomes empty.
//  6. The types take their normal forms: email, phone, url, time and datetime, choices, numbers and booleans.
//
// Only then are the types' own rules and the definition's held against the values; all together, since some look at other
// fields; and then the unknown members are refused, dropped, or take the same steps.
//
// Empty text is no answer. A field without an answer takes its default; without one it is absent from the values and
// from the event, and its cell is "". An answer of more than 50,000 UTF-16 units is refused: it would not fit a cell.
//
// # What it does not do
//
// It reads no bodies (Check takes decoded JSON) and no environment (a lookup function gives the values), keeps no
// state, starts no goroutine, and knows neither Kafka nor Redis nor Sheets. Nothing that was submitted is in any error.
package form
