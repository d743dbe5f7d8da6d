package kafkatest_test

import (
	"testing"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestSuite_oneBroker(t *testing.T) { kafkatest.Suite(t, kafkatest.Start(t)) }

func TestSuite_threeBrokers(t *testing.T) { kafkatest.Suite(t, kafkatest.Start(t, kafkatest.Nodes(3))) }
