package guard

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// MaxFill is how long a page may stand open before its token is stale.
	MaxFill = 24 * time.Hour

	timeLength = 8
	// macLength is half of SHA-256: 128 bits cannot be guessed.
	macLength   = sha256.Size / 2
	tokenLength = (timeLength + macLength) * 4 / 3 // in base64: 24 bytes are 32 characters
)

// Tokens makes and reads the tokens that say when a hosted page was made: the field _started. They are signed, not
// encrypted, hold the form's name only in the signature, and are safe for concurrent use.
type Tokens struct {
	keys [][]byte
	now  func() time.Time
}

// NewTokens derives its keys from these secrets: the first signs, all verify. It fails without one.
func NewTokens(secrets [][]byte, now func() time.Time) (*Tokens, error) {
	keys, err := derive(secrets, "formstream page token")
	if err != nil {
		return nil, err
	}
	return &Tokens{keys: keys, now: now}, nil
}

// Start returns the token of a page that is made now for this form: 32 URL-safe characters.
func (t *Tokens) Start(formID string) string {
	token := binary.BigEndian.AppendUint64(make([]byte, 0, timeLength+macLength), uint64(t.now().UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(token, startMAC(t.keys[0], token, formID)...))
}

// Started returns when the page was made that this token was on, in whole milliseconds, if [Tokens.Start] made it for
// this form with one of the keys.
func (t *Tokens) Started(formID, token string) (time.Time, bool) {
	// The decoder skips line breaks even when strict: such a token is not what Start made.
	if len(token) != tokenLength || strings.ContainsAny(token, "\r\n") {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return time.Time{}, false
	}
	good := false
	for _, key := range t.keys { // every key, whichever fits: the time taken tells nothing
		good = hmac.Equal(raw[timeLength:], startMAC(key, raw[:timeLength], formID)) || good
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw))), good
}

// judge returns why a page's token is suspect, or "".
func (t *Tokens) judge(formID, token string, minFill time.Duration) string {
	started, ok := t.Started(formID, token)
	age := t.now().Sub(started)
	switch {
	case !ok:
		return StartForged
	case age < minFill:
		return TooFast
	case age > MaxFill:
		return StartStale
	}
	return ""
}

func startMAC(key, issued []byte, formID string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(issued) // of fixed length, so the two parts cannot run into each other
	mac.Write([]byte(formID))
	return mac.Sum(nil)[:macLength]
}

// derive makes of each secret a key for one purpose, so that what is signed for one can never pass for another.
func derive(secrets [][]byte, purpose string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, errors.New("at least one secret key is needed")
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key for the %s: %w", purpose, err)
		}
		keys[i] = key
	}
	return keys, nil
}
