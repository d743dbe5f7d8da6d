package simulation

import "slices"

// Rule is one rule of the protocol that can be switched off.
type Rule string

// The rules, and how each is switched off.
const (
	Nonce       Rule = "nonce"                      // a fence of our number is taken for ours
	Merge       Rule = "merge"                      // scores without the running maximum; see Covered
	Padding     Rule = "padding"                    // members without leading zeros; see Covered
	Together    Rule = "offset moved with the data" // next is moved first, then the data stored
	Gap         Rule = "GAP"                        // a stored next below the expected one is not noticed
	Books       Rule = "books"                      // neither counts nor order of entries are checked
	AfterSheet  Rule = "delivered after the sheet"  // released before the flush is sent
	Poll        Rule = "poll"                       // no call without records
	KeysFrom    Rule = "rewind to keys-from"        // a rebuild begins at delivered
	TopicID     Rule = "topic id"                   // all topics of a name look the same
	PeekNext    Rule = "peek by next"               // peek goes by entries only
	FenceID     Rule = "fence"                      // Sheets does not refuse an id in use
	FencesKept  Rule = "fences kept"                // all fences but the newest are deleted at once
	Conditional Rule = "conditional update"         // vectors are updated by id only
	PlanAge     Rule = "plan age"                   // a plan is sent however old it is
)

// Kind of world.
type Kind int

// The worlds.
const (
	Ordinary      Kind = iota // Sheets refuses an update that matches nothing
	Lenient                   // Sheets answers it 200
	Frozen                    // refuses; flushers freeze at the wire for longer than fences last
	FrozenLenient             // answers 200; flushers freeze before they send
	kinds
)

func (k Kind) String() string {
	return [...]string{"ordinary", "lenient", "frozen", "frozen, lenient"}[k]
}

// Case names the world in which a switched-off rule must be caught.
type Case struct {
	Rule Rule
	Kind Kind
}

// Covered reports whether a rule is switched off together with the check that a plan's entries follow each other. That check is
// part of the books; alone, it heals what these rules prevent.
func Covered(r Rule) bool { return r == Merge || r == Padding }

// Known reports whether there is such a rule.
func Known(r Rule) bool {
	return slices.ContainsFunc(Cases(), func(c Case) bool { return c.Rule == r })
}

// Cases are protocol.md §7's.
func Cases() []Case {
	return []Case{
		{Nonce, Ordinary}, {Merge, Ordinary}, {Padding, Ordinary}, {Together, Ordinary}, {Gap, Ordinary}, {Books, Ordinary},
		{AfterSheet, Ordinary}, {Poll, Ordinary}, {KeysFrom, Ordinary}, {TopicID, Ordinary}, {PeekNext, Ordinary},
		{FenceID, Lenient}, {FencesKept, Lenient},
		{Conditional, Frozen}, {PlanAge, FrozenLenient},
	}
}
