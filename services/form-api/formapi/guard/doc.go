// Package guard keeps abuse away from a form without losing one genuine submission.
//
// # Two steps
//
//	CORS    every request         says to browsers which pages may read the answer; answers a preflight itself
//	Admit   before the body       API key (401), limit per client, limit per form (429 with Retry-After)
//	Judge   once values are right honeypot, fill time, captcha: pass, refuse, or keep aside with a reason
//
// What is merely suspected is never refused and never dropped: [Verdict].Quarantine gives a reason, and the submission goes
// to the topic [Quarantine] names with the headers [Headers] adds, answered like any other, so that a spammer learns
// nothing and a person who was misjudged loses nothing. Only what its sender can put right is refused:
//
//	client-limit, form-limit   429   Retry-After says when the next one is taken
//	unauthorized               401   the form has API keys, and none of them was sent
//	captcha-required           422   no token came along: solve the puzzle, or load it
//	captcha-unavailable        503   the provider does not answer, and the form says on-error: refuse
//
// Judge comes after the fields have been checked, because a captcha's token can be verified once only: whoever has to
// correct a field would have spent it.
//
// # Who is asking
//
// [Client] takes the connection's peer, unless that is a trusted proxy; see there. One client is one IPv4 address or one
// IPv6 /64, which is what a household or a server gets. Behind a trusted proxy that names no client, nobody is limited
// by address (and it is counted): the balancer's own address would be everybody's.
//
// # Limits
//
// A sliding window over two fixed ones, the arithmetic of go-chi/httprate: what is counted is at most Count in any
// stretch of Per, give or take what an uneven previous window hides. Refused ones are not counted. Everything that
// reaches Admit counts, also what is then found invalid, for it costs the same.
//
//   - With Redis, replicas count together: one script call for each limit, of at most 50 ms. After a failure Redis is left
//     alone for a second, then one submission tries again; meanwhile each replica counts for itself, from nothing. Redis can
//     make a submission late by 50 ms for each limit and never refuse one.
//   - A client over its limit is remembered in the process until it may come again: a flood costs no call to Redis.
//   - In Redis: two hashes for each form and limit, with a time to live of two windows and ten seconds, of at most 100,000 clients
//     each. In the process: at most 131,072 clients. A client beyond those is not limited; the form's limit still holds.
//   - No address is in Redis: a client is a keyed hash. Its key comes from the first receipt key, so replicas count together
//     only when they have the same one; while it is being replaced, each half of them counts apart.
//   - A rate that a new definition changes begins anew, and holds back nobody whom the old one did.
//   - Windows follow the replicas' clocks: clocks apart by a tenth of a window let through about a tenth more.
//
// # API keys
//
// A form with api-keys is for servers only. Every post needs a key, whatever its format (else a form-encoded one would be
// the way around), as "Authorization: Bearer KEY" or "X-API-Key: KEY"; and such a form should have no hosted page, since
// nobody could send it. With a right key there is no limit per client, no honeypot, no fill time and no captcha: the
// server vouches for its visitors. Wrong keys count against the client's limit, so they cannot be tried out at speed.
// Keys are compared as SHA-256, all of them, in constant time.
//
// # Honeypot and fill time
//
// Text in the honeypot field is "honeypot". The hosted page carries a signed token with the time at which it was made:
//
//	too-fast      filled in faster than min-fill
//	start-stale   the page is older than 24 hours
//	start-forged  not signed by us, or for another form
//	start-missing the post comes from the hosted page, and has none
//
// A page of somebody else's has no token and needs none. A token is good for any number of posts within 24 hours: one
// page may be sent again after a mistake or on a bad network, and to make tokens single-use would take a store and lose
// those. So it stops programs that post at once, not those that wait: limits and captchas stop them.
//
// # Captcha
//
// Turnstile, hCaptcha and reCAPTCHA (v2 and v3) by their siteverify call: at most 3 s and 64 KiB of answer, at most 256 at a
// time; one more waits for its turn within the same 3 s. Tokens over 8 KiB are not sent. A token that the provider does
// not confirm is "captcha-failed", a score below min-score "captcha-score", a puzzle solved on another site
// "captcha-hostname". No answer, an unreadable one, or one that says the secret is wrong, is the form's on-error: accept
// takes the submission as if there were no captcha, refuse answers 503. Every post needs a token, JSON too.
// The visitor's address is not sent to the provider.
//
// A keyed submission that has passed is remembered for ten minutes (in Redis as well), so that sending it again does not
// fail on its spent token: at most 16,384 in the process, the oldest forgotten. In Redis, one small key each.
// Without Redis a repeat that reaches another replica is judged by the provider anew: Turnstile says the same again,
// the others say it is spent, and it goes to quarantine.
//
// # CORS
//
// No credentials, preflights kept for ten minutes, methods GET, HEAD and POST. An origin that the form does not list gets no CORS
// header at all, never an echo. CORS refuses nothing: a plain HTML form on any site still posts, as HTML forms do.
//
// # What it never does
//
// It logs and counts no address, no token, no key and no value. It starts no goroutine.
package guard
