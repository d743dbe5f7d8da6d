package guard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	passAge   = 10 * time.Minute // longer than any token lives, so a repeat within that time is all there can be
	maxPasses = 16_384
)

// passes remember which keyed submissions have passed their captcha, so that the same one sent again passes too: its token
// is spent. The submission's id is part of what is remembered, so one puzzle does not pass for two submissions.
type passes struct {
	shared *shared // nil: no Redis
	secret []byte

	mu    sync.Mutex
	until map[counterKey]time.Time
	order []counterKey // oldest first
}

func newPasses(s *shared, secret []byte) *passes {
	return &passes{shared: s, secret: secret, until: make(map[counterKey]time.Time)}
}

func (p *passes) hash(formID, token, id string) counterKey {
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte("captcha\n" + formID + "\n" + id + "\n" + token)) // neither a form's nor our own id has a line break
	var key counterKey
	copy(key[:], mac.Sum(nil))
	return key
}

// uuid names one verification, the same each time; "" for a submission without a key.
func (p *passes) uuid(formID, token, id string) string {
	if id == "" {
		return ""
	}
	return uuidOf(p.hash(formID, token, id))
}

func (p *passes) redisKey(formID string, key counterKey) string {
	return p.shared.key(formID, "captcha:"+base64.RawURLEncoding.EncodeToString(key[:]))
}

// has reports whether this submission has passed with this token.
func (p *passes) has(ctx context.Context, formID, token, id string) bool {
	if id == "" {
		return false
	}
	key := p.hash(formID, token, id)
	p.mu.Lock()
	known := time.Now().Before(p.until[key])
	p.mu.Unlock()
	if known || p.shared == nil {
		return known
	}
	p.shared.try(ctx, func(ctx context.Context) error {
		n, err := p.shared.rdb.Exists(ctx, p.redisKey(formID, key)).Result()
		known = n == 1
		return err
	})
	return known
}

// add remembers that it has passed.
func (p *passes) add(ctx context.Context, formID, token, id string) {
	if id == "" {
		return
	}
	key := p.hash(formID, token, id)
	p.remember(key, time.Now().Add(passAge))
	if p.shared != nil {
		p.shared.try(ctx, func(ctx context.Context) error {
			return p.shared.rdb.Set(ctx, p.redisKey(formID, key), 1, passAge).Err()
		})
	}
}

func (p *passes) remember(key counterKey, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.until[key]; !known {
		if len(p.order) >= maxPasses {
			delete(p.until, p.order[0])
			p.order = p.order[1:]
		}
		p.order = append(p.order, key)
	}
	p.until[key] = until
}
