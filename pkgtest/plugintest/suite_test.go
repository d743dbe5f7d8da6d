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

func TestSuite_realBroker(t *testing.T) { plugintest.Suite(t, kafkatest.Real(t)) }
