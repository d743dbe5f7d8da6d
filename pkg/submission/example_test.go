package submission_test

import (
	"fmt"
	"time"

	"github.com/formstream/formstream/pkg/submission"
)

func ExampleSubmission_Headers() {
	s := submission.Submission{
		ID:         "019a9c3e-7c1b-7d3a-9f00-0123456789ab",
		Form:       "demo-form",
		ReceivedAt: time.UnixMilli(1_795_282_440_120).UTC(),
		Data:       []byte(`{"name":"Asha"}`),
	}
	for _, h := range s.Headers() {
		fmt.Printf("%s: %s\n", h.Key, h.Value)
	}
	// Output:
	// ce_specversion: 1.0
	// ce_id: 019a9c3e-7c1b-7d3a-9f00-0123456789ab
	// ce_source: /forms/demo-form
	// ce_type: formstream.submission.v1
	// ce_time: 2026-11-21T17:34:00.120Z
	// content-type: application/json
}

func ExampleParse() {
	headers := []submission.Header{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte("order-4711")},
		{Key: "ce_source", Value: []byte("/forms/demo-form")},
		{Key: "ce_type", Value: []byte(submission.Type)},
		{Key: "ce_time", Value: []byte("2026-11-21T17:34:00.120Z")},
		{Key: "content-type", Value: []byte("application/json")},
	}
	s, err := submission.Parse([]byte("order-4711"), headers, []byte(`{"name":"Asha"}`))
	fmt.Println(s.ID, s.Form, s.ReceivedAt.UnixMilli(), string(s.Data), err)

	_, err = submission.Parse([]byte("order-4711"), headers[:5], nil)
	fmt.Println(err)
	// Output:
	// order-4711 demo-form 1795282440120 {"name":"Asha"} <nil>
	// not a submission: content-type: is missing
}

func ExampleSigner() {
	signer, err := submission.NewSigner([]byte("thirty-two random bytes are best"))
	if err != nil {
		fmt.Println(err)
		return
	}
	token := signer.Sign(submission.Receipt{Form: "demo-form", Partition: 3, Offset: 42, ID: submission.NewID(), ReceivedAt: time.UnixMilli(1_795_282_440_120)})
	r, err := signer.Open(token)
	fmt.Println(r.Form, r.Partition, r.Offset, err)

	_, err = signer.Open(token + "A")
	fmt.Println(err)
	// Output:
	// demo-form 3 42 <nil>
	// receipt is not valid
}
