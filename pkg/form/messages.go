package form

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/go-playground/validator/v10"
)

// ruleKey finds the message of a rule that failed: a member and a rule as the validator got it.
func ruleKey(member, rule string) string {
	rule = strings.ReplaceAll(strings.ReplaceAll(rule, "0x2C", ","), "0x7C", "|") // as the validator reads them
	return member + " " + rule
}

// fault returns what a failed rule tells the submitter.
func (c *compiled) fault(failed validator.FieldError) fault {
	rule := failed.Tag()
	if param := failed.Param(); param != "" && !strings.Contains(rule, "|") { // of several with |, Tag holds it all
		rule += "=" + param
	}
	if bad, ok := c.faults[ruleKey(failed.StructField(), rule)]; ok {
		return bad
	}
	return fault{failed.ActualTag(), "must keep the rule " + failed.ActualTag()}
}

// ruleFault says in plain English what a field must be to keep a rule.
func (f *Form) ruleFault(field *Field, r rule, words *regexp.Regexp) fault {
	names, texts := make([]string, len(r.tags)), make([]string, len(r.tags))
	for i, t := range r.tags {
		names[i], texts[i] = t.name, f.tagMessage(field, t, words)
	}
	return fault{strings.Join(names, "|"), strings.Join(texts, ", or ")}
}

func (f *Form) tagMessage(field *Field, t tag, words *regexp.Regexp) string {
	if how := references()[t.name]; how != 0 {
		return f.referenceMessage(t, how, words)
	}
	if text := sizeMessage(field, t); text != "" {
		return text
	}
	text, ok := ruleTexts()[t.name]
	switch {
	case !ok || text == "":
		return "must keep the rule " + t.String()
	case strings.Contains(text, "%s"):
		param := strings.ReplaceAll(strings.ReplaceAll(t.param, "0x2C", ","), "0x7C", "|")
		if strings.HasPrefix(t.name, "oneof") || strings.HasPrefix(t.name, "noneof") {
			param = strings.Join(trimQuotes(words.FindAllString(param, -1)), ", ")
		}
		return fmt.Sprintf(text, param)
	}
	return text
}

// Message returns what e says in a language, a BCP 47 tag; in English when there is no catalogue of it.
func (f *Form) Message(_ string, e FieldError) string { return e.Message }

func trimQuotes(words []string) []string {
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	return words
}

// sizeMessage is for the rules that count characters of text and compare numbers.
func sizeMessage(field *Field, t tag) string {
	lengths := map[string]string{
		"min": "must be at least %s long", "gte": "must be at least %s long", "gt": "must be longer than %s",
		"max": "must be at most %s long", "lte": "must be at most %s long", "lt": "must be shorter than %s", "len": "must be exactly %s long",
	}
	amounts := map[string]string{
		"min": "must be at least %s", "gte": "must be at least %s", "gt": "must be more than %s",
		"max": "must be at most %s", "lte": "must be at most %s", "lt": "must be less than %s", "len": "must be %s",
	}
	if field.Type == typeInteger || field.Type == typeNumber {
		if text, ok := amounts[t.name]; ok {
			return fmt.Sprintf(text, t.param)
		}
		return ""
	}
	text, ok := lengths[t.name]
	if !ok {
		return ""
	}
	unit := " characters"
	if t.param == "1" {
		unit = " character"
	}
	return fmt.Sprintf(text, t.param+unit)
}

// referenceMessage is for the rules that look at other fields.
func (f *Form) referenceMessage(t tag, how reference, words *regexp.Regexp) string {
	params := trimQuotes(words.FindAllString(t.param, -1))
	switch how {
	case oneField:
		if text, ok := fieldTexts()[t.name]; ok {
			return fmt.Sprintf(text, f.label(params[0]))
		}
		return fmt.Sprintf("must fit %s", f.label(params[0]))
	case manyFields:
		labels := make([]string, len(params))
		for i, name := range params {
			labels[i] = f.label(name)
		}
		join, state := " or ", "filled in"
		if strings.HasSuffix(t.name, "_all") {
			join = " and "
		}
		if strings.Contains(t.name, "_without") {
			state = "empty"
		}
		return presence(t.name) + " when " + strings.Join(labels, join) + " is " + state
	}
	conditions := make([]string, 0, len(params)/2)
	for i := 0; i+1 < len(params); i += 2 {
		conditions = append(conditions, f.label(params[i])+" is "+params[i+1])
	}
	join, when := " and ", " when "
	if strings.HasSuffix(t.name, "_unless") {
		join, when = " or ", " unless "
	}
	return presence(t.name) + when + strings.Join(conditions, join)
}

