package submission_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/format"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/submission"
)

// kafkaMessage shows a record to the CloudEvents SDK by the rules of the Kafka protocol binding: attributes in headers
// with the prefix ce_, the data's type in content-type, the data in the value.
type kafkaMessage struct {
	headers map[string]string
	value   []byte
	version spec.Version
}

func newKafkaMessage(s submission.Submission) *kafkaMessage {
	m := &kafkaMessage{headers: map[string]string{}, value: s.Data}
	for _, h := range s.Headers() {
		m.headers[h.Key] = string(h.Value)
	}
	versions := spec.WithPrefix("ce_")
	m.version = versions.Version(m.headers[versions.PrefixedSpecVersionName()])
	return m
}

func (m *kafkaMessage) ReadEncoding() binding.Encoding {
	switch {
	case format.IsFormat(m.headers["content-type"]):
		return binding.EncodingStructured
	case m.version != nil:
		return binding.EncodingBinary
	}
	return binding.EncodingUnknown
}

func (m *kafkaMessage) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (m *kafkaMessage) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	for key, value := range m.headers {
		var err error
		extension, prefixed := strings.CutPrefix(key, m.version.Prefix())
		switch attribute := m.version.Attribute(key); {
		case attribute != nil:
			err = w.SetAttribute(attribute, value)
		case prefixed:
			err = w.SetExtension(extension, value)
		case key == "content-type":
			err = w.SetAttribute(m.version.AttributeFromKind(spec.DataContentType), value)
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(bytes.NewReader(m.value))
}

// GetAttribute and GetExtension are how the SDK looks one up by itself.
func (m *kafkaMessage) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := m.version.AttributeFromKind(kind)
	if kind == spec.DataContentType {
		return attribute, m.headers["content-type"]
	}
	return attribute, m.headers[attribute.PrefixedName()]
}

func (m *kafkaMessage) GetExtension(name string) any { return m.headers[m.version.Prefix()+name] }

func TestHeaders_readBackByTheCloudEventsSDK(t *testing.T) {
	s := sample()
	e, err := binding.ToEvent(context.Background(), newKafkaMessage(s))
	require.NoError(t, err)
	require.NoError(t, e.Validate())
	require.Equal(t, "1.0", e.SpecVersion())
	require.Equal(t, s.ID, e.ID())
	require.Equal(t, "/forms/"+s.Form, e.Source())
	require.Equal(t, submission.Type, e.Type())
	require.True(t, s.ReceivedAt.Equal(e.Time()))
	require.Equal(t, "application/json", e.DataContentType())
	require.Empty(t, e.Extensions())
	require.JSONEq(t, string(s.Data), string(e.Data()))
}
