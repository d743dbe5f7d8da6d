package form

// Form is one compiled definition. It is immutable and safe for concurrent use; get one from [LoadDir] or [Parse].
type Form struct {
	ID          string // [a-z0-9][a-z0-9-]{0,62}; also the last part of its URL and of its topic
	Title       string // the id when the file has none
	Description string
	Fields      []Field // in the order of the file: the order of errors, of the event's members and of the columns
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
	Region   string // of a phone number written without a country code: two capital letters; "": only +… is accepted
}

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
	RuleRange      = "range"      // a number that cannot be kept exactly
	RuleMaxLength  = "max_length" // over MaxLength
	RuleUndeclared = "undeclared" // the form has no such field
	RuleUnusable   = "unusable"   // a rule of the form broke on this answer: the definition is at fault
)

// FieldError says what is wrong with one answer, and what would be right.
type FieldError struct {
	Field   string `json:"field"`   // "" for what concerns no single field
	Rule    string `json:"rule"`    // a code: one of ours, or the validator tag that failed
	Message string `json:"message"` // plain English; holds nothing that was submitted
}
