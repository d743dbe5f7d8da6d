package form

// Form is one compiled definition. It is immutable and safe for concurrent use; get one from [LoadDir] or [Parse].
type Form struct {
	ID          string // [a-z0-9][a-z0-9-]{0,62}; also the last part of its URL and of its topic
	Title       string // the id when the file has none
	Description string
	Language    string  // of the title, the labels and the helps, a BCP 47 tag; "en" when the file has none
	Region      string  // of phone fields without one of their own; "": none
	Redirect    string  // where browsers go after a post; "": to the thank-you page
	Unknown     Unknown // what becomes of members that are no fields; of an open form they are kept
	Open        bool    // any fields are taken, within bounds: there are no Fields
	Fields      []Field // in the order of the file: the order of errors, of the event's members and of the columns
	Spam        Spam
	Limits      Limits
	Origins     []string   // of other sites' pages that may post: https://example.org, https://*.example.org or "*"; none: only our own
	APIKeys     [][32]byte // SHA-256 of the keys of which a JSON post must have one; none: it needs no key
	Sinks       Sinks
	File        string // where the definition stands, for messages

	compiled *compiled
}

// Field is one question.
type Field struct {
	Name     string   // the member's name in a submission: [A-Za-z][A-Za-z0-9_-]{0,62}
	Label    string   // what people read, and the column's header; the name when the file has none
	Type     string   // one of [Types]
	Required bool     // a missing, null or blank answer is an error
	Rules    string   // validator/v10 tags, separated by commas; other fields are named as in the file
	Options  []Option // what a choice may be
	Default  *string  // the answer that a missing one takes; nil: none
	Help     string
	Region   string // of a phone number written without a country code: two capital letters; the form's when the file has none; "": only +… is accepted

	Messages     map[string]string // what a wrong answer is told, by rule; "type" is for every rule of the type itself
	Placeholder  string            // an example inside the empty input
	Autocomplete string            // what a browser may fill in: an autocomplete token of HTML, such as email
}

// Unknown says what becomes of what is submitted under names that the form does not have.
type Unknown string

// Reject refuses the submission, Drop leaves the unknown members out, Keep stores them.
const (
	Reject Unknown = "reject"
	Drop   Unknown = "drop"
	Keep   Unknown = "keep"
)

// Option is one possible answer to a choice.
type Option struct {
	Value string // what is submitted and stored
	Label string // what people read; the value when the file has none
}

// Sinks says where a form's submissions go.
type Sinks struct {
	Sheets *SheetsSink // nil: not into a spreadsheet
}

// SheetsSink is one tab of one spreadsheet. No two forms share one.
type SheetsSink struct {
	Spreadsheet string // the id in the spreadsheet's address
	Tab         string // at most 100 characters
}

// Topic returns the Kafka topic of f's submissions.
func (f *Form) Topic() string { return "forms." + f.ID }

// Values are sanitised, validated answers by field name: string, int64 (integer), float64 (number), bool or []string.
// A field without an answer is absent.
type Values map[string]any

// Rules that are ours; every other code in a [FieldError] is the validator tag that failed.
const (
	RuleRequired   = "required"   // no answer where one is needed
	RuleType       = "type"       // not what the field's type holds
	RuleChoice     = "choice"     // not one of the options
	RulePhone      = "phone"      // not a phone number that exists
	RuleURL        = "url"        // not an http or https address
	RuleRange      = "range"      // a number that cannot be kept exactly
	RuleMaxLength  = "max_length" // over MaxLength
	RuleUndeclared = "undeclared" // the form has no such field
	RuleName       = "name"       // of a form that takes any field: not a name that can be stored
	RuleCount      = "count"      // more fields than a submission may have
	RuleUnusable   = "unusable"   // a rule of the form broke on this answer: the definition is at fault
)

// FieldError says what is wrong with one answer, and what would be right.
type FieldError struct {
	Field   string `json:"field"`   // "" for what concerns no single field
	Rule    string `json:"rule"`    // a code: one of ours, or the validator tag that failed
	Message string `json:"message"` // the field's own message, or else plain English; holds nothing that was submitted

	// Param is the rule's parameter, as the definition has it: 5 of min=5. [Form.Message] needs it.
	Param string `json:"param,omitempty"`
}
