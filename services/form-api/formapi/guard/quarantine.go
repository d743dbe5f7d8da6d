package guard

import "github.com/formstream/formstream/pkg/submission"

// Why a submission is kept aside: the values of the header ce_verdict, and of the metric's label outcome.
const (
	Honeypot        = "honeypot"         // the field that people do not see was filled in
	TooFast         = "too-fast"         // the page was sent faster than the form's min-fill
	StartForged     = "start-forged"     // the page's token is not ours, or another form's
	StartMissing    = "start-missing"    // the hosted page was sent without its token
	StartStale      = "start-stale"      // the page was older than MaxFill
	CaptchaFailed   = "captcha-failed"   // the provider does not confirm the token
	CaptchaHostname = "captcha-hostname" // the puzzle was solved on a site that is none of the form's
	CaptchaScore    = "captcha-score"    // the provider's score is below the form's min-score
)

// Quarantine returns the topic of a form's suspected spam.
func Quarantine(formID string) string { return "quarantine." + formID }

// Headers returns what a record in quarantine has beside the headers of its submission: the CloudEvents extension verdict.
// The rest of the record is as it would be in the form's own topic, so that releasing it is copying it without these.
func Headers(reason string) []submission.Header {
	return []submission.Header{{Key: "ce_verdict", Value: []byte(reason)}}
}
