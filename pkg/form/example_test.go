package form_test

import (
	"fmt"

	"github.com/formstream/formstream/pkg/form"
)

const contact = `
id: contact-us
fields:
  - {name: name, label: Name, type: text, required: true, rules: min=2}
  - {name: email, label: Email, type: email, required: true}
  - {name: topic, label: Topic, type: choice, options: [Sales, Support], default: Sales}
`

func ExampleForm_Check() {
	f, err := form.Parse("contact-us.yaml", []byte(contact), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	values, _ := f.Check(map[string]any{"name": " <b>Asha</b>  Kulkarni ", "email": "asha@Example.COM"})
	data, _ := f.Encode(values)
	fmt.Println(string(data))

	_, wrong := f.Check(map[string]any{"name": "A", "topic": "Gossip", "age": 42})
	for _, e := range wrong {
		fmt.Printf("%s %s\n", e.Field, e.Message)
	}
	// Output:
	// {"name":"Asha Kulkarni","email":"asha@example.com","topic":"Sales"}
	// name must be at least 2 characters long
	// email must be filled in
	// topic must be one of: Sales, Support
	// age is not a field of this form: leave it out
}

func ExampleForm_Row() {
	f, err := form.Parse("contact-us.yaml", []byte(contact), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	cells, cut, err := f.Row([]byte(`{"name":"Asha Kulkarni","email":"asha@example.com"}`))
	fmt.Printf("%q\n%q\n%d %v\n", f.Header(), cells, cut, err)
	// Output:
	// ["Name" "Email" "Topic"]
	// ["Asha Kulkarni" "asha@example.com" ""]
	// 0 <nil>
}

func ExampleParse_wrong() {
	_, err := form.Parse("contact-us.yaml", []byte("id: contact-us\nfields:\n  - name: email\n    type: emial\n    requird: true\n"), nil)
	fmt.Println(err)
	// Output:
	// contact-us.yaml:4:11: fields[0].type: unknown type "emial" (did you mean "email"?): use one of boolean, choice, choices, consent, date, datetime, email, hidden, integer, multiline, number, phone, text, time, url
	// contact-us.yaml:5:5: fields[0].requird: unknown key (did you mean "required"?): use one of autocomplete, default, help, label, messages, name, options, placeholder, region, required, rules, type
}

func ExampleLoadDir() {
	set, err := form.LoadDir("../../forms", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range set.All() {
		fmt.Println(f.ID, f.Topic(), f.Sinks.Sheets.Tab)
	}
	// Output:
	// demo-form forms.demo-form Demo
	// event-registration forms.event-registration Registrations
	// student-data-form forms.student-data-form Students
}

func ExampleForm_Message() {
	f, err := form.Parse("visit.yaml", []byte(`
id: visit
fields:
  - {name: arrival, label: Arrival, type: date, required: true}
  - {name: departure, type: date, rules: gtefield=arrival}
`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, wrong := f.Check(map[string]any{"arrival": "2026-11-21", "departure": "2026-11-20"})
	for _, e := range wrong {
		fmt.Println(e.Field, e.Rule, e.Message)
		fmt.Println(f.Message("de-AT", e))
	}
	// Output:
	// departure gtefield must not be before Arrival
	// darf nicht vor Arrival liegen
}

func ExampleForm_Schema() {
	f, err := form.Parse("poll.yaml", []byte("id: poll\nfields: [{name: pick, label: Pick, type: choice, options: [a, b], required: true}]"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(f.Schema("https://forms.example.org/forms/poll/schema.json")))
	// Output: {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://forms.example.org/forms/poll/schema.json","title":"poll","type":"object","properties":{"pick":{"title":"Pick","type":"string","enum":["a","b"]}},"required":["pick"],"additionalProperties":false}
}
