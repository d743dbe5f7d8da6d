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
//	fields:                        # 1 to 200, in the order of the columns
//	  - name: first-name           # required; [A-Za-z][A-Za-z0-9_-]{0,62}: the name attribute of the HTML input
//	    label: First name          # the column's header and the name in messages; the name when missing
//	    type: text                 # required; see below
//	    required: true             # a missing, null or blank answer is refused
//	    rules: min=2,max=80        # tags of validator/v10
//	    help: As in your passport.
//	  - name: topic
//	    type: choice
//	    options: [Sales, {value: it, label: Support}]
//	    default: Sales             # stored when there is no answer; not together with required
//	  - name: phone
//	    type: phone
//	    region: IN                 # the country of numbers without + and country code; when missing, + is needed
//	    rules: required_if=topic it
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
//	email      an address; its domain is stored in lower case, what stands before the @ as it was written
//	phone      a number that exists, stored in E.164 (+919876543210); without letters or an extension
//	choice     one of options
//	integer    a whole number that an int64 holds, as a JSON number or as text (21, "21", 21.0); kept exactly
//	number     a number whose digits a float64 gives back, likewise; one that would be rounded is refused
//	boolean    true or false, "true" or "false", or "on", which a ticked checkbox sends
//
// Text is wanted as a JSON string. A value of another JSON type is an error of its field.
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
//  6. Email and phone take their normal forms.
//
// Empty text is no answer. A field without an answer takes its default; without one it is absent from the values and
// from the event, and its cell is "". An answer of more than 50,000 UTF-16 units is refused: it would not fit a cell.
//
// # What it does not do
//
// It reads no bodies (Check takes decoded JSON) and no environment (a lookup function gives the values), keeps no
// state, starts no goroutine, and knows neither Kafka nor Redis nor Sheets. Nothing that was submitted is in any error.
package form
