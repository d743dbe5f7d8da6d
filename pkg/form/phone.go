package form

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// readPhone makes E.164 of what a person writes. That form has no room for an extension, so one is refused, not lost;
// letters too, which the library would skip or translate.
func readPhone(a *answerer, raw any) (any, *fault) {
	s, bad := a.text(raw)
	if bad != nil || s == "" {
		return nil, bad
	}
	if number, ok := plainPhone(s, a.region); ok {
		return number, nil
	}
	if strings.ContainsFunc(s, unicode.IsLetter) {
		return nil, &fault{rule: RulePhone}
	}
	number, err := phonenumbers.Parse(s, a.region)
	if err != nil || number.GetExtension() != "" || !phonenumbers.IsValidNumber(number) {
		return nil, &fault{rule: RulePhone}
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// plainPhone recognises a number that is valid just as its digits stand, after + and the country code or, in the region,
// without them. Most are, and the library's parser, which looks for prefixes, carriers and extensions in any writing,
// takes twice as long as all else that is done to a submission. What this does not recognise, the parser reads.
func plainPhone(s, region string) (string, bool) {
	const shortest, longest = 4, 15 // digits; E.164 allows no more
	var buf [longest]byte
	digits := buf[:0]
	international := s[0] == '+'
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9' && len(digits) < longest:
			digits = append(digits, c)
		case c == ' ' || c == '-' || c == '(' || c == ')' || c == '.' || c == '+' && i == 0:
		default:
			return "", false
		}
	}
	if len(digits) < shortest {
		return "", false
	}
	country, national := phonenumbers.GetCountryCodeForRegion(region), digits
	switch {
	case international:
		country, national = splitCountry(digits)
	case phonenumbers.GetRegionCodeForCountryCode(country) != region: // islands that share a code prefix their own area
		return "", false
	}
	if country == 0 || len(national) == 0 || national[0] == '0' { // a leading zero is a prefix, or Italian
		return "", false
	}
	value, err := strconv.ParseUint(string(national), 10, 64)
	if err != nil {
		return "", false
	}
	code := int32(country) // three digits at most
	if !phonenumbers.IsValidNumber(&phonenumbers.PhoneNumber{CountryCode: &code, NationalNumber: &value}) {
		return "", false
	}
	return "+" + strconv.Itoa(country) + string(national), true
}

// splitCountry finds the country code, of which none begins another.
func splitCountry(digits []byte) (country int, national []byte) {
	codes := phonenumbers.GetSupportedCallingCodes()
	for i := 0; i < 3 && i < len(digits) && digits[0] != '0'; i++ {
		country = 10*country + int(digits[i]-'0')
		if codes[country] {
			return country, digits[i+1:]
		}
	}
	return 0, nil
}

// phoneExample returns a number of the region, or "" where there is none.
func phoneExample(region string) string {
	example := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE)
	if example == nil {
		return ""
	}
	return phonenumbers.Format(example, phonenumbers.INTERNATIONAL)
}
