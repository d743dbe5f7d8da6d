package chassis

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a secret prints as, everywhere.
const redacted = "[REDACTED]"

// Secret is text that must not be shown. It prints as [REDACTED] under every fmt
// verb, in JSON, YAML and XML, and in slog; Reveal gives the text itself.
//
// Keep a Secret in an exported field: fmt reads unexported ones by reflection,
// past every method, and would print the text.
type Secret string

// Reveal returns the secret text, to be handed to the library that needs it.
func (s Secret) Reveal() string { return string(s) }

// String returns [REDACTED].
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter, which comes before every verb: without it %x
// and %d would print the bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText redacts the secret in JSON, YAML and XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue redacts the secret in slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Set makes *Secret a flag.Value.
func (s *Secret) Set(text string) error {
	*s = Secret(text)
	return nil
}
