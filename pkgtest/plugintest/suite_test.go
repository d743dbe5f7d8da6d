package plugintest_test

import (
	"testing"

	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/plugintest"
)

func TestSuite_oneBroker(t *testing.T) {
	t.Parallel()
	plugintest.Suite(t, kafkatest.Start(t))
}

func TestSuite_threeBrokers(t *testing.T) {
	t.Parallel()
	plugintest.Suite(t, kafkatest.Start(t, kafkatest.Nodes(3)))
}