func presence(tag string) string {
	if strings.HasPrefix(tag, "excluded_") {
		return "must be left empty"
	}
	return "must be filled in"
}

func (f *Form) label(name string) string {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Label
		}
	}
	return name
}

func fieldTexts() map[string]string {
	return map[string]string{
		"eqfield": "must be the same as %s", "eqcsfield": "must be the same as %s",
		"nefield": "must be different from %s", "necsfield": "must be different from %s",
		"gtfield": "must be more than %s", "gtcsfield": "must be more than %s",
		"gtefield": "must be at least %s", "gtecsfield": "must be at least %s",
		"ltfield": "must be less than %s", "ltcsfield": "must be less than %s",
		"ltefield": "must be at most %s", "ltecsfield": "must be at most %s",
		"fieldcontains": "must contain %s", "fieldexcludes": "must not contain %s",
		"postcode_iso3166_alpha2_field": "must be a postcode of the country in %s",
	}
}

// ruleTexts are the validator's tags that have words of their own; %s is the parameter. The others name the tag.
func ruleTexts() map[string]string {
	return map[string]string{
		"required": "must be filled in", "min": "", "max": "", "len": "", "gt": "", "gte": "", "lt": "", "lte": "",
		"eq": "must be %s", "eq_ignore_case": "must be %s", "ne": "must not be %s", "ne_ignore_case": "must not be %s",
		"oneof": "must be one of: %s", "oneofci": "must be one of: %s", "noneof": "must not be one of: %s", "noneofci": "must not be one of: %s",
		"email": "must be a valid email address, such as name@example.com",
		"url":   "must be a web address, such as https://example.com/page", "uri": "must be an address, such as https://example.com/page",
		"http_url": "must be a web address that begins with http:// or https://", "https_url": "must be a web address that begins with https://",
		"e164":  "must be a phone number such as +919876543210",
		"alpha": "must have only the letters a to z", "alphaspace": "must have only the letters a to z and spaces",
		"alphanum": "must have only the letters a to z and digits", "alphanumspace": "must have only the letters a to z, digits and spaces",
		"alphaunicode": "must have only letters", "alphanumunicode": "must have only letters and digits",
		"ascii": "must have only plain ASCII characters", "printascii": "must have only plain ASCII characters",
		"numeric": "must be a number, such as 3.5", "number": "must have only digits", "boolean": "must be true or false",
		"contains": "must contain %s", "containsany": "must contain one of the characters %s", "containsrune": "must contain %s",
		"excludes": "must not contain %s", "excludesall": "must contain none of the characters %s", "excludesrune": "must not contain %s",
		"startswith": "must begin with %s", "endswith": "must end with %s", "startsnotwith": "must not begin with %s", "endsnotwith": "must not end with %s",
		"lowercase": "must be in lower case", "uppercase": "must be in upper case",
		"datetime": "must be a date or time written like %s", "timezone": "must be a time zone, such as Asia/Kolkata", "duration": "must be a duration, such as 1h30m",
		"uuid": "must be a UUID", "uuid4": "must be a UUID of version 4", "uuid7": "must be a UUID of version 7",
		"ip": "must be an IP address", "ipv4": "must be an IPv4 address, such as 192.0.2.1", "ipv6": "must be an IPv6 address",
		"fqdn": "must be a domain name, such as example.com", "hostname": "must be a host name", "hostname_rfc1123": "must be a host name",
		"hexadecimal": "must be hexadecimal", "hexcolor": "must be a colour such as #ff8800", "iscolor": "must be a colour such as #ff8800",
		"latitude": "must be a latitude between -90 and 90", "longitude": "must be a longitude between -180 and 180",
		"json": "must be JSON", "base64": "must be base64", "semver": "must be a version such as 1.2.3",
		"credit_card": "must be a card number", "isbn": "must be an ISBN", "luhn_checksum": "must have a correct check digit",
		"country_code": "must be a country code, such as IN", "iso3166_1_alpha2": "must be a country code of two letters, such as IN",
		"iso3166_1_alpha3": "must be a country code of three letters, such as IND", "iso4217": "must be a currency code, such as INR",
		"bcp47_language_tag": "must be a language code, such as en-GB", "postcode_iso3166_alpha2": "must be a postcode of %s",
	}
}
