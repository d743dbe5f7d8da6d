package form

import (
	"regexp"
	"strings"
	"time"
)

// How dates and times are stored, for the schema: JSON Schema's own formats know neither local times nor times without
// seconds. The calendar is the Gregorian one, leap years included.
const (
	patternDate = `(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))` +
		`|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`
	patternClock    = `(?:[01][0-9]|2[0-3]):[0-5][0-9]`
	patternSeconds  = `:[0-5][0-9](?:\.[0-9]{1,6})?`
	patternTime     = `^` + patternClock + `(?::[0-5][0-9])?$`
	patternDateTime = `^` + patternDate + `T` + patternClock + `(?:` + patternSeconds + `Z|(?:` + patternSeconds + `)?)$`
)

const (
	layoutDate  = "2006-01-02"
	layoutTime  = "15:04:05"
	layoutLocal = "2006-01-02T15:04:05.999999"
)

// readDate takes YYYY-MM-DD, which is what a browser sends whatever it shows.
func readDate(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	if _, err := time.Parse(layoutDate, s); err != nil {
		return nil, &fault{rule: RuleType}
	}
	return s, nil
}

// readTime takes HH:MM and HH:MM:SS, and leaves seconds out that are zero.
func readTime(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	const minutes = len("15:04")
	if len(s) == minutes {
		s += ":00"
	}
	if _, err := time.Parse(layoutTime, s); err != nil || len(s) != len(layoutTime) {
		return nil, &fault{rule: RuleType}
	}
	if s[minutes:] == ":00" {
		s = s[:minutes]
	}
	return s, nil
}

// dateTimes reads times of a day: RFC 3339, and what a browser sends, which has no zone and may have no seconds.
type dateTimes struct{ written *regexp.Regexp }

func newDateTimes() dateTimes {
	return dateTimes{regexp.MustCompile(`^([0-9-]{10})[Tt ](` + patternClock + `)(?:(:[0-5][0-9])(\.[0-9]{1,6})?)?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$`)}
}

// read stores a time with a zone in UTC, and one without as it is: whose zone it is, nobody said.
func (d dateTimes) read(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	part := d.written.FindStringSubmatch(s)
	if part == nil {
		return nil, &fault{rule: RuleType}
	}
	seconds, zone := part[3], strings.ToUpper(part[5])
	if seconds == "" {
		seconds = ":00"
	}
	local := zone == ""
	if local {
		zone = "Z"
	}
	t, err := time.Parse(time.RFC3339, part[1]+"T"+part[2]+seconds+part[4]+zone)
	if t = t.UTC(); err != nil || t.Year() < 0 || t.Year() > 9999 {
		return nil, &fault{rule: RuleType}
	}
	stored := t.Format(layoutLocal)
	if !local {
		return stored + "Z", nil
	}
	if t.Second() == 0 && t.Nanosecond() == 0 {
		stored = strings.TrimSuffix(stored, ":00")
	}
	return stored, nil
}

func momentExample(typ string) string {
	switch typ {
	case typeTime:
		return "14:30"
	case typeDateTime:
		return "2026-05-31T14:30"
	}
	return "2026-05-31"
}

// moment returns the place of a stored date or time among those of its type, in microseconds: so the validator compares
// them as numbers. A time without a zone is taken for one in UTC. ok is false for what is neither date nor time.
func moment(stored string) (place int64, ok bool) {
	s := stored
	switch {
	case len(s) <= len(layoutTime):
		s = "0001-01-01T" + s
	case len(s) == len(layoutDate):
		s += "T00:00"
	}
	if len(s) == len("2006-01-02T15:04") {
		s += ":00"
	}
	t, err := time.Parse(layoutLocal, strings.TrimSuffix(s, "Z"))
	return t.UnixMicro(), err == nil
}
